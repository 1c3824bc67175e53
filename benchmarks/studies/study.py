"""A study: a grid of cells, each a training run, and the log of those that have ended.

A study is a folder beside this file:

- `recipe.toml`: what all cells have in common;
- `cells.py`: `CELLS`, a list of dicts. `changes` are put into the recipe; the other keys say where
  in the grid a cell lies, and name it. `watch(model)`, if it is there, gives numbers after every
  epoch, and `measure(model)` of the trained network, which may replace `parameters` and
  `multiply_adds`;
- `log.jsonl`: a line for each cell that has ended. Tables and figures are made of it alone.
"""

import functools
import hashlib
import json
import runpy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerazoo.training import load_recipe
from kerazoo.training.recipe import Recipe

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Cell:
    """A place in the grid.

    Attributes:
        place: Axis -> value.
        recipe: What is trained there.
    """

    place: Mapping[str, Any]
    recipe: Recipe

    @property
    def name(self) -> str:
        """Of its folder: the values, in the order of the axes."""
        return "-".join(str(value) for value in self.place.values())

    @functools.cached_property
    def digest(self) -> str:
        """Of what the recipe says: a cell whose recipe was changed is open again.

        Keys at their defaults do not count, so that a new one of the library's opens no cell.
        """
        plain = Recipe(self.recipe.model, self.recipe.epochs).to_dict()
        text = json.dumps(_changed(self.recipe.to_dict(), plain), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _changed(values: Mapping[str, Any], plain: Mapping[str, Any]) -> dict[str, Any]:
    """What differs from the defaults, of a recipe or a section of it."""
    both = {key: (value, plain.get(key)) for key, value in values.items()}
    sections = {
        key: _changed(value, before)
        for key, (value, before) in both.items()
        if isinstance(value, dict) and isinstance(before, dict)
    }
    others = {key: value for key, (value, before) in both.items() if value != before}
    named = {key: values[key] for key in ("model", "epochs") if key in values}
    return {**others, **{key: value for key, value in sections.items() if value}, **named}


@dataclass(frozen=True)
class Study:
    """A folder of a study.

    Args:
        folder: Its path.
    """

    folder: Path

    @classmethod
    def named(cls, name: str) -> "Study":
        """The study of that name; `ValueError` if there is none."""
        folder = HERE / name
        if not (folder / "cells.py").is_file():
            known = sorted(path.parent.name for path in HERE.glob("*/cells.py"))
            raise ValueError(f"There is no study {name!r}: choose one of {', '.join(known)}")
        return cls(folder)

    @property
    def log(self) -> Path:
        """The log of cells that have ended."""
        return self.folder / "log.jsonl"

    @functools.cached_property
    def _written(self) -> dict[str, Any]:
        return runpy.run_path(str(self.folder / "cells.py"))

    def asks(self, what: str) -> Callable[[Any], dict[str, float]]:
        """`watch` or `measure` of `cells.py`; gives nothing where that is not there."""
        return self._written.get(what, lambda model: {})

    def cells(self) -> list[Cell]:
        """All of the grid, in the order in which they should be run."""
        found = self._written["CELLS"]
        recipe = str(self.folder / "recipe.toml")
        return [
            Cell(
                {axis: value for axis, value in each.items() if axis != "changes"},
                load_recipe(recipe, each["changes"]),
            )
            for each in found
        ]

    def lines(self) -> Iterator[dict[str, Any]]:
        """What the log says of cells of the grid as it is today."""
        digests = {cell.digest for cell in self.cells()}
        if self.log.is_file():
            for line in self.log.read_text("utf-8").splitlines():
                entry = json.loads(line)
                if entry["recipe"] in digests:
                    yield entry

    def open_cells(self) -> list[Cell]:
        """Those that have no line in the log."""
        done = {entry["recipe"] for entry in self.lines()}
        return [cell for cell in self.cells() if cell.digest not in done]
