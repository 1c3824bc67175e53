"""From logits to a class for every pixel of the original picture, in bounded memory."""

from typing import Any

import numpy as np

from kerazoo.placement import Placement

UNSEEN = 255  # of pixels that the network did not see, and of those that a truth leaves out
MOST_CLASSES = 255
STRIP = 1 << 20  # pixels that are decided at a time


def class_map(scores: np.ndarray, placement: Placement) -> np.ndarray:
    """The class with the highest interpolated score at each pixel of a picture.

    Scores are interpolated bilinearly (half-pixel centres) at the centres of the picture's pixels,
    and never stored for all of them: where the four scores around a pixel agree on the class, that
    is its class, whatever lies between; the others are computed, strip by strip. Of classes with
    equal scores the first counts.

    Args:
        scores: float `(height, width, classes)`, of any size: they cover the network's input.
        placement: Of the picture in that input.

    Returns:
        uint8 `(height, width)` of the picture; `UNSEEN` where the input had no part of it.
    """
    scores = np.ascontiguousarray(scores)
    height, width = placement.picture
    rows, columns = (
        _Axis.of(placement, axis, scores.shape[1 - axis], count)
        for axis, count in ((1, height), (0, width))
    )
    best = scores.argmax(-1).astype("uint8")
    found = np.empty((height, width), "uint8")
    step = max(1, STRIP // width)
    for start in range(0, height, step):
        part = rows[start : start + step]
        found[start : start + step] = _decided(scores, best, part, columns)
    return found


class _Axis:
    """Where the pixels of a picture fall between the scores, along one axis.

    Attributes:
        before, after: Numbers of the scores on both sides, int `(pixels,)`.
        share: Of the one after, float32.
        seen: Whether the pixel is in the network's input.
    """

    def __init__(self, before: Any, after: Any, share: Any, seen: Any):
        self.before, self.after, self.share, self.seen = before, after, share, seen

    @classmethod
    def of(cls, placement: Placement, axis: int, scores: int, pixels: int) -> "_Axis":
        size = placement.size[1 - axis]
        # A pixel's edge may be a rounding error outside; its centre tells.
        there = (np.arange(pixels) + 0.5) * placement.scale[axis] + placement.offset[axis]
        at = np.clip(there * (scores / size) - 0.5, 0, scores - 1)
        before = np.floor(at).astype("int64")
        after = np.minimum(before + 1, scores - 1)
        return cls(before, after, (at - before).astype("float32"), (there >= 0) & (there <= size))

    def __getitem__(self, part: slice) -> "_Axis":
        return _Axis(self.before[part], self.after[part], self.share[part], self.seen[part])


def _decided(scores: np.ndarray, best: np.ndarray, rows: _Axis, columns: _Axis) -> np.ndarray:
    corners = [
        np.take(best[y], x, axis=1)
        for y in (rows.before, rows.after)
        for x in (columns.before, columns.after)
    ]
    found = corners[0]
    unsure = np.zeros(found.shape, bool)
    for other in corners[1:]:
        unsure |= other != found
    # Few, as a rule; but a network that has learned nothing is unsure everywhere.
    for y, x in _chunks(*np.nonzero(unsure), most=max(1, STRIP // scores.shape[-1])):
        up, left = rows.share[y][:, None], columns.share[x][:, None]
        ends = []
        for line in (rows.before[y], rows.after[y]):
            first, second = scores[line, columns.before[x]], scores[line, columns.after[x]]
            ends.append(first + (second - first) * left)
        found[y, x] = (ends[0] + (ends[1] - ends[0]) * up).argmax(-1)
    found[~rows.seen] = UNSEEN
    found[:, ~columns.seen] = UNSEEN
    return found


def _chunks(y: np.ndarray, x: np.ndarray, most: int) -> Any:
    return ((y[i : i + most], x[i : i + most]) for i in range(0, len(y), most))
