"""Initializers for layers with several kernels."""

import keras


def fresh(initializer):
    """A copy that draws other numbers: a Keras initializer repeats its own at every call."""
    if isinstance(initializer, keras.initializers.Initializer):
        return initializer.clone()
    return initializer
