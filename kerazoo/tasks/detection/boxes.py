"""Boxes: how much two overlap, and the codes in which a network says where one lies.

A box is `(x1, y1, x2, y2)` in pixels. Functions of tensors are Keras' own where they do the same
thing; those for NumPy are for decoding without Keras, for fitting and for evaluation.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerazoo._fields import Record, field
from kerazoo._rules import choice, number, optional, row


def iou(a: Any, b: Any) -> Any:
    """Intersection over union of tensors of boxes, `(…, A, 4)` and `(…, B, 4)`: `(…, A, B)`.

    One batch axis at most, on either or both. Boxes without area overlap nothing. Keras adds 1e-7
    to the union: nothing at all in float32 where unions are above two square pixels, but 2e-5 of a
    small box's overlap in coordinates relative to the picture. Hence pixels.
    """
    from keras.utils import bounding_boxes

    return bounding_boxes.compute_iou(a, b, "xyxy")


def overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """`iou` of arrays, `(A, 4)` and `(B, 4)`: `(A, B)` in the arrays' own precision."""
    shared = intersections(a, b)
    union = areas(a)[:, None] + areas(b)[None] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def intersections(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Shared areas of `(A, 4)` and `(B, 4)`: `(A, B)`."""
    corner = np.maximum(a[:, None, :2], b[None, :, :2])
    sides = np.maximum(np.minimum(a[:, None, 2:], b[None, :, 2:]) - corner, 0)
    return sides[..., 0] * sides[..., 1]


def areas(boxes: np.ndarray) -> np.ndarray:
    """Areas of `(…, 4)`; none where corners are swapped."""
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return sides[..., 0] * sides[..., 1]


def clipped(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Boxes `(…, 4)` cut at the sides of a picture of `(height, width)`."""
    height, width = size
    limits = np.array((width, height, width, height), boxes.dtype)
    return np.minimum(np.maximum(boxes, 0), limits)


@dataclass(frozen=True)
class BoxCoder(Record):
    """How a box is written relative to an anchor: Δx/w, Δy/h, log(w'/w), log(h'/h), all scaled.

    Args:
        scales: Of x, y, width and height. 10, 10, 5, 5 is what others call variances of 0.1, 0.2.
        order: `"xywh"`, or `"yxhw"` as TensorFlow's Object Detection API writes codes.
        size_limit: The largest log(w'/w) that is decoded, since an untrained network may say e^50;
            None for no limit. log(1000 / 16) is torchvision's.
    """

    scales: tuple[float, float, float, float] = field(
        row(number(above=0), "four positive numbers", count=4), (10.0, 10.0, 5.0, 5.0)
    )
    order: str = field(choice("xywh", "yxhw"), "xywh")
    size_limit: float | None = field(optional(number(above=0)), None)

    def encode(self, anchors: Any, boxes: Any) -> Any:
        """Codes of boxes, for tensors of Keras' backend.

        Args:
            anchors: `(A, 4)`.
            boxes: `(…, A, 4)`, one for each anchor. Sides under 1e-7 are taken as that.

        Returns:
            `(…, A, 4)`.
        """
        from keras.utils import bounding_boxes

        return bounding_boxes.encode_box_to_deltas(
            anchors, boxes, "xyxy", "xyxy", f"center_{self.order}", self._variance
        )

    def decode(self, anchors: Any, codes: Any) -> Any:
        """The inverse of `encode`: boxes `(…, A, 4)`, not clipped to the picture."""
        from keras import ops
        from keras.utils import bounding_boxes

        if self.size_limit is not None:
            codes = ops.minimum(codes, self._largest_codes)
        return bounding_boxes.decode_deltas_to_boxes(
            anchors, codes, "xyxy", "xyxy", f"center_{self.order}", self._variance
        )

    def decode_array(self, anchors: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """`decode` for float32 arrays, where Keras need not be there."""
        if self.order == "yxhw":
            codes = codes[..., (1, 0, 3, 2)]
        codes = codes / np.asarray(self.scales, codes.dtype)
        sides = anchors[:, 2:] - anchors[:, :2]
        centres = anchors[:, :2] + sides / 2
        logs = codes[..., 2:]
        if self.size_limit is not None:
            logs = np.minimum(logs, codes.dtype.type(self.size_limit))
        with np.errstate(over="ignore"):
            half = np.exp(logs) * sides / 2
        centres = codes[..., :2] * sides + centres
        return np.concatenate([centres - half, centres + half], axis=-1)

    def _ordered(self, values: tuple) -> tuple:
        x, y, width, height = values
        return (y, x, height, width) if self.order == "yxhw" else (x, y, width, height)

    @property
    def _variance(self) -> tuple[float, ...]:
        return tuple(1 / scale for scale in self._ordered(self.scales))

    @property
    def _largest_codes(self) -> tuple[float, ...]:
        limit = math.inf if self.size_limit is None else self.size_limit
        _, _, width, height = self._ordered(self.scales)
        return (math.inf, math.inf, limit * width, limit * height)


# torchvision's SSD and SSDLite.
TORCHVISION = BoxCoder(size_limit=math.log(1000 / 16))
# ssd.pytorch, EdgeNets and pytorch-ssd: variances of 0.1 and 0.2, no limit.
SSD = BoxCoder()
# TensorFlow Object Detection API. Its encoding adds 1e-8 to sides, which float32 does not see.
TENSORFLOW = BoxCoder(order="yxhw")
