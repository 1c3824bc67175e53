"""Running a model on batches, compiled once."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np


def inference_function(model: Any) -> Callable[[Any], np.ndarray]:
    """`batch -> scores` for a Keras model, in a graph, as a NumPy array.

    `model.predict` compiles with XLA, which on a CPU takes many times longer than the pictures
    themselves and runs depthwise convolutions slower than the plain graph used here.
    """
    if keras.backend.backend() != "tensorflow":
        return lambda batch: np.asarray(model.predict_on_batch(np.asarray(batch)))
    import tensorflow as tf

    height, width, channels = model.input_shape[1:]
    # One trace for all batches, the last and smaller one included.
    signature = [tf.TensorSpec((None, height, width, channels), tf.float32)]
    graph = tf.function(lambda batch: model(batch, training=False), input_signature=signature)
    return lambda batch: graph(batch).numpy()
