"""What the commands print: tables, JSON and complaints.

Names of files, classes and networks come from elsewhere. What of them a terminal would obey
(control characters) or cannot show is escaped here, and nowhere else.
"""

import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

# What some consoles have no signs for (Windows' cp1252, LANG=C), and what stands for it there.
_ASCII = str.maketrans({"─": "-", "–": "-", "—": "-", "…": "...", "×": "x", "→": "->"})
# They turn the direction of what follows on the line.
_TURNING = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_CONTROL = ("Cc", "Cs", "Zl", "Zp")  # Cs: bytes of a file's name that are no UTF-8


def prepare_output() -> None:
    """Makes stdout and stderr take any text, whatever the console's encoding."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def shown(text: Any) -> str:
    """Text in one line that every console of this encoding can show, with nothing in it to obey."""
    safe = "".join(_escaped(c) if _is_control(c) else c for c in str(text))
    if _fits(safe):
        return safe
    encoding = _encoding()
    return safe.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in _CONTROL or character in _TURNING


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python writes a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def _encoding() -> str:
    return getattr(sys.stdout, "encoding", None) or "utf-8"


def _fits(text: str) -> bool:
    try:
        text.encode(_encoding())
    except UnicodeEncodeError:
        return False
    return True


def say(*lines: Any) -> None:
    """Lines on stdout."""
    for line in lines:
        print(shown(line))


def complain(message: Any) -> None:
    """One line on stderr, whatever the message holds."""
    line = f"kerazoo: {shown(' '.join(str(message).split()))}"
    if "tqdm" in sys.modules:  # there may be a bar on the line: it steps aside
        sys.modules["tqdm"].tqdm.write(line, file=sys.stderr)
    else:
        print(line, file=sys.stderr)


def print_json(value: Any) -> None:
    """Indented JSON on stdout."""
    text = json.dumps(value, indent=1, ensure_ascii=False)
    if not _fits(text):
        text = json.dumps(value, indent=1)
    print(re.sub("[\x7f-\x9f]", lambda match: f"\\u{ord(match[0]):04x}", text))


def print_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()
) -> None:
    """Columns two spaces apart, a rule under the header.

    Args:
        header: Names of the columns.
        rows: Cells, as many as the header has.
        right: Indices of the columns that are set to the right (numbers).
    """
    rows = [list(map(shown, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    right = set(right)

    def line(cells: Sequence[str]) -> str:
        set_cells = (
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join(set_cells).rstrip()

    print(line(header))
    print(shown("  ".join("─" * width for width in widths)))
    for row in rows:
        print(line(row))


def millions(count: int | None) -> str:
    """`5014382` -> `5.01`; a dash for None."""
    return "–" if count is None else f"{count / 1e6:.2f}"


def percent(value: float | None) -> str:
    """One decimal; a dash for None."""
    return "–" if value is None else f"{value:.1f}"


def licence(checkpoint: Any) -> str:
    """That of registered weights, with the word that matters most to a user."""
    return checkpoint.licence + (", non-commercial" if checkpoint.non_commercial else "")
