"""What a rule is given: a maker of tf_keras layers that notes where every weight went."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from kerazoo._errors import invalid
from kerazoo.optimize._tfmot import Legacy

Rule = Callable[[Any, Any, "Make"], Any]
RULES: dict[type, Rule] = {}


def rule(*kinds: type) -> Callable[[Rule], Rule]:
    """Registers `(layer, inputs, make) -> outputs` for exactly these classes.

    Not for subclasses: those may do anything with the weights.
    """

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(kinds, function))
        return function

    return register


@dataclass(frozen=True)
class Piece:
    """A part of a Keras variable that becomes one weight of a tf_keras layer.

    Attributes:
        value: What the weight is set to.
        variable: Where it comes from; None for a constant.
        number: Which of the variable's parts it is, counted along `axis`.
    """

    value: np.ndarray
    variable: Any = None
    number: int = 0
    axis: int = 0


def whole(variable, shape: Sequence[int] | None = None) -> Piece:
    """All of a variable, in another shape if one is given."""
    value = keras.ops.convert_to_numpy(variable)
    return Piece(value if shape is None else value.reshape(shape), variable)


def cut(variable, sizes: Sequence[int], axis: int = -1) -> list[Piece]:
    """A variable in parts of these sizes."""
    values = np.split(keras.ops.convert_to_numpy(variable), np.cumsum(sizes)[:-1], axis)
    return [Piece(value, variable, i, axis) for i, value in enumerate(values)]


@dataclass
class Home:
    """Where the parts of one Keras variable are: (layer, attribute) in their order."""

    variable: Any
    axis: int
    places: dict[int, tuple[str, str]] = field(default_factory=dict)

    def read(self, model) -> np.ndarray:
        """The variable's value, put together from a trained tf_keras model."""
        parts = [
            np.asarray(getattr(model.get_layer(layer), attribute))
            for _, (layer, attribute) in sorted(self.places.items())
        ]
        value = np.concatenate(parts, self.axis) if len(parts) > 1 else parts[0]
        return value.reshape(self.variable.shape)


@dataclass
class Make:
    """Makes the tf_keras layers of one Keras layer.

    Attributes:
        legacy: The packages.
        name: Of the Keras layer, with the names of the models that it is in.
        made: All tf_keras layers so far, by name: a layer that is called twice is made once.
        homes: Where variables went, by `id`.
    """

    legacy: Legacy
    name: str
    made: dict[str, Any]
    homes: dict[int, Home]

    def __call__(
        self, kind: str | type, x, part: str = "", weights: dict[str, Piece] | None = None, **config
    ):
        """Calls a new layer on `x`.

        Args:
            kind: A class of `tf_keras.layers`, or its name there.
            x: Tensor, or list of tensors.
            part: Added to the name, where one Keras layer becomes several.
            weights: By attribute.
            **config: Of the layer.
        """
        name = f"{self.name}_{part}" if part else self.name
        if name not in self.made:
            found = getattr(self.legacy.keras.layers, kind) if isinstance(kind, str) else kind
            self.made[name] = found(name=name, **config)
        layer = self.made[name]
        y = layer(x)
        for attribute, piece in (weights or {}).items():
            getattr(layer, attribute).assign(piece.value)
            self._note(piece, name, attribute)
        return y

    def _note(self, piece: Piece, layer: str, attribute: str) -> None:
        if piece.variable is not None:
            home = self.homes.setdefault(id(piece.variable), Home(piece.variable, piece.axis))
            home.places[piece.number] = (layer, attribute)

    def own(self, kind: str) -> type:
        """A layer class of `kerazoo.optimize._legacy_layers`."""
        from kerazoo.optimize import _legacy_layers

        return getattr(_legacy_layers, kind)

    def slice(self, x, start: int, stop: int, part: str):
        """Channels `start` to `stop - 1`; `x` itself if those are all."""
        if (start, stop) == (0, x.shape[-1]):
            return x
        return self(self.own("SliceChannels"), x, part, start=start, stop=stop)

    def split(self, x, sizes: Sequence[int]) -> list:
        """The channels in parts of these sizes."""
        ends = np.cumsum(sizes).tolist()
        return [
            self.slice(x, end - size, end, f"split{i}")
            for i, (size, end) in enumerate(zip(sizes, ends, strict=True))
        ]

    def join(self, parts: list):
        """Channels of all parts one behind the other; the layer's last step."""
        return parts[0] if len(parts) == 1 else self("Concatenate", parts)

    def refuse(self, layer, rule: str) -> ValueError:
        """The error for a layer that cannot be lowered: `rule` says what could be."""
        return invalid("model", f"{self.name} ({type(layer).__name__})", rule)
