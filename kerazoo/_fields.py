"""Frozen records whose fields say themselves what they accept.

    @dataclass(frozen=True)
    class Crop(Record):
        '''…'''

        size: tuple[int, int] = field(row(integer(), "two positive integers", count=2), (224, 224))
        mode: str = field(choice("random", "centre"), "random")

From these come the checking of every value, errors that name field, value and what is accepted,
`to_dict` and `from_dict` for JSON and TOML, which give the nearest name for a wrong key, and a JSON
schema.
"""

import copy
import dataclasses
import functools
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from kerazoo._errors import invalid, unknown
from kerazoo._rules import Rule, plain

_NONE = dataclasses.MISSING


def field(rule: Rule, default: Any = _NONE) -> Any:
    """A field of a `Record`.

    Args:
        rule: What it accepts.
        default: Its value where none is given; dicts, lists and records are copied. Without one,
            the field must be given.
    """
    if isinstance(default, dict | list | Record):
        return dataclasses.field(
            default_factory=functools.partial(copy.deepcopy, default), metadata={"rule": rule}
        )
    return dataclasses.field(default=default, metadata={"rule": rule})


def record(kind: type["Record"], **names: str) -> Rule:
    """Another record; a dict becomes one.

    Args:
        kind: Its class.
        **names: `section` and `keys` for `from_dict`.
    """
    section = names.get("section", kind._section)
    return Rule(
        f"a table, [{section}]" if section else f"a {kind.__name__}",
        lambda value: isinstance(value, kind),
        kind.json_schema(),
        read=lambda value: kind.from_dict(value, **names) if isinstance(value, Mapping) else value,
        write=plain,
    )


class Record:
    """The base of such records. Subclasses are frozen dataclasses; all their fields have rules.

    `check_together` is for what hangs together: it is called when each value is right by itself.

    Args of the class statement:
        section: What errors put before the name of a field: `"optimizer"` for `optimizer.ema`.
        keys: What errors call the names of fields.
    """

    _section: ClassVar[str] = ""
    _keys: ClassVar[str] = "key"

    def __init_subclass__(cls, section: str = "", keys: str = "key") -> None:
        super().__init_subclass__()
        cls._section, cls._keys = section, keys

    def __post_init__(self) -> None:
        for name, rule in self._rules().items():
            given = getattr(self, name)
            value = rule.read(given)
            if value is not given:
                object.__setattr__(self, name, value)
            rule.check(self._dotted(name, self._section), value)
        self.check_together()

    def check_together(self) -> None:
        """Raises a `ValueError` unless the values fit each other."""

    def to_dict(self) -> dict[str, Any]:
        """This record as JSON and TOML can hold it; `from_dict` takes it back."""
        return {name: rule.write(getattr(self, name)) for name, rule in self._rules().items()}

    @classmethod
    def from_dict(
        cls, values: Mapping[str, Any], *, section: str | None = None, keys: str | None = None
    ) -> Self:
        """The inverse of `to_dict`. Missing keys take their defaults.

        Args:
            values: By name of the field; what JSON holds.
            section, keys: As in the class statement, for a record that is part of another.

        Raises:
            ValueError: An unknown key, the nearest are named; a missing one without a default; a
                value that its field does not accept.
        """
        section = cls._section if section is None else section
        keys = keys or cls._keys
        if not isinstance(values, Mapping):
            raise invalid(section or keys, values, f"a table, [{section or keys}]")
        rules = cls._rules()
        for key in values:
            if key not in rules:
                accepted = [cls._dotted(name, section) for name in rules]
                raise unknown(keys, cls._dotted(key, section), accepted)
        for name in cls._needed():
            if name not in values:
                what = keys.removesuffix(" key")
                rule = f"a {what} that says {cls._dotted(name, section)}"
                raise invalid(what, sorted(values), rule)
        return cls(**values)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """What `from_dict` takes, with the docstring's words on every field."""
        words = _arguments(cls.__doc__ or "")
        properties: dict[str, Any] = {}
        for each in dataclasses.fields(cls):  # type: ignore[arg-type]
            found = dict(each.metadata["rule"].schema)
            if each.name in words:
                found["description"] = words[each.name]
            if each.name not in cls._needed():
                made: Any = each.default_factory
                found["default"] = plain(made() if each.default is _NONE else each.default)
            properties[each.name] = found
        return {
            "type": "object",
            "properties": properties,
            "required": list(cls._needed()),
            "additionalProperties": False,
        }

    @classmethod
    @functools.cache
    def _rules(cls) -> dict[str, Rule]:
        return {each.name: each.metadata["rule"] for each in dataclasses.fields(cls)}  # type: ignore[arg-type]

    @classmethod
    @functools.cache
    def _needed(cls) -> list[str]:
        fields = dataclasses.fields(cls)  # type: ignore[arg-type]
        return [f.name for f in fields if f.default is f.default_factory]

    @staticmethod
    def _dotted(name: str, section: str) -> str:
        return f"{section}.{name}" if section else name


def _arguments(docstring: str) -> dict[str, str]:
    """Name -> words, of a docstring's "Args:" or "Attributes:"."""
    part = re.search(r"^ *(?:Args|Attributes):\n(.*?)(?:\n *\n|\Z)", docstring, re.S | re.M)
    if part is None:
        return {}
    found = re.findall(r"^ {8}([\w, ]+): (.*(?:\n {12}.*)*)", part[1], re.M)
    return {name: " ".join(words.split()) for names, words in found for name in names.split(", ")}
