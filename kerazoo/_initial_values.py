"""The first values of a network's variables: all at once when it stands, and NumPy's.

Keras draws a variable's values the moment it is created. That is thrown away where weights follow,
and on JAX it compiles a program for every shape. Here networks are built without values; then each
variable takes those that were assigned meanwhile, or a draw that is the same on every backend.
"""

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import global_state
from keras.src.initializers.random_initializers import compute_fans

# Deviation of N(0, 1) cut off at 2: what is drawn is divided by it (Keras' `VarianceScaling`).
_CUT_DEVIATION = 0.87962566103423978

_WAITING = "uninitialized_variables"  # Keras' name for those without a value


@contextlib.contextmanager
def late_values() -> Iterator[None]:
    """Variables that are created here take their values at the end.

    A value that is assigned inside becomes the initial one; what the initializer would draw is then
    never computed. Where Keras already withholds values (`keras.StatelessScope`) nothing changes.
    """
    if global_state.get_global_attribute("stateless_scope") is not None:
        yield
        return
    scope = _Scope()
    with _given_up_on_errors(), scope:
        with _given_up_on_errors():
            yield
        # What Keras itself would initialise at the end of the scope: this list is not public.
        waiting = global_state.get_global_attribute(_WAITING) or []
        for variable in waiting:
            variable._initializer = scope.initializer(variable)
    scope.pass_on(waiting)


@contextlib.contextmanager
def _given_up_on_errors() -> Iterator[None]:
    """Where something fails, no variable waits any more for its values.

    Nobody will see them; left in Keras' list, they would fail whatever is built next.
    """
    try:
        yield
    except BaseException:
        global_state.set_global_attribute(_WAITING, [])
        raise


class _Scope(keras.StatelessScope):
    """Remembers which variables were assigned to, besides the values."""

    def __init__(self):
        super().__init__()
        self._assigned: dict[int, Any] = {}

    def add_update(self, update):
        super().add_update(update)
        self._assigned[id(update[0])] = update[0]

    def initializer(self, variable: Any) -> Callable:
        value = self.get_current_value(variable)
        if value is not None:
            return lambda shape, dtype: value
        draw = variable._initializer
        return lambda shape, dtype: initial_value(draw, shape, dtype)

    def pass_on(self, created: list) -> None:
        """To variables that were there before."""
        new = {id(variable) for variable in created}
        for key, variable in self._assigned.items():
            if key not in new:
                variable.assign(self.state_mapping[key])


def initial_value(initializer: Callable, shape: tuple[int, ...], dtype: str) -> Any:
    """What a Keras initializer gives, drawn by NumPy.

    Same distribution as Keras', and the same numbers for the same seed on every backend. Drawn in
    float32 whatever the dtype. Initializers of other kinds, or with a `SeedGenerator`, draw as
    they do.

    Args:
        initializer: Keras initializer, or any function of shape and dtype.
        shape: Of the variable.
        dtype: Its name.
    """
    if isinstance(getattr(initializer, "seed", 0), int):
        for kind, draw in _DRAWS.items():
            if isinstance(initializer, kind):
                return np.asarray(draw(initializer, tuple(shape)), np.dtype(dtype))
    return initializer(shape, dtype=dtype)


def _scaled(initializer: Any, shape: tuple[int, ...]) -> np.ndarray:
    """`VarianceScaling` and what is made of it: Glorot's, He's, LeCun's."""
    fans = compute_fans(
        shape, input_axes=initializer.input_axes, output_axes=initializer.output_axes
    )
    fan = {"fan_in": fans[0], "fan_out": fans[1], "fan_avg": sum(fans) / 2}[initializer.mode]
    deviation = math.sqrt(initializer.scale / max(1.0, fan))
    random = np.random.default_rng(initializer.seed)
    if initializer.distribution == "uniform":
        return _uniform(random, shape, -math.sqrt(3) * deviation, math.sqrt(3) * deviation)
    if initializer.distribution == "truncated_normal":
        return _cut_normal(random, shape) * np.float32(deviation / _CUT_DEVIATION)
    return random.standard_normal(shape, np.float32) * np.float32(deviation)


def _uniform(random: np.random.Generator, shape, low: float, high: float) -> np.ndarray:
    return random.random(shape, np.float32) * np.float32(high - low) + np.float32(low)


def _cut_normal(random: np.random.Generator, shape) -> np.ndarray:
    """N(0, 1), drawn again wherever it is beyond 2."""
    drawn = random.standard_normal(shape, np.float32)
    while (far := np.abs(drawn) > 2).any():
        drawn[far] = random.standard_normal(int(far.sum()), np.float32)
    return drawn


def _normal(initializer: Any, shape) -> np.ndarray:
    drawn = np.random.default_rng(initializer.seed).standard_normal(shape, np.float32)
    return drawn * np.float32(initializer.stddev) + np.float32(initializer.mean)


def _truncated(initializer: Any, shape) -> np.ndarray:
    drawn = _cut_normal(np.random.default_rng(initializer.seed), shape)
    return drawn * np.float32(initializer.stddev) + np.float32(initializer.mean)


def _between(initializer: Any, shape) -> np.ndarray:
    random = np.random.default_rng(initializer.seed)
    return _uniform(random, shape, initializer.minval, initializer.maxval)


_DRAWS: dict[type, Callable[[Any, tuple[int, ...]], np.ndarray]] = {
    keras.initializers.Zeros: lambda _, shape: np.zeros(shape),
    keras.initializers.Ones: lambda _, shape: np.ones(shape),
    keras.initializers.Constant: lambda initializer, shape: np.full(shape, initializer.value),
    keras.initializers.VarianceScaling: _scaled,
    keras.initializers.RandomNormal: _normal,
    keras.initializers.TruncatedNormal: _truncated,
    keras.initializers.RandomUniform: _between,
}
