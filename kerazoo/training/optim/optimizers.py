"""The optimizer and rate that a recipe asks for."""

import inspect
import logging
from collections.abc import Mapping
from typing import Any

import keras

from kerazoo._errors import invalid, unknown
from kerazoo._machine import cpu_instructions
from kerazoo.training.optim.rates import WarmUp
from kerazoo.training.optim.schedules import SCHEDULES, make_schedule
from kerazoo.training.recipe import Recipe

log = logging.getLogger("kerazoo")

# Shrinking batch-norm scales and biases only changes the effective rate.
NOT_SHRUNK = ("gamma", "beta", "bias")
# Keys of [optimizer] that are arguments of every optimizer of Keras: they have one place each.
_OWN = {
    "learning_rate": "learning_rate",
    "weight_decay": "weight_decay",
    "clipnorm": "clipnorm",
    "global_clipnorm": "global_clipnorm",
    "clipvalue": "clipvalue",
    "use_ema": "ema",
    "ema_momentum": "ema",
    "gradient_accumulation_steps": "accumulate",
    "momentum": "momentum",
}


def recipe_schedule(recipe: Recipe, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """The rate at every batch of a run.

    Args:
        recipe: `[schedule]` gives name and arguments, `optimizer.learning_rate` the maximum.
        steps: Batches in an epoch.

    Raises:
        ValueError: An unknown schedule or argument, or one out of range.
    """
    arguments = dict(recipe.schedule)
    name, top = arguments.pop("name"), recipe.optimizer.learning_rate
    if name not in SCHEDULES:
        raise unknown("schedule.name", name, SCHEDULES)
    accepted = inspect.signature(SCHEDULES[name]).parameters
    for key in ("maximum", "epochs", "warmup_epochs", "steps_per_epoch"):
        if key in arguments:
            raise invalid(f"schedule.{key}", arguments[key], "left out: the run decides it")
    given = {
        "maximum": top,
        "epochs": recipe.epochs,
        "warmup_epochs": recipe.optimizer.warmup_epochs,
        "steps_per_epoch": steps,
    }
    arguments |= {key: value for key, value in given.items() if key in accepted}
    if name == "cyclic":
        # ESPNetv2's rate falls by `minimum` an epoch, from `cycle` times that.
        cycle = arguments.get("cycle", accepted["cycle"].default)
        arguments.setdefault("minimum", top / cycle)
    schedule = make_schedule(name, **arguments)
    warmup = round(recipe.optimizer.warmup_epochs * steps)
    return schedule if "warmup_epochs" in accepted or not warmup else WarmUp(schedule, top, warmup)


def make_optimizer(recipe: Recipe, steps: int) -> keras.optimizers.Optimizer:
    """The optimizer with its schedule, clipping, averages and accumulation.

    Args:
        recipe: What to do.
        steps: Batches in an epoch.

    Raises:
        ValueError: An unknown optimizer, or an argument that it does not have or accept.
    """
    settings, known = recipe.optimizer, optimizer_classes()
    if settings.name.lower() not in known:
        raise unknown("optimizer.name", settings.name, known)
    kind = known[settings.name.lower()]
    accepted = dict(inspect.signature(kind).parameters)
    for name in ("name", "kwargs"):
        accepted.pop(name, None)
    own = _own_arguments(recipe, kind, accepted)
    for name, value in settings.arguments.items():
        if name in _OWN:
            raise invalid(f"optimizer.arguments.{name}", value, f"set as optimizer.{_OWN[name]}")
        if name not in accepted:
            raise unknown("optimizer argument", name, [n for n in accepted if n not in _OWN])
    schedule = recipe_schedule(recipe, steps)
    try:
        optimizer = kind(learning_rate=schedule, **{**own, **settings.arguments})
    except (TypeError, ValueError) as error:
        raise invalid(
            "optimizer.arguments", settings.arguments, f"what it accepts: {error}"
        ) from None
    optimizer.exclude_from_weight_decay(var_names=list(NOT_SHRUNK))
    return optimizer


def optimizer_classes() -> dict[str, type]:
    """Lower-case name -> class, of every optimizer that Keras ships."""
    base = keras.optimizers.Optimizer
    wrappers = (base, keras.optimizers.LossScaleOptimizer, keras.optimizers.MultiOptimizer)
    return {
        name.lower(): kind
        for name, kind in vars(keras.optimizers).items()
        if inspect.isclass(kind) and issubclass(kind, base) and kind not in wrappers
    }


def _own_arguments(
    recipe: Recipe, kind: type, accepted: Mapping[str, inspect.Parameter]
) -> dict[str, Any]:
    settings = recipe.optimizer
    values: dict[str, Any] = {
        name: getattr(settings, name) for name in ("clipnorm", "global_clipnorm", "clipvalue")
    }
    for name in ("weight_decay", "adam_weight_decay"):  # Muon has both
        if name in accepted:
            # None skips it, but not every optimizer takes that.
            none = None if accepted[name].default is None else 0.0
            values[name] = settings.weight_decay or none
    if settings.ema:
        values |= {"use_ema": True, "ema_momentum": settings.ema}
    if settings.accumulate > 1:
        values["gradient_accumulation_steps"] = settings.accumulate
    momentum = settings.momentum
    if kind is keras.optimizers.SGD:
        momentum = 0.9 if momentum is None else momentum
        values["nesterov"] = momentum > 0
    if momentum is not None:
        if "momentum" not in accepted:
            rule = f"left out: {kind.__name__} has none (see its betas under optimizer.arguments)"
            raise invalid("optimizer.momentum", momentum, rule)
        values["momentum"] = float(momentum)
    return values


def add_l2(model: Any, factor: float) -> None:
    """`factor / 2 * |w|²` of every kernel to the loss, so that its gradient is `factor * w`.

    Papers before AdamW mean this by weight decay, and so does `weight_decay` in torch.optim.SGD.
    """
    if not factor:
        return
    for variable in model.trainable_variables:
        if not any(name in variable.name for name in NOT_SHRUNK):
            variable.regularizer = keras.regularizers.L2(factor / 2)


def use_jit(recipe: Recipe) -> bool | str:
    """What `compile` takes as `jit_compile`."""
    if recipe.jit != "auto":
        return recipe.jit
    if keras.backend.backend() != "tensorflow":
        return "auto"
    # XLA on CPU is several times slower than the graph.
    return "auto" if _accelerators() else False


def warn_of_bfloat16(recipe: Recipe) -> None:
    """Says so where bfloat16 is imitated: a step then takes several times as long as in float32."""
    native = {"avx512_bf16", "amx_bf16", "bf16"}
    instructions = cpu_instructions()  # empty where nothing tells
    if recipe.dtype != "mixed_bfloat16" or not instructions or native & instructions:
        return
    if not _accelerators():
        log.warning(
            "This processor has no instructions for bfloat16: dtype 'mixed_bfloat16' will be "
            "several times slower than 'float32'."
        )


def _accelerators() -> list[str]:
    return [d for d in keras.distribution.list_devices() if not d.startswith("cpu")]
