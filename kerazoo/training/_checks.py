"""Ranges of the values in a recipe. Names of models, optimizers and schedules are checked later."""

import math
from typing import Any

from kerazoo._errors import invalid, unknown
from kerazoo.training.distribution import check_strategy


def check_section(prefix: str, section: Any) -> None:
    """Checks every value of a `Data`, `Optimizer`, `Transfer` or `Distillation`."""
    for name, (rule, accept) in _RULES[prefix].items():
        if not accept(getattr(section, name)):
            raise invalid(f"{prefix}.{name}", getattr(section, name), rule)
    if prefix == "optimizer":
        clips = [n for n in ("clipnorm", "global_clipnorm", "clipvalue") if getattr(section, n)]
        if len(clips) > 1:
            raise invalid(
                f"optimizer.{clips[1]}", getattr(section, clips[1]), f"without {clips[0]}"
            )


def check_recipe(recipe: Any, dtypes: tuple[str, ...]) -> None:
    """Checks the top-level values of a `Recipe`."""
    for name, (rule, accept) in _RULES[""].items():
        if not accept(getattr(recipe, name)):
            raise invalid(name, getattr(recipe, name), rule)
    if recipe.dtype not in dtypes:
        raise unknown("dtype", recipe.dtype, dtypes)
    check_strategy(recipe.strategy)
    before = 0.0
    for stage in recipe.resolution:
        rule = "a list of [until, size], `until` rising: epochs (int) or shares of them (float)"
        if not isinstance(stage, list | tuple) or len(stage) != 2 or not _positive(stage[0]):
            raise invalid("resolution", recipe.resolution, rule)
        until = stage[0] if isinstance(stage[0], int) else stage[0] * recipe.epochs
        if not before < until <= recipe.epochs or not _whole(stage[1]):
            raise invalid("resolution", recipe.resolution, rule)
        before = until


def _number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)


def _positive(value: Any) -> bool:
    return _number(value) and value > 0


def _not_negative(value: Any) -> bool:
    return _number(value) and value >= 0


def _share(value: Any) -> bool:
    return _number(value) and 0 <= value < 1


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _or_none(accept: Any) -> Any:
    return lambda value: value is None or accept(value)


def _or_auto(value: Any) -> bool:
    return isinstance(value, bool) or value == "auto"


def _factors(value: Any) -> bool:
    return isinstance(value, dict) and all(_text(k) and _not_negative(v) for k, v in value.items())


def _patterns(value: Any) -> bool:
    return _text(value) or (isinstance(value, list) and bool(value) and all(map(_text, value)))


_TEXT, _SHARE = ("text", _text), ("a number in [0, 1)", _share)
_POSITIVE, _NOT_NEGATIVE = ("a positive number", _positive), ("a number, 0 or more", _not_negative)
_CLIP, _TABLE = (
    ("a positive number", _or_none(_positive)),
    ("a table", lambda v: isinstance(v, dict)),
)
_FACTOR = ("a number above 0 and at most 1", lambda v: _positive(v) and v <= 1)
_AUTO = ('true, false or "auto"', _or_auto)
_RULES: dict[str, dict[str, tuple[str, Any]]] = {
    "": {
        "model": ("the id of a model", _text),
        "epochs": ("a positive integer", _whole),
        "batch_size": ("a positive integer", _whole),
        "seed": ("an integer, 0 or more", lambda v: v == 0 or _whole(v)),
        "weights": ("text", _or_none(_text)),
        "jit": _AUTO,
        "resolution": ("a list", lambda v: isinstance(v, list | tuple)),
        "arguments": _TABLE,
        "preprocessing": _TABLE,
        "schedule": ("a table with a name", lambda v: isinstance(v, dict) and _text(v.get("name"))),
    },
    "data": {
        "name": _TEXT,
        "train": _TEXT,
        "test": _TEXT,
        "validation": ("text", _or_none(_text)),
        "fractions": ("a table of shares", _or_none(_factors)),
        "on_corrupt": ('"skip" or "fail"', lambda v: v in ("skip", "fail")),
        "memory": _AUTO,
        "cache": ("true or false", _flag),
        "shuffle_buffer": ("a positive integer", _whole),
    },
    "optimizer": {
        "name": _TEXT,
        "learning_rate": _POSITIVE,
        "warmup_epochs": _NOT_NEGATIVE,
        "momentum": ("a number in [0, 1)", _or_none(_share)),
        "weight_decay": _NOT_NEGATIVE,
        "l2": _NOT_NEGATIVE,
        "label_smoothing": _SHARE,
        "clipnorm": _CLIP,
        "global_clipnorm": _CLIP,
        "clipvalue": _CLIP,
        "accumulate": ("a positive integer", _whole),
        "ema": _SHARE,
        "arguments": _TABLE,
    },
    "transfer": {
        "freeze": ('"none", "backbone", a pattern of layer names or a list of these', _patterns),
        "batch_norm": (
            '"auto", "frozen" or "train"',
            lambda v: v in ("auto", "frozen", "train"),
        ),
        "freeze_until": ("a pattern of layer names", _or_none(_text)),
        "restore_batch_norm": _AUTO,
        "rates": ("a table of factors, 0 or more", _factors),
        "layer_decay": _FACTOR,
    },
    "distillation": {
        "teacher": ("text", _or_none(_text)),
        "weight": _FACTOR,
    },
}
