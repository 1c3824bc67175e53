"""`postprocess.find` as TensorFlow graphs: for batches in TensorFlow, and for files that leave it.

`find_in_graph` needs `CombinedNonMaxSuppression`, which neither LiteRT (without its Flex delegate)
nor tf2onnx knows. `find_one_in_graph` needs `NonMaxSuppressionV4`, which both do.
"""

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from kerazoo._errors import invalid
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
    scores, boxes = _scores(logits, rule, thresholds), _clipped(boxes, rule, size)
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


def find_one_in_graph(
    boxes: tf.Tensor,
    logits: tf.Tensor,
    rule: Suppression,
    size: tuple[int, int],
    thresholds: Sequence[float] | None = None,
) -> dict[str, tf.Tensor]:
    """`find_in_graph` for one picture, of operations that LiteRT and ONNX have.

    Classes are laid out beside each other as on a chessboard, so that one suppression does for all:
    a rule must clip, else they would reach into each other. In float32 that moves sides by 1e-4
    pixels at most for 90 classes at 320, where a row of 90 would move them by 1e-3.

    Args:
        boxes: `(1, A, 4)`.
        logits: `(1, A, 1 + classes)`.
        rule: With a `total`, and no fewer boxes than that `per_class`.
        size: As there.
        thresholds: As there.

    Returns:
        As there, with a batch of 1.

    Raises:
        ValueError: The rule is none of these.
    """
    if not rule.clip or rule.total is None or (rule.per_class or rule.total) < rule.total:
        wants = "a rule that clips, has a `total` and no lower limit `per_class`"
        raise invalid("rule", rule, wants)
    scores, boxes = _scores(logits, rule, thresholds), _clipped(boxes, rule, size)
    anchors, classes = scores.shape[1:]
    entering = anchors if rule.candidates is None else min(rule.candidates, anchors)
    best = tf.transpose(scores[0])  # classes, entering
    chosen = boxes  # likewise, or one for all classes
    if entering < anchors:
        best, rows = tf.math.top_k(best, entering)
        chosen = tf.gather(boxes[0], rows)
    side = math.ceil(classes**0.5)
    squares = [
        (number % side * (size[1] + 1.0), number // side * (size[0] + 1.0)) * 2
        for number in range(classes)
    ]
    # Added by broadcasting: of a repeated one, files would hold megabytes.
    apart = tf.reshape(chosen + tf.constant(squares)[:, None], (-1, 4))
    best = tf.reshape(best, [-1])
    kept, count = tf.image.non_max_suppression_padded(
        apart, best, rule.total, rule.iou, rule.threshold, pad_to_max_output_size=True
    )
    there = tf.range(rule.total) < count
    chosen = tf.reshape(chosen, (-1, 4))
    places = kept % anchors if entering == anchors else kept
    return {
        "boxes": tf.where(there[:, None], tf.gather(chosen, places), 0.0)[None],
        "scores": tf.where(there, tf.gather(best, kept), 0.0)[None],
        "classes": tf.where(there, kept // entering, 0)[None],
        "count": tf.reshape(count, [1]),
    }


def _scores(logits: tf.Tensor, rule: Suppression, thresholds: Sequence[float] | None) -> tf.Tensor:
    """Scores without background; 0, which no rule keeps, at and under the thresholds."""
    scores = (tf.nn.softmax if rule.activation == "softmax" else tf.sigmoid)(logits)[..., 1:]
    if thresholds is None:
        return scores
    return tf.where(scores > tf.constant(thresholds, scores.dtype), scores, 0.0)


def _clipped(boxes: tf.Tensor, rule: Suppression, size: tuple[int, int]) -> tf.Tensor:
    if not rule.clip:
        return boxes
    return tf.clip_by_value(boxes, 0.0, tf.constant((size[1], size[0]) * 2, boxes.dtype))


def _candidates(boxes: Any, scores: Any, entering: int) -> tuple[Any, Any]:
    """The best of each class: `(batch, entering, classes, 4)` and `(batch, entering, classes)`."""
    best, rows = tf.math.top_k(tf.transpose(scores, (0, 2, 1)), entering)
    chosen = tf.gather(boxes, rows, batch_dims=1)  # batch, classes, entering, 4
    return tf.transpose(chosen, (0, 2, 1, 3)), tf.transpose(best, (0, 2, 1))
