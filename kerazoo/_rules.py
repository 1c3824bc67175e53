"""What a value can be: rules, as values themselves.

A `Rule` says in words, as a function and as a JSON schema what is accepted. `True` is no number
here, and NaN, infinity and `"3"` are none either.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from kerazoo._errors import invalid, unknown

_BEYOND = 2**63  # integers of 64 bits


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Rule:
    """What is accepted.

    Attributes:
        wants: In words that follow "must be ".
        accepts: Whether a value is that.
        schema: The same as JSON schema.
        choices: Names, where it is one of these: what is none of them is answered by the nearest.
        read: What JSON or TOML can hold -> the value; whatever else is given, it leaves alone.
        write: The value -> what JSON can hold.
    """

    wants: str
    accepts: Callable[[Any], bool]
    schema: Mapping[str, Any] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    read: Callable[[Any], Any] = _as_it_is
    write: Callable[[Any], Any] = _as_it_is

    def check(self, name: str, value: Any) -> None:
        """Complains of the argument or field `name` unless `value` is accepted.

        Raises:
            ValueError: It names all three: argument, value and what is accepted.
        """
        if self.accepts(value):
            return
        if self.choices:
            raise unknown(name, value, self.choices)
        large = is_int(value) and abs(value) >= _BEYOND
        raise invalid(name, value, f"{self.wants}, of 64 bits" if large else self.wants)


def is_int(value: Any) -> bool:
    """Whether it is an int, and no bool."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether it is a finite int or float, and no bool."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return abs(value) <= sys.float_info.max  # of NaN it is not; an int may be beyond it


def integer(least: int | None = 1, most: int | None = None) -> Rule:
    """A whole number within both ends; None leaves an end open, to 64 bits.

    Libraries that it is handed to fail beyond these, each in its way.
    """
    if most is not None:
        wants = f"an integer from {least} to {most}"
    elif least is None:
        wants = "an integer"
    else:
        wants = "a positive integer" if least == 1 else f"an integer, {least} or more"

    def accepts(value: Any) -> bool:
        low, high = least is None or value >= least, most is None or value <= most
        return low and high and abs(value) < _BEYOND

    schema = _bounds({"type": "integer"}, minimum=least, maximum=most)
    return Rule(wants, lambda value: is_int(value) and accepts(value), schema)


