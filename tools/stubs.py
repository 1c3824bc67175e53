"""Writes the `.pyi` beside every lazy face of the package: `make catalogue`.

Names that a package loads on first use are invisible to editors and type checkers; the stubs give
them. Constructors are made by a decorator that knows their arguments only at run time, so their
whole signatures are written out.
"""

import importlib
import inspect
import json
import re
from collections.abc import Mapping
from pathlib import Path

from kerazoo._files import write_text
from kerazoo.models._catalogue import constructors

ROOT = Path(__file__).parents[1]
FACES = ("blocks", "checkpoints", "data", "deploy", "scoring", "training")
HEADER = "# Written by `make catalogue`.\n"
_DOTTED = re.compile(r"((?:\w+\.)+)(\w+)")


def stubs() -> dict[Path, str]:
    """Path -> text of every stub."""
    found = {ROOT / "kerazoo/__init__.pyi": package()}
    for name in FACES:
        public = importlib.import_module(f"kerazoo.{name}")._PUBLIC
        found[ROOT / f"kerazoo/{name}/__init__.pyi"] = HEADER + "\n".join([*imports(public), ""])
    return found


def package() -> str:
    """The stub of `kerazoo` itself."""
    import kerazoo

    lines = [f"from kerazoo import {name} as {name}" for name in kerazoo._MODULES]
    lines += imports(kerazoo._PUBLIC)
    used = {"from typing import Any"}
    made = [_definition(name, create, used) for name, create in sorted(constructors().items())]
    parts = [*sorted({*lines, *used}), "", "__version__: str", "", *made]
    return HEADER + "\n".join(parts)


def imports(public: Mapping[str, str]) -> list[str]:
    """A line for every public name, the explicit form that re-exports it."""
    return sorted(f"from {module} import {name} as {name}" for name, module in public.items())


def _definition(name: str, create, used: set[str]) -> str:
    """A constructor with all of its arguments; what annotations need is added to `used`."""
    lines = [f"def {name}("]
    for parameter in inspect.signature(create).parameters.values():
        text = inspect.formatannotation(parameter.annotation)
        for module, type_name in _DOTTED.findall(text):
            used.add(f"from {module.rstrip('.')} import {type_name}")
        text = _DOTTED.sub(r"\2", text)
        default = parameter.default
        shown = json.dumps(default) if isinstance(default, str) else repr(default)
        given = default is not inspect.Parameter.empty
        lines.append(f"    {parameter.name}: {text}{f' = {shown}' * given},")
    summary = inspect.getdoc(create).partition("\n")[0]
    return "\n".join([*lines, ") -> ZooModel:", f'    """{summary}"""', ""])


if __name__ == "__main__":
    for path, text in stubs().items():
        write_text(path, text)
