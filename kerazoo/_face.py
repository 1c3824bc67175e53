"""Packages that answer to their public names, and import what is behind one only when asked."""

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any


class Late:
    """A module that is imported when something of it is first used.

    For modules whose values are wanted where what they compute with is not: a detector's record is
    read by who runs an exported file, without Keras.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        value = getattr(importlib.import_module(self._name), name)
        setattr(self, name, value)
        return value


def face(
    package: str,
    public: Mapping[str, str],
    modules: Iterable[str] = (),
    more: Callable[[], Mapping[str, str]] = dict,
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package.

    Args:
        package: Its name.
        public: Public name -> the module that it is in.
        modules: Modules and packages of it that are public by themselves.
        more: Further public names, asked for when `public` does not have one.
    """
    modules = tuple(modules)

    def get(name: str) -> Any:
        if name in modules:
            return importlib.import_module(f"{package}.{name}")
        hidden = name.startswith("_")  # Python itself looks for such
        module = None if hidden else public.get(name) or more().get(name)
        if module is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(module), name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *public, *modules, *more()})

    return get, names