def number(
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> Rule:
    """A finite number. `above` and `below` are left out, `least` and `most` belong to it."""

    def accepts(value: Any) -> bool:
        return is_number(value) and (
            (above is None or value > above)
            and (least is None or value >= least)
            and (below is None or value < below)
            and (most is None or value <= most)
        )

    schema = _bounds(
        {"type": "number"},
        exclusiveMinimum=above,
        minimum=least,
        exclusiveMaximum=below,
        maximum=most,
    )
    return Rule(_number_words(above, least, below, most), accepts, schema)


def _number_words(above: Any, least: Any, below: Any, most: Any) -> str:
    low = f"above {above}" if above is not None else f"from {least}"
    high = f"below {below}" if below is not None else f"at most {most}"
    if above is least is None:
        return "a finite number" if below is most is None else f"a number, {high}"
    if below is most is None:
        if least is not None:
            return f"a number, {least} or more"
        return "a positive number" if above == 0 else f"a number above {above}"
    if least is not None:
        end = f"a number from {least} to {most}"
        return end if below is None else f"a number in [{least}, {below})"
    return f"a number {low} and {high}"


def _bounds(schema: dict[str, Any], **bounds: float | None) -> dict[str, Any]:
    return schema | {name: value for name, value in bounds.items() if value is not None}


def text(wants: str = "text", *, least: int = 1) -> Rule:
    """Text of at least so many letters: by default not empty."""
    return Rule(
        wants,
        lambda value: isinstance(value, str) and len(value) >= least,
        {"type": "string", "minLength": least},
    )


def flag() -> Rule:
    """True or False."""
    return Rule("True or False", lambda value: isinstance(value, bool), {"type": "boolean"})


def choice(*names: str) -> Rule:
    """One of several names; a wrong one is answered by the nearest."""
    return Rule(_words(names), _among(names), {"enum": list(names)}, choices=names)


def word(*words: str) -> Rule:
    """One of few words, so few that the complaint just says them."""
    return Rule(_words(words), _among(words), {"enum": list(words)})


def _among(names: tuple[str, ...]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in names


def _words(names: tuple[str, ...]) -> str:
    quoted = [f'"{name}"' for name in names]
    return " or ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))


def zero(wants: str = "0") -> Rule:
    """Zero, for values of which that means something else than the number before it."""
    return Rule(wants, lambda value: is_number(value) and value == 0, {"const": 0})


def either(*rules: Rule, wants: str | None = None) -> Rule:
    """What one of several rules accepts."""

    def through(way: str) -> Callable[[Any], Any]:
        def convert(value: Any) -> Any:
            for rule in rules:
                if rule.accepts(rule.read(value)):
                    return getattr(rule, way)(value)
            return value

        return convert

    return Rule(
        wants or " or ".join(rule.wants for rule in rules),
        lambda value: any(rule.accepts(value) for rule in rules),
        {"anyOf": [dict(rule.schema) for rule in rules]},
        read=through("read"),
        write=through("write"),
    )


def optional(rule: Rule) -> Rule:
    """None, or what the rule accepts."""
    return Rule(
        f"{rule.wants} or None",
        lambda value: value is None or rule.accepts(value),
        {"anyOf": [dict(rule.schema), {"type": "null"}]},
        rule.choices,
        lambda value: None if value is None else rule.read(value),
        lambda value: None if value is None else rule.write(value),
    )


def auto_or(rule: Rule) -> Rule:
    """`"auto"`, or what the rule accepts."""
    return either(rule, word("auto"))


def table(values: Rule | None = None, wants: str = "a table", *, fixed: bool = False) -> Rule:
    """A dict with names as keys, all its values after one rule.

    Args:
        values: The rule; None for any values.
        wants: In words.
        fixed: Whether nobody may change it: for records that many share.
    """

    def accepts(value: Any) -> bool:
        return isinstance(value, Mapping) and all(
            isinstance(key, str) and bool(key) and (values is None or values.accepts(each))
            for key, each in value.items()
        )

    schema = {"type": "object"} | (
        {} if values is None else {"additionalProperties": dict(values.schema)}
    )

    def read(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        found = value if values is None else {k: values.read(v) for k, v in value.items()}
        return MappingProxyType(dict(found)) if fixed else found

    return Rule(wants, accepts, schema, read=read, write=plain)


def row(
    values: Rule, wants: str, *, count: int | None = None, least: int = 0, rising: bool = False
) -> Rule:
    """A tuple whose values all follow one rule; lists and arrays become tuples.

    Args:
        values: The rule.
        wants: In words.
        count: How many there are; None for any number, but `least`.
        least: How many there are at least.
        rising: Whether none is smaller than the one before it.
    """

    def accepts(value: Any) -> bool:
        return (
            isinstance(value, tuple)
            and (len(value) >= least if count is None else len(value) == count)
            and all(map(values.accepts, value))
            and (not rising or list(value) == sorted(value))
        )

    def read(value: Any) -> Any:
        value = value.tolist() if hasattr(value, "tolist") else value  # a NumPy array
        return tuple(map(values.read, value)) if isinstance(value, list) else value

    schema = {"type": "array", "items": dict(values.schema)}
    return Rule(
        wants,
        accepts,
        _bounds(schema, minItems=least if count is None else count, maxItems=count),
        read=read,
        write=plain,
    )


def plain(value: Any) -> Any:
    """A value as JSON can hold it: tuples become lists, records and read-only tables dicts."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value.to_dict() if hasattr(value, "to_dict") else value
