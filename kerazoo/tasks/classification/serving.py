"""What an exported classifier says of itself, and what a server answers with it."""

from collections.abc import Mapping
from typing import Any

from kerazoo._errors import invalid
from kerazoo._keras_graph import maker
from kerazoo.labels import LABEL_SETS, label_names

PROBABILITIES, LOGITS = "probabilities", "logits"


def facts(model: Any, labels: Any) -> dict[str, Any]:
    """`outputs` and `labels` of an `ExportRecord`; see `Task.facts`.

    Args:
        model: A Keras classifier.
        labels: Name of a label set or the names; by default (as in `decode_predictions`)
            ImageNet's for 1000 classes and CIFAR-10's for 10, otherwise the numbers of the
            classes.
    """
    kind = PROBABILITIES if _gives_probabilities(model) else LOGITS
    return {"outputs": {"scores": kind}, "labels": _names(model.output_shape[-1], labels)}


def answer(outputs: Mapping[str, Any], record: Any, top: int = 5) -> dict[str, Any]:
    """`probabilities` `(batch, classes)` and, best first, `classes`, `scores` and `names`
    `(batch, top)`; `logits` too where the network has no softmax.
    """
    import tensorflow as tf

    scores, answer = outputs["scores"], {}
    if record.outputs["scores"] == LOGITS:
        answer["logits"] = scores
        scores = tf.nn.softmax(scores)
    names = tf.constant(record.labels)
    best = tf.math.top_k(scores, min(top, len(record.labels)))
    return answer | {
        "probabilities": scores,
        "classes": best.indices,
        "scores": best.values,
        "names": tf.gather(names, best.indices),
    }


def _names(classes: int, labels: Any) -> tuple[str, ...]:
    if labels is None:
        labels = next((name for name, count in LABEL_SETS.items() if count == classes), None)
    if labels is None:
        return tuple(map(str, range(classes)))
    names = label_names(labels) if isinstance(labels, str) else tuple(labels)
    if len(names) != classes:
        raise invalid("labels", f"{len(names)} names", f"as many names as classes, {classes}")
    return names


def _gives_probabilities(model: Any) -> bool:
    """Whether the last layer is a softmax or sigmoid, or has one as its activation."""
    last = maker(model.outputs[0])
    if last.__class__.__name__ in ("Softmax", "Sigmoid"):
        return True
    name = getattr(getattr(last, "activation", None), "__name__", "")
    return name in ("softmax", "sigmoid")
