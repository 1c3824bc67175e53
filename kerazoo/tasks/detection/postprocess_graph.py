"""`postprocess.find` as a TensorFlow graph, for whole batches: SavedModel, evaluation."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from kerazoo.tasks.detection.postprocess import Suppression


def find_in_graph(
    boxes: tf.Tensor,
    logits: tf.Tensor,
    rule: Suppression,
    size: tuple[int, int],
    thresholds: Sequence[float] | None = None,
) -> dict[str, tf.Tensor]:
    """Activation and suppression by a rule.

    `tf.image.combined_non_max_suppression` is TensorFlow's rule exactly. It becomes torchvision's
    by taking each class's best candidates first.

    Args:
        boxes: `(batch, A, 4)`, decoded, in pixels of the input.
        logits: `(batch, A, 1 + classes)`, background first.
        rule: What is kept.
        size: `(height, width)` of the input in pixels.
        thresholds: One for each class: scores must be above these too. Evaluation takes none.

    Returns:
        `"boxes"` `(batch, n, 4)` as x1, y1, x2, y2 in pixels, `"scores"` `(batch, n)`, `"classes"`
        int32 `(batch, n)` from 0, best first, zeros after `"count"` int32 `(batch,)`. n is the
        rule's `total`, or as many as its classes together may give.
    """
    activate = tf.nn.softmax if rule.activation == "softmax" else tf.sigmoid
    scores = activate(logits)[..., 1:]
    if thresholds is not None:
        scores = tf.where(scores > tf.constant(thresholds, scores.dtype), scores, 0.0)
    if rule.clip:
        limits = tf.constant((size[1], size[0]) * 2, boxes.dtype)
        boxes = tf.clip_by_value(boxes, 0.0, limits)
    boxes = boxes[:, :, None]  # one box for all classes
    anchors, classes = scores.shape[1:]
    entering = anchors if rule.candidates is None else min(rule.candidates, anchors)
    if entering < anchors:
        boxes, scores = _candidates(boxes[:, :, 0], scores, entering)
    per_class = entering if rule.per_class is None else min(rule.per_class, entering)
    total = per_class * classes if rule.total is None else rule.total
    # It asks for (y1, x1, y2, x2) and only compares: x and y may as well change places.
    found = tf.image.combined_non_max_suppression(
        boxes,
        scores,
        max_output_size_per_class=per_class,
        max_total_size=total,
        iou_threshold=rule.iou,
        score_threshold=rule.threshold,
        clip_boxes=False,
    )
    return {
        "boxes": found.nmsed_boxes,
        "scores": found.nmsed_scores,
        "classes": tf.cast(found.nmsed_classes, tf.int32),
        "count": found.valid_detections,
    }


def _candidates(boxes: Any, scores: Any, entering: int) -> tuple[Any, Any]:
    """The best of each class: `(batch, entering, classes, 4)` and `(batch, entering, classes)`."""
    best, rows = tf.math.top_k(tf.transpose(scores, (0, 2, 1)), entering)
    chosen = tf.gather(boxes, rows, batch_dims=1)  # batch, classes, entering, 4
    return tf.transpose(chosen, (0, 2, 1, 3)), tf.transpose(best, (0, 2, 1))
