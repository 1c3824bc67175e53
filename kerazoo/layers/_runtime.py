"""What the machine and the backend are good at."""

import functools
from collections.abc import Iterable
from typing import Any

import keras


@functools.cache
def xla_pays() -> bool:
    """Whether compiling with XLA makes these networks faster: not for TensorFlow on CPU.

    `fit` and `predict` choose XLA by themselves where every layer says it supports it; on CPU that
    makes a training step 5 to 10 times slower than the graph.
    """
    if keras.backend.backend() != "tensorflow":
        return True
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def prepare(layers: Iterable[Any]) -> None:
    """Gives built layers, once their variables have values, the forms that the backend runs best.

    Theirs and Keras' own; numbers, configurations and what is saved stay the same.
    """
    if keras.backend.backend() == "torch":
        from kerazoo.layers import _torch

        _torch.prepare(layers)
