"""Checks of arguments: one by one (`check_int` and its like), or by annotations (`checked`).

What a value must be, a rule says (`_rules`); frozen records have them at their fields (`_fields`).
"""

import collections.abc
import contextlib
import dataclasses
import functools
import inspect
import os
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kerazoo._rules import (
    Rule,
    choice,
    either,
    flag,
    integer,
    number,
    optional,
    table,
    text,
)


def check_int(
    name: str, value: Any, least: int | None = 1, most: int | None = None, *, optional: bool = False
) -> Any:
    """The value of the argument `name`, which is an int of at least `least`.

    Args:
        name: Of the argument.
        value: What was given.
        least: None for any.
        most: None for any.
        optional: Whether None is accepted as well.

    Raises:
        ValueError: It is something else; True, 2.0 and `"2"` are.
    """
    return _checked(name, value, integer(least, most), optional)


def check_number(name: str, value: Any, *, optional: bool = False, **bounds: float) -> Any:
    """The value of the argument `name`: a finite number within the bounds of `number`."""
    return _checked(name, value, number(**bounds), optional)


def check_text(name: str, value: Any, *, optional: bool = False) -> Any:
    """The value of the argument `name`: text that is not empty."""
    return _checked(name, value, text(), optional)


def check_flag(name: str, value: Any) -> bool:
    """The value of the argument `name`: True or False."""
    return _checked(name, value, flag(), False)


def check_choice(name: str, value: Any, names: Iterable[str], *, optional: bool = False) -> Any:
    """The value of the argument `name`: one of `names`; the complaint gives the nearest."""
    return _checked(name, value, choice(*names), optional)


def _checked(name: str, value: Any, rule: Rule, or_none: bool) -> Any:
    (optional(rule) if or_none else rule).check(name, value)
    return value


def checked(*names: str) -> Callable[[Callable], Any]:
    """Has arguments of a function checked to be of the kinds that they are annotated with.

    Numbers are finite and no bools, text and paths are not empty, what is annotated with a class is
    of that class. What else a value must be, the function checks itself.

    Args:
        *names: Of the arguments.

    >>> @checked("count", "name")
    ... def repeat(count: int, name: str | None = None) -> int:
    ...     return count
    >>> repeat(True)
    Traceback (most recent call last):
    ValueError: The argument `count` must be an integer. Received: `count=True`
    """

    def decorate(function: Callable) -> Callable:
        signature = inspect.signature(function)
        rules = {name: _of_annotation(signature.parameters[name].annotation) for name in names}

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            given = {}
            with contextlib.suppress(TypeError):  # which Python words better, in the call itself
                given = signature.bind(*args, **kwargs).arguments
            for name, rule in rules.items():
                if name in given and given[name] is not signature.parameters[name].default:
                    rule.check(name, given[name])
            return function(*args, **kwargs)

        # Keras looks at the constructors of layers with `getfullargspec`, which sees no further.
        call.__signature__ = signature  # type: ignore[attr-defined]
        return call

    return decorate


def checked_fields(cls: type) -> Any:
    """Has the fields of a dataclass checked as `checked` does; its integers are positive.

    For rows of tables, which hold counts and sizes.
    """
    fields = dataclasses.fields(cls)
    whole = [each.name for each in fields if each.type in (int, int | None)]
    initialise = checked(*(each.name for each in fields))(cls.__init__)

    @functools.wraps(initialise)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        initialise(self, *args, **kwargs)
        for name in whole:
            check_int(name, getattr(self, name), optional=True)

    cls.__init__ = init  # type: ignore[method-assign]
    return cls


def _of_annotation(annotation: Any) -> Rule:
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        members = list(typing.get_args(annotation))
        if str in members and any(_origin(each) is os.PathLike for each in members):
            members.remove(str)
        return either(*map(_of_annotation, members))
    origin, inner = _origin(annotation), typing.get_args(annotation)
    if annotation is Any:
        return Rule("anything", lambda _: True)
    if origin in _KINDS:
        return _KINDS[origin]
    if origin is tuple and inner and ... not in inner:
        rules = [_of_annotation(each) for each in inner]
        return Rule(
            f"({', '.join(rule.wants for rule in rules)})",
            lambda value: (
                isinstance(value, tuple | list)
                and len(value) == len(rules)
                and all(rule.accepts(each) for rule, each in zip(rules, value, strict=True))
            ),
        )
    if origin in (collections.abc.Sequence, tuple) and inner:
        each = _of_annotation(inner[0])
        return Rule(
            f"a list (each {each.wants})",
            lambda value: (
                isinstance(value, Iterable)
                and not isinstance(value, str | bytes | Mapping)
                and all(map(each.accepts, value))
            ),
        )
    if isinstance(origin, type):
        return Rule(_with_article(origin.__name__), lambda value: isinstance(value, origin))
    return Rule("anything", lambda _: True)


def _origin(annotation: Any) -> Any:
    return typing.get_origin(annotation) or annotation


def _with_article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIO' else 'a'} {name}"


_KINDS = {
    int: integer(None),
    float: number(),
    bool: flag(),
    str: text("text that is not empty"),
    bytes: Rule("bytes", lambda value: isinstance(value, bytes)),
    os.PathLike: Rule(
        "text or a path, not empty",
        lambda value: isinstance(value, str | os.PathLike) and bool(os.fspath(value)),
    ),
    None: Rule("None", lambda value: value is None),
    types.NoneType: Rule("None", lambda value: value is None),
    collections.abc.Callable: Rule("a function", callable),
    collections.abc.Mapping: table(),
}
