"""What an exported segmenter says of itself, and what a server answers with it."""

from collections.abc import Mapping
from typing import Any

from kerazoo._keras_graph import maker
from kerazoo.tasks.segmentation.head import logits_of
from kerazoo.tasks.segmentation.predictions import class_names

PROBABILITIES, LOGITS = "probabilities", "logits"


def facts(model: Any, labels: Any) -> dict[str, Any]:
    """`outputs` and `labels` of an `ExportRecord`; see `Task.facts`.

    Args:
        model: A Keras segmenter.
        labels: Name of a label set or the names; by default the numbers of the classes.
    """
    output = logits_of(model)
    activation = getattr(getattr(maker(output), "activation", None), "__name__", "")
    kind = PROBABILITIES if activation in ("softmax", "sigmoid") else LOGITS
    return {"outputs": {"logits": kind}, "labels": class_names(output.shape[-1], labels)}


def answer(outputs: Mapping[str, Any], record: Any) -> dict[str, Any]:
    """`classes`, uint8 `(batch, height, width)` of the network's input, and the `shares` of the
    classes in it, `(batch, classes)`.
    """
    import tensorflow as tf

    best = tf.argmax(outputs["logits"], axis=-1)
    shares = tf.reduce_mean(tf.one_hot(best, len(record.labels)), axis=(1, 2))
    return {"classes": tf.cast(best, tf.uint8), "shares": shares}
