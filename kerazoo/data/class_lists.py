"""Files that list classes, a name a line."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerazoo._errors import invalid, quoted
from kerazoo._files import read_lines


def listed_classes(file: Path) -> list[str]:
    """The names of a file, in its order.

    Raises:
        ValueError: It cannot be read or lists none, or one name twice; it names file and line.
    """
    lines = read_lines(file)
    if not lines:
        raise invalid("data", os.fspath(file), "a file that lists classes, a name a line")
    names = [name for _, name in lines]
    check_once(file, [number for number, _ in lines], names)
    return names


def check_once(file: Path, lines: Sequence[int], values: Sequence[Any]) -> None:
    """Refuses what a list holds twice: one of the two would be another in silence.

    Args:
        file: The list.
        lines: Number of the line of each value.
        values: Names or numbers.
    """
    first: dict[Any, int] = {}
    for line, value in zip(lines, values, strict=True):
        if value in first:
            rule = f"one that lists each once; {quoted(value)} is in line {first[value]} too"
            raise invalid("data", f"{file}, line {line}", rule)
        first[value] = line
