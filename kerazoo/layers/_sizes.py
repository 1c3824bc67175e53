"""How large the maps are that resizing layers give: a share of their input, or as another map."""

import abc
import math
from typing import Any

import keras
from keras import ops

from kerazoo._checks import check_int
from kerazoo._errors import invalid


class Sized(keras.layers.Layer, abc.ABC):
    """A layer that gives maps of another size.

    Called with one map `(batch, height, width, channels)` it gives `scale` times its size; called
    with `[map, like]` it gives the size of `like`. Sizes may be unknown when the model is built.

    Args:
        scale: Above 0; sides are rounded up, in double precision. None where it is called with two
            maps.
        least: Smallest side that `scale` may give.

    Raises:
        ValueError: for a `scale` that is no positive number, a `least` that is no positive integer,
            or a call with the other number of maps.
    """

    def __init__(self, scale: float | None = None, least: int = 1, **kwargs):
        super().__init__(**kwargs)
        positive = isinstance(scale, int | float) and not isinstance(scale, bool) and scale > 0
        if scale is not None and not positive:
            raise invalid("scale", scale, "a positive number, or None for the size of another map")
        check_int("least", least)
        self.scale, self.least = scale, least

    def build(self, input_shape):
        pair = len(input_shape) == 2
        if pair != (self.scale is None) or any(len(s) != 4 for s in _maps(input_shape)):
            wanted = "two maps, `[map, like]`" if self.scale is None else "one map"
            raise ValueError(
                f"{type(self).__name__} with `scale={self.scale}` takes {wanted}. "
                f"Received shapes: {input_shape}"
            )

    def call(self, inputs):
        x, like = inputs if self.scale is None else (inputs, inputs)
        have, want = ops.shape(x)[1:3], self._size(ops.shape(like)[1:3])
        return self.resized(x, have, want)

    @abc.abstractmethod
    def resized(self, x, have, want):
        """The map `x` of the sides `have` at the sides `want`: ints, or tensors where unknown."""

    def _size(self, sides):
        if self.scale is None:
            return sides
        return tuple(_scaled(side, self.scale, self.least) for side in sides)

    def compute_output_shape(self, input_shape):
        x, *like = _maps(input_shape)
        sides = (like[0] if like else x)[1:3]
        if self.scale is not None:
            sides = [n if n is None else _scaled(n, self.scale, self.least) for n in sides]
        return (x[0], *sides, x[3])

    def compute_output_spec(self, inputs):
        shapes = keras.tree.map_structure(lambda x: tuple(x.shape), inputs)
        return keras.KerasTensor(self.compute_output_shape(shapes), dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale, "least": self.least}


def known(sides: Any) -> bool:
    """Whether sides are numbers, not tensors of a graph."""
    return all(isinstance(side, int) for side in sides)


def _maps(input_shape):
    return list(input_shape) if len(input_shape) == 2 else [input_shape]


def _scaled(side, scale: float, least: int):
    if isinstance(side, int):
        return max(math.ceil(side * scale), least)
    exact = ops.ceil(ops.cast(side, "float64") * scale)
    return ops.maximum(ops.cast(exact, "int32"), least)
