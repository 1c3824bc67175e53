"""Files of answers: a row a picture, in their order."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from kerazoo._files import write_file, write_text

# Form -> suffix.
FORMS = {"parquet": ".parquet", "jsonl": ".jsonl"}
UNREADABLE = ".unreadable.txt"
# Types of the fields of predictions; all others are float64. Every part has the same, whatever was
# found in it.
_TYPES = {"index": "int64", "id": "int64", "pixels": "int64", "name": "string", "sure": "bool_"}
_ROWS = {"shape"}  # lists of int64


def part_path(folder: Path, number: int, form: str) -> Path:
    """Where the answers of a part go."""
    return folder / f"part-{number:06d}{FORMS[form]}"


def unreadable_path(path: Path) -> Path:
    """Beside the answers of a part: what its unreadable pictures are, a line each."""
    return path.with_name(f"{path.stem}{UNREADABLE}")


def write_part(path: Path, rows: Sequence[dict[str, Any]], fields: Sequence[str]) -> None:
    """Writes the answers of a part; the file is whole or not there.

    Args:
        path: Of the form that its suffix says.
        rows: With `picture`, `predictions` (None where it could not be read) and `error`.
        fields: Keys of each prediction.
    """
    bad = [row["error"] for row in rows if row["error"] is not None]
    if bad:  # first: whoever finds the answers finds these as well
        lines = "".join(f"{_one_line(line)}\n" for line in bad)
        write_text(unreadable_path(path), lines, shared=True)
    # Shared: a worker that was thought dead may be writing the same.
    if path.suffix == FORMS["jsonl"]:
        write_file(path, lambda partial: partial.write_bytes(_json_lines(rows)), shared=True)
    else:
        write_file(path, lambda partial: _write_parquet(partial, rows, fields), shared=True)


def _one_line(text: str) -> str:
    return _text(" ".join(text.split()))


def _text(text: str) -> str:
    """Without what is no Unicode: bytes of a file's name that are no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _json_lines(rows: Iterable[dict[str, Any]]) -> bytes:
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    # What is no Unicode becomes "\\udc80", which is JSON too.
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")


def _write_parquet(path: Path, rows: Sequence[dict[str, Any]], fields: Sequence[str]) -> None:
    import pyarrow
    from pyarrow.parquet import write_table

    prediction = pyarrow.struct([(field, _type(field)) for field in fields])
    schema = pyarrow.schema(
        [
            ("picture", pyarrow.string()),
            ("predictions", pyarrow.list_(prediction)),
            ("error", pyarrow.string()),
        ]
    )
    whole = [
        {**row, "picture": _text(row["picture"]), "error": row["error"] and _text(row["error"])}
        for row in rows
    ]
    write_table(pyarrow.Table.from_pylist(whole, schema), path)


def _type(field: str) -> Any:
    import pyarrow

    if field in _ROWS:
        return pyarrow.list_(pyarrow.int64())
    return getattr(pyarrow, _TYPES.get(field, "float64"))()


def count(path: Path) -> tuple[int, int]:
    """Pictures of a part that is there, and how many of them could not be read."""
    bad = unreadable_path(path)
    unreadable = len(bad.read_text(encoding="utf-8").splitlines()) if bad.is_file() else 0
    if path.suffix == FORMS["jsonl"]:
        with open(path, "rb") as file:
            return sum(1 for _ in file), unreadable
    from pyarrow.parquet import read_metadata

    return read_metadata(path).num_rows, unreadable
