"""Learning boxes: what each anchor should say, and two losses that are divided by the positives.

Targets are matched in tf.data, beside the network's steps. Both losses of a batch need to know its
positives, so each of the two encoded targets says them: `"logits"` is the class at each anchor
`(batch, anchors)`, 0 for background and -1 for what counts for nothing; `"codes"` is the code of
its box with that class behind it, `(batch, anchors, 5)`.
"""

from typing import Any

import keras
from keras import ops

from kerazoo._errors import invalid
from kerazoo.tasks.detection.detector import CODES, LOGITS, detector_of
from kerazoo.tasks.detection.losses import LossRule
from kerazoo.tasks.detection.matching import make_targets
from kerazoo.tasks.detection.targets import EMPTY


def encode(targets: Any, model: Any) -> dict[str, Any]:
    """A batch of targets as the losses take them; for tf.data graphs.

    Args:
        targets: `"boxes"` `(batch, n, 4)` in pixels of the network's input, `"classes"` and
            `"crowd"` `(batch, n)`.
        model: The detector that learns.
    """
    if keras.backend.backend() != "tensorflow":
        rule = "tensorflow (KERAS_BACKEND): boxes are matched with anchors in tf.data"
        raise invalid("backend", keras.backend.backend(), rule)
    import tensorflow as tf

    detector = detector_of(model)
    # Made here: a tensor of the model's graph or of eager code would not fit every graph.
    anchors = tf.constant(detector.boxes())
    boxes, classes = targets["boxes"], targets["classes"]
    real = classes > EMPTY
    matches = detector.matcher(anchors, boxes, real, targets["crowd"])
    found = make_targets(matches, anchors, boxes, classes, detector.coder)
    wanted = tf.cast(found["classes"], tf.float32)
    return {CODES: tf.concat([found["boxes"], wanted[..., None]], -1), LOGITS: wanted}


def loss(model: Any) -> dict[str, keras.losses.Loss]:
    """The losses of a detector's outputs, by their names."""
    rule = detector_of(model).loss
    return {CODES: BoxLoss(rule), LOGITS: ClassLoss(rule)}


class _Summed(keras.losses.Loss):
    """A number for a batch, which is no mean over it."""

    def __init__(self, rule: LossRule, name: str) -> None:
        super().__init__(name=name, reduction="sum")
        self._rule = rule


class BoxLoss(_Summed):
    """Smooth L1 of the positives' codes, over their number."""

    def __init__(self, rule: LossRule, name: str = "box_loss") -> None:
        super().__init__(rule, name)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self._rule.box_loss(y_true[..., 4], y_true[..., :4], y_pred)


class ClassLoss(_Summed):
    """The class loss of positives and chosen negatives, over the number of positives."""

    def __init__(self, rule: LossRule, name: str = "class_loss") -> None:
        super().__init__(rule, name)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self._rule.class_loss(ops.cast(y_true, "int32"), y_pred)
