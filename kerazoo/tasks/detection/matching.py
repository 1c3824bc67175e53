"""Which anchor answers for which box: the IoU matchers of the sources, and targets from matches.

Written with `keras.ops`: for the loss on every backend, and for tf.data graphs on TensorFlow's.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kerazoo._errors import invalid
from kerazoo._face import Late
from kerazoo._fields import Record, field
from kerazoo._rules import choice, flag, number, optional
from kerazoo.tasks.detection.boxes import BoxCoder, iou

if TYPE_CHECKING:
    from keras import ops
else:
    ops = Late("keras.ops")

NEGATIVE, IGNORED = -1, -2
BACKGROUND = 0  # class of a target; -1 is an anchor that counts for nothing


@dataclass(frozen=True)
class Matcher(Record):
    """An anchor takes the box it overlaps most, if by enough; and each box gets its best anchor.

    Without the second rule a small or odd box that no anchor overlaps by half would teach nothing.
    A box that no anchor touches at all stays without one (the sources give it the first anchor).

    Args:
        threshold: IoU from which on an anchor is a positive.
        negative_below: IoU under which it is a negative; between the two it is ignored. None for
            the same threshold.
        force: Whether each box gets its best anchor, whatever their IoU.
        shared: Which box gets an anchor that is the best of several: the `"last"` in torchvision,
            ssd.pytorch, EdgeNets and pytorch-ssd, the `"first"` in TensorFlow's Object Detection
            API (`argmax_matcher`).
    """

    threshold: float = field(number(above=0, most=1), 0.5)
    negative_below: float | None = field(optional(number(least=0, most=1)), None)
    force: bool = field(flag(), True)
    shared: str = field(choice("last", "first"), "last")

    def check_together(self) -> None:
        low = self.negative_below
        if low is not None and low > self.threshold:
            raise invalid("negative_below", low, f"at most the threshold, {self.threshold}")

    def __call__(self, anchors: Any, boxes: Any, real: Any = None, ignored: Any = None) -> Any:
        """Finds the box of each anchor.

        Args:
            anchors: `(A, 4)` in pixels.
            boxes: `(…, M, 4)` in pixels, with one batch axis at most; M may be 0.
            real: bool `(…, M)`: which boxes are there, the others being padding. Default all.
            ignored: bool `(…, M)`: boxes that are neither to be found nor background (crowds, VOC's
                "difficult"). Anchors that lie in one by `threshold` of their own area, and belong
                to no other box, are ignored. Default none.

        Returns:
            int32 `(…, A)`: index of a box, -1 for a negative, -2 for an anchor to ignore.
        """
        boxes = ops.convert_to_tensor(boxes, "float32")
        real = ops.ones_like(boxes[..., 0], "bool") if real is None else ops.cast(real, "bool")
        wanted = real
        if ignored is not None:
            ignored = ops.logical_and(real, ops.cast(ignored, "bool"))
            wanted = ops.logical_and(real, ops.logical_not(ignored))
        overlap = iou(_one_more(boxes, 2), anchors)  # (…, M + 1, A)
        overlap = ops.where(_one_more(wanted, 1)[..., None], overlap, -1.0)
        best = ops.max(overlap, axis=-2)
        index = ops.cast(ops.argmax(overlap, axis=-2), "int32")

        low = self.threshold if self.negative_below is None else self.negative_below
        matches = ops.where(best >= low, IGNORED, NEGATIVE)
        matches = ops.where(best >= self.threshold, index, matches)
        if ignored is not None:
            inside = ops.any(
                ops.logical_and(
                    _share_inside(anchors, boxes) >= self.threshold, ignored[..., None]
                ),
                axis=-2,
            )
            matches = ops.where(ops.logical_and(inside, matches == NEGATIVE), IGNORED, matches)
        if self.force:
            forced = self._forced(overlap)
            matches = ops.where(forced >= 0, forced, matches)
        return ops.cast(matches, "int32")

    def _forced(self, overlap: Any) -> Any:
        """For each anchor the box whose best anchor it is, or -1. `overlap`: `(…, M, A)`."""
        rows, columns = ops.shape(overlap)[-2:]
        best = ops.one_hot(ops.argmax(overlap, axis=-1), columns, dtype="int32")
        best = best * ops.cast(ops.max(overlap, axis=-1, keepdims=True) > 0, "int32")
        row = ops.arange(rows, dtype="int32")[:, None]
        if self.shared == "last":
            return ops.max(best * (row + 1), axis=-2) - 1
        first = rows - ops.max(best * (rows - row), axis=-2)
        return ops.where(first < rows, first, -1)


def _one_more(values: Any, axes: int) -> Any:
    """`(…, M, …)` with a row of zeros after M, so that there is a row; `axes` from M on."""
    before = [[0, 0]] * (len(values.shape) - axes)
    return ops.pad(values, [*before, [0, 1], *[[0, 0]] * (axes - 1)])


def _share_inside(anchors: Any, boxes: Any) -> Any:
    """Share of each anchor's area that lies in each box: `(…, M, A)`."""
    anchors = ops.convert_to_tensor(anchors, "float32")
    corner = ops.maximum(boxes[..., :, None, :2], anchors[:, :2])
    sides = ops.maximum(ops.minimum(boxes[..., :, None, 2:], anchors[:, 2:]) - corner, 0.0)
    own = ops.prod(anchors[:, 2:] - anchors[:, :2], axis=-1)
    return ops.prod(sides, axis=-1) / own


def make_targets(
    matches: Any, anchors: Any, boxes: Any, classes: Any, coder: BoxCoder
) -> dict[str, Any]:
    """What a network should answer at each anchor.

    Args:
        matches: int32 `(…, A)` of a `Matcher`.
        anchors: `(A, 4)`.
        boxes: `(…, M, 4)`, as the matcher saw them.
        classes: int `(…, M)`, from 0.
        coder: How boxes are written.

    Returns:
        `"classes"`: int32 `(…, A)`, 0 for background, a box's class + 1, -1 for an anchor to
        ignore. `"boxes"`: float32 codes `(…, A, 4)`, zeros where there is no box.
    """
    boxes = _one_more(ops.convert_to_tensor(boxes, "float32"), 2)
    classes = _one_more(ops.cast(classes, "int32"), 1)
    positive = matches >= 0
    index = ops.maximum(matches, 0)
    found = ops.take_along_axis(classes, index, axis=-1)
    target = ops.where(positive, found + 1, ops.where(matches == IGNORED, -1, BACKGROUND))
    codes = coder.encode(anchors, ops.take_along_axis(boxes, index[..., None], axis=-2))
    return {"classes": target, "boxes": ops.where(positive[..., None], codes, 0.0)}


# torchvision's SSD and SSDLite, and ssd.pytorch.
TORCHVISION = Matcher()
# EdgeNets and pytorch-ssd.
EDGENETS = Matcher(threshold=0.45)
# TensorFlow Object Detection API.
TENSORFLOW = Matcher(shared="first")
