"""Which tests `make test` leaves to `make test-all`: `thorough.toml`, which says why.

Those that show on more networks, on whole data sets or on another backend what a faster test shows
too. `conftest.py` gives them the marker `thorough`.
"""

import re
import tomllib
from functools import cache
from pathlib import Path

LIST = Path(__file__).parent / "thorough.toml"


@cache
def groups() -> dict[str, dict]:
    """`{name: {"reason": why, "instead": [test that stays], "tests": [pattern]}}`."""
    return tomllib.loads(LIST.read_text("utf-8"))


@cache
def _pattern(patterns: tuple[str, ...]) -> re.Pattern:
    """One for all of them: thousands of tests are compared with hundreds."""
    each = "|".join(re.escape(pattern).replace(r"\*", ".*") for pattern in patterns)
    return re.compile(rf"(?:{each})(?:\[.*\])?")


def matches(pattern: str, id: str) -> bool:
    """A pattern is a test's name, with or without its parameters; `*` stands for anything."""
    return _pattern((pattern,)).fullmatch(id) is not None


@cache
def _all() -> tuple[str, ...]:
    return tuple(pattern for group in groups().values() for pattern in group["tests"])


def thorough(id: str) -> bool:
    return _pattern(_all()).fullmatch(id) is not None


def mark(items) -> None:
    for item in items:
        if thorough(item.nodeid):
            item.add_marker("thorough")
