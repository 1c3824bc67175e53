"""What the machine is good at."""

import functools

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
