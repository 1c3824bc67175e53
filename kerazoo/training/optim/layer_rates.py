"""Learning rates by layer for every optimizer of Keras, which knows one rate for all variables.

`keras.optimizers.MultiOptimizer` gives groups of variables optimizers of their own; it has no
`learning_rate`, clips and averages each group by itself, and counts steps several times. Here the
optimizer stays the one it is, and only the rate that it hands to each variable's update is scaled.
"""

import functools
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras

from kerazoo._errors import invalid

if TYPE_CHECKING:  # it is mixed into classes of optimizers
    _Base = keras.optimizers.Optimizer
else:
    _Base = object


class LayerRates(_Base):
    """What `scale_variables` adds to an optimizer's class: `update_step` and weight decay at a rate
    that is a factor of the optimizer's own.

    The factors are numbers, not variables: the optimizer's state is that of the plain optimizer.

    Args:
        rate_factors: Path of a variable -> factor; 1 for the others.
    """

    def __init__(self, *args, rate_factors: Mapping[str, float] | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self._rate_factors = _pairs(rate_factors or {})

    @property
    def rate_factors(self) -> dict[str, float]:
        """Path of a variable -> factor of the learning rate; the others have 1."""
        return dict(self._rate_factors)

    def build(self, variables):
        super().build(variables)
        known: dict[Any, float] = {**self.rate_factors}
        self._factor_by_index = tuple(
            known.get(getattr(variable, "path", None), 1.0) for variable in variables
        )

    def update_step(self, gradient, variable, learning_rate):
        factor = self._factor_of(variable)
        # A rate that is not scaled stays the same graph, to the bit.
        scaled = learning_rate if factor == 1.0 else learning_rate * factor
        super().update_step(gradient, variable, scaled)

    def _apply_weight_decay(self, variables):
        # Decoupled decay shrinks by rate * decay, and Keras asks for the rate meanwhile.
        groups: dict[float, list] = {}
        for variable in variables:
            groups.setdefault(self._factor_of(variable), []).append(variable)
        for factor, group in groups.items():
            self._decay_factor = factor
            try:
                super()._apply_weight_decay(group)
            finally:
                self._decay_factor = 1.0

    def _get_current_learning_rate(self):
        rate, factor = super()._get_current_learning_rate(), getattr(self, "_decay_factor", 1.0)
        return rate if factor == 1.0 else rate * factor

    def _factor_of(self, variable) -> float:
        return self._factor_by_index[self._get_variable_index(variable)]

    def get_config(self):
        return {**super().get_config(), "rate_factors": self.rate_factors}


def scale_variables(
    optimizer: keras.optimizers.Optimizer, factors: Mapping[str, float]
) -> keras.optimizers.Optimizer:
    """Scale the learning rate of single variables, whatever the optimizer.

    Momentum, clipping, accumulation, averages (EMA), schedules and saved states work as before,
    and so does a `LossScaleOptimizer` around it (whose inner optimizer is changed then). Decoupled
    weight decay, which shrinks by rate times decay, is scaled as well, as in timm.

    Args:
        optimizer: Not built yet, that is, before `compile` and `fit`. It is changed in place: its
            class becomes one that has the factors in its configuration.
        factors: `variable.path` -> factor, 0 or more; others keep the optimizer's rate.

    Returns:
        The optimizer.

    Raises:
        ValueError: for an optimizer that is built, or has several rates (`MultiOptimizer`).
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if not isinstance(inner, keras.optimizers.Optimizer) or inner.built:
        raise invalid("optimizer", optimizer, "a Keras optimizer that is not built yet")
    if isinstance(inner, keras.optimizers.MultiOptimizer):
        raise invalid("optimizer", optimizer, "one with a single rate, not a `MultiOptimizer`")
    # A copy through its configuration would lose what `exclude_from_weight_decay` set.
    if not isinstance(inner, LayerRates):
        inner.__class__ = layer_rate_class(type(inner))
    inner._rate_factors = _pairs(factors)
    return optimizer


@functools.cache
def layer_rate_class(kind: type) -> type:
    """The subclass of an optimizer's class with factors by variable; saved models know it."""
    name = "LayerRates" + keras.saving.get_registered_name(kind).replace(">", "_")
    made = type(name, (LayerRates, kind), {"__module__": __name__, "__doc__": LayerRates.__doc__})
    return keras.saving.register_keras_serializable(package="kerazoo", name=name)(made)


def _pairs(factors: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    # Keras and TensorFlow wrap dictionaries that are set on an optimizer; tuples they leave alone.
    return tuple((path, float(factor)) for path, factor in factors.items())


def _register_all() -> None:
    base: Any = keras.optimizers.Optimizer
    wrappers = (base, keras.optimizers.LossScaleOptimizer, keras.optimizers.MultiOptimizer)
    for kind in vars(keras.optimizers).values():
        if inspect.isclass(kind) and issubclass(kind, base) and kind not in wrappers:
            layer_rate_class(kind)


_register_all()  # so that a saved model can be loaded by a process that scaled no optimizer yet
