"""Where the pixels of a picture are after it was made ready for a network, and back.

Coordinates are continuous: pixel `i` covers `i` to `i + 1`, so the first pixel's centre is at 0.5
and the right edge of a picture is its width. That is how boxes of COCO and VOC (less 1) are meant.
"""

import contextlib
import dataclasses
import warnings
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from kerazoo._checks import check_flag
from kerazoo._errors import invalid
from kerazoo._rules import is_int


@dataclass(frozen=True)
class Placement:
    """A picture that was scaled and moved: `x * scale + offset` is where `x` went.

    Works on NumPy arrays and, inside graphs, on TensorFlow's tensors; the fields may be tensors
    as well. `inverse` goes from the result back to the picture.

    Attributes:
        scale: Of x and of y.
        offset: Of x and of y, in pixels of the result.
        picture: Height and width of the picture.
        size: Height and width of the result.

    >>> placed = Placement((0.5, 0.5), (0.0, 10.0), picture=(100, 200), size=(70, 100))
    >>> placed.boxes([[20.0, 10.0, 60.0, 50.0]]).tolist()
    [[10.0, 15.0, 30.0, 35.0]]
    """

    scale: tuple[Any, Any]
    offset: tuple[Any, Any]
    picture: tuple[Any, Any]
    size: tuple[Any, Any]

    @classmethod
    def of_window(
        cls, picture: tuple[Any, Any], window: tuple[Any, Any, Any, Any], size: tuple[Any, Any]
    ) -> "Placement":
        """Of a window that was cut out of a picture and scaled to `size`.

        Args:
            picture: Height and width.
            window: Top, left, height and width, in pixels of the picture.
            size: Height and width of the result.
        """
        top, left, height, width = map(to_float, window)
        scale = to_float(size[1]) / width, to_float(size[0]) / height
        return cls(scale, (0.0 - left * scale[0], 0.0 - top * scale[1]), picture, size)

    @property
    def inverse(self) -> "Placement":
        """From the result back to the picture."""
        (sx, sy), (ox, oy) = self.scale, self.offset
        return Placement((1 / sx, 1 / sy), (-ox / sx, -oy / sy), self.size, self.picture)

    def mirror(self, when: Any = True) -> "Placement":
        """With the result mirrored left to right.

        Args:
            when: Whether it is: a bool, or a boolean tensor.
        """
        if not type(when).__module__.startswith("tensorflow"):
            check_flag("when", bool(when) if isinstance(when, np.bool_) else when)
        sign = 1 - 2 * to_float(when)
        (sx, sy), (ox, oy) = self.scale, self.offset
        # In a width w, x becomes w - x: (1 - sign) / 2 is 1 where that is wanted, else 0.
        moved = ox * sign + to_float(self.size[1]) * (1 - sign) / 2
        return dataclasses.replace(self, scale=(sx * sign, sy), offset=(moved, oy))

    def points(self, points: Any) -> Any:
        """Where points went: float `(…, 2)`, x and y in pixels."""
        return self._moved(_checked("points", points, 2))

    def boxes(self, boxes: Any, clip: bool = False) -> Any:
        """Where boxes went: float `(…, 4)`, x1, y1, x2, y2 in pixels.

        Args:
            boxes: In pixels of the picture.
            clip: Cut them at the borders of the result. A box that lies outside has no area then.
        """
        check_flag("clip", clip)
        moved = self._moved(_checked("boxes", boxes, 4))
        library = _library(moved)
        first, second = moved[..., :2], moved[..., 2:]
        corners = [library.minimum(first, second), library.maximum(first, second)]
        if clip:
            limits = library.stack([to_float(self.size[1]), to_float(self.size[0])])
            corners = [library.minimum(library.maximum(c, 0.0), limits) for c in corners]
        return library.concat(corners, -1)

    def mask(self, mask: Any, fill: Any = 0) -> Any:
        """A map of the picture's pixels as one of the result's, by the nearest pixel.

        Args:
            mask: `(height, width, …)`, of any type, of the size of `picture`.
            fill: For pixels of the result that lie outside the picture.

        Returns:
            `(height, width, …)` of `size`, of the same type.

        Raises:
            ValueError: It is known to have another size.
        """
        shape = tuple(mask.shape if hasattr(mask, "shape") else np.shape(mask))
        pairs = zip(shape[:2], self.picture, strict=True) if len(shape) > 1 else [(0, 1)]
        if any(is_int(a) and is_int(b) and a != b for a, b in pairs):
            rule = f"of the picture's size, {tuple(self.picture)}"
            raise invalid("mask", f"an array of shape {shape}", rule)
        _check_fill(fill, mask)
        rows, within_rows = self._sources(1)
        columns, within_columns = self._sources(0)
        within = within_rows[:, None] & within_columns[None, :]
        library = _library(mask, rows)
        mask = library.convert_to_tensor(mask)
        for _ in mask.shape[2:]:
            within = within[..., None]
        moved = library.gather(library.gather(mask, rows, axis=0), columns, axis=1)
        return library.where(within, moved, library.cast(fill, mask.dtype))

    def _moved(self, points: Any) -> Any:
        """x, y, x, y, … in the last axis, scaled and moved."""
        library = _library(points, *self.scale, *self.offset)
        points = library.cast(points, _precision(library))
        scale, offset = (
            library.tile(library.stack([to_float(v) for v in pair]), [points.shape[-1] // 2])
            for pair in (self.scale, self.offset)
        )
        return points * library.cast(scale, points.dtype) + library.cast(offset, points.dtype)

    def _sources(self, axis: int) -> tuple[Any, Any]:
        """For every column (axis 0) or row (1) of the result: the picture's, and whether it is."""
        count, known = self.size[1 - axis], self.picture[1 - axis]
        scale, offset = self.scale[axis], self.offset[axis]
        library = _library(count, known, scale, offset)
        centres = library.cast(library.range(count), _precision(library)) + 0.5
        # A centre that falls on an edge goes to the next pixel, however its number was rounded.
        found = library.cast(library.floor((centres - offset) / scale + 1e-3), "int64")
        known = library.cast(known, "int64")
        within = (found >= 0) & (found < known)
        return library.minimum(library.maximum(found, 0), known - 1), within


# NumPy under TensorFlow's names, so that each rule is written once.
_NUMPY = SimpleNamespace(
    cast=lambda value, dtype: np.asarray(value).astype(dtype),
    concat=np.concatenate,
    convert_to_tensor=np.asarray,
    floor=np.floor,
    gather=np.take,
    maximum=np.maximum,
    minimum=np.minimum,
    range=np.arange,
    stack=np.stack,
    tile=np.tile,
    where=np.where,
)


def _library(*values: Any) -> Any:
    """TensorFlow where any of the values is a tensor of it, else NumPy in its clothes."""
    if not any(map(_is_tensor, values)):
        return _NUMPY
    import tensorflow as tf

    return tf


def _precision(library: Any) -> str:
    return "float64" if library is _NUMPY else "float32"


def _is_tensor(value: Any) -> bool:
    """Whether it is TensorFlow's, without importing that."""
    return type(value).__module__.startswith("tensorflow")


def to_float(value: Any) -> Any:
    """A float; of tensors one of float32, since TensorFlow divides integers in float64."""
    if not _is_tensor(value):
        return float(value)
    import tensorflow as tf

    return tf.cast(value, tf.float32)


def _checked(name: str, values: Any, last: int) -> Any:
    """Coordinates, so many in the last axis; tensors are left to TensorFlow."""
    if not type(values).__module__.startswith("tensorflow"):
        array = None
        with contextlib.suppress(ValueError, TypeError):  # lists of unequal lengths
            array = np.asarray(values)
        if array is None or array.dtype.kind not in "iuf" or array.shape[-1:] != (last,):
            raise invalid(name, values, f"numbers, {last} in the last axis")
    return values


def _check_fill(fill: Any, mask: Any) -> None:
    """Refuses what an array of NumPy cannot hold as it is; tensors are left to TensorFlow."""
    if type(mask).__module__.startswith("tensorflow") or type(fill).__module__.startswith("tensor"):
        return
    kind, value = np.asarray(mask).dtype, np.asarray(fill if np.isscalar(fill) else None)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        number = value.dtype.kind in "biuf"
        if not number or not np.array_equal(value.astype(kind), value, equal_nan=True):
            raise invalid("fill", fill, f"a number that {kind} holds")
