"""What the commands print: tables, JSON and complaints."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any


def complain(message: str) -> None:
    """One line on stderr, whatever the message holds."""
    line = f"kerazoo: {' '.join(str(message).split())}"
    if "tqdm" in sys.modules:  # there may be a bar on the line: it steps aside
        sys.modules["tqdm"].tqdm.write(line, file=sys.stderr)
    else:
        print(line, file=sys.stderr)


def print_json(value: Any) -> None:
    """Indented JSON on stdout."""
    print(json.dumps(value, indent=1, ensure_ascii=False))


def print_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()
) -> None:
    """Columns two spaces apart, a rule under the header.

    Args:
        header: Names of the columns.
        rows: Cells, as many as the header has.
        right: Indices of the columns that are set to the right (numbers).
    """
    rows = [list(map(str, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    right = set(right)

    def line(cells: Sequence[str]) -> str:
        set_cells = (
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join(set_cells).rstrip()

    print(line(header))
    print("  ".join("─" * width for width in widths))
    for row in rows:
        print(line(row))


def millions(count: int | None) -> str:
    """`5014382` -> `5.01`; a dash for None."""
    return "–" if count is None else f"{count / 1e6:.2f}"


def percent(value: float | None) -> str:
    """One decimal; a dash for None."""
    return "–" if value is None else f"{value:.1f}"


class Progress:
    """A bar on stderr where that is a terminal, nothing elsewhere."""

    def __init__(self, total: int, unit: str) -> None:
        from tqdm import tqdm

        self._bar = tqdm(
            total=total, unit=unit, file=sys.stderr, disable=not sys.stderr.isatty(), leave=False
        )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def at(self, done: int, total: int) -> None:
        """Moves the bar to `done` of `total`."""
        self._bar.total = total
        self._bar.update(done - self._bar.n)
