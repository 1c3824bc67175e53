"""A CSV file that lists pictures and their classes."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._checks import checked
from kerazoo._errors import invalid, quoted, unknown
from kerazoo._files import read_utf8
from kerazoo.data.labelled import check_all_classes, choose, file_source
from kerazoo.data.source import Source
from kerazoo.data.splits import split_name, split_of

COLUMNS = {"path": "path", "label": "label", "split": "split"}


@checked("path", "classes", "root", "columns", "fractions", "seed")
def csv_source(
    path: str | os.PathLike,
    split: str = "all",
    *,
    classes: Sequence[str] | None = None,
    root: str | os.PathLike | None = None,
    columns: Mapping[str, str] | None = None,
    fractions: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Source:
    """Pictures that a CSV file lists, with a header line.

    Args:
        path: The CSV file, in UTF-8.
        split: With or without a slice. Its name is one of the file's column `split`, where there
            is one, or of `fractions`; otherwise `"all"`.
        classes: Names of the classes; labels are then names or indices of these. By default the
            labels that occur, sorted (as numbers where all of them are).
        root: Folder that relative paths start from, by default that of the CSV file.
        columns: Where the columns are not called `path`, `label` and `split`: their names, as
            `{"path": "file", "label": "breed"}`.
        fractions: As for `folder_source`.
        seed: As for `folder_source`.

    Raises:
        ValueError: No such file, column or split; a label out of range; a class without pictures;
            a picture that is not there. Lines are named.
    """
    rows = _read_rows(Path(path), columns)
    texts = [row["label"] for row in rows]
    classes = tuple(classes) if classes is not None else _distinct(path, texts)
    labels = _labels(path, texts, classes)
    check_all_classes("path", path, labels, classes)
    base = Path(root) if root is not None else Path(path).parent
    files = [str(base / row["path"]) for row in rows]
    missing = [file for file in files if not os.path.isfile(file)]
    if missing:
        first = f"{len(missing)} do not, the first is {quoted(missing[0])}"
        rule = f"a list of files that exist; {first}"
        raise invalid("path", str(path), rule)
    _check_one_label(path, files, texts)
    name, within = split_name(split), np.arange(len(rows))
    parts = {row["split"] for row in rows} - {None}
    if parts and (short := [row["path"] for row in rows if row["split"] is None]):
        rule = f"a list whose lines all have a split; that of {quoted(short[0])} has none"
        raise invalid("path", str(path), rule)
    if parts:
        name, fractions = split_of(name, parts, fractions)
    if parts or not fractions:
        if name not in (parts or {"all"}):
            raise unknown("split", split, parts or {"all"})
        within = np.array([i for i in within if not parts or rows[i]["split"] == name])
    names = [rows[i]["path"] for i in within]
    keep = within[choose(split, labels[within], names, fractions, seed)]
    return file_source(Path(path).name, split, classes, [files[i] for i in keep], labels[keep])


def csv_splits(path: str | os.PathLike) -> tuple[str, ...]:
    """What the column `split` of a CSV file holds; empty where there is no such column."""
    rows = _read_rows(Path(path), None)
    return tuple(sorted({row["split"] for row in rows if row["split"] is not None}))


def _read_rows(path: Path, columns: Mapping[str, str] | None) -> list[dict[str, Any]]:
    for key in columns or {}:
        if key not in COLUMNS:
            raise unknown("columns", key, COLUMNS)
    if not path.is_file():
        raise invalid("path", str(path), "an existing CSV file")
    wanted = COLUMNS | dict(columns or {})
    reader = csv.DictReader(io.StringIO(read_utf8(path, "path"), newline=""))
    try:
        header = reader.fieldnames or []
        for key in ("path", "label", *(columns or {})):
            if wanted[key] not in header:
                raise unknown("columns", wanted[key], header)
        if twice := [name for name in wanted.values() if header.count(name) > 1]:
            raise invalid("path", str(path), f"a CSV file with one column {quoted(twice[0])}")
        rows = [_row(path, reader.line_num, row, wanted) for row in reader]
    except csv.Error as error:
        rule = f"a CSV file ({error}, line {reader.line_num})"
        raise invalid("path", str(path), rule) from None
    if not rows:
        raise invalid("path", str(path), "a CSV file with at least one line below its header")
    for line, row in enumerate(rows, start=2):
        if not row["path"] or row["label"] in (None, ""):
            raise invalid("path", str(path), f"a CSV file with path and label; see row {line}")
    return rows


def _row(
    path: Path, line: int, row: Mapping[Any, Any], wanted: Mapping[str, str]
) -> dict[str, Any]:
    if any(row.get(None) or ()):  # a comma within a name, which would be cut short
        rule = f"a CSV file with no more values in a line than its header has (line {line})"
        raise invalid("path", str(path), f"{rule}; commas within a value need quotation marks")
    cells = {key: row.get(name) for key, name in wanted.items()}
    return {key: cell and (cell if key == "path" else cell.strip()) for key, cell in cells.items()}


def _check_one_label(path: Any, files: Sequence[str], labels: Sequence[str]) -> None:
    """A picture may be listed again, to be seen more often, but not as something else."""
    known: dict[str, tuple[int, str]] = {}
    for line, (file, label) in enumerate(zip(files, labels, strict=True), start=2):
        first, before = known.setdefault(os.path.normpath(file), (line, label))
        if label != before:
            twice = f"{quoted(file)} has {quoted(before)} in row {first} and {quoted(label)}"
            rule = f"a list with one label for each picture; {twice} in row {line}"
            raise invalid("path", str(path), rule)


def _distinct(path: Any, texts: Sequence[str]) -> tuple[str, ...]:
    names = set(texts)
    if all(name.isdecimal() for name in names):
        # Numbers are class indices: one that never occurs still has its place, and is reported.
        # Numbers of thousands of digits, which Python does not read, are too high as well.
        highest = max(int(name) if len(name) < 20 else 10**20 for name in names)
        if highest >= len(texts):
            rule = f"a file whose labels count classes from 0; {highest} needs as many pictures"
            raise invalid("path", str(path), rule)
        return tuple(map(str, range(highest + 1)))
    return tuple(sorted(names))


def _labels(path: Any, texts: Sequence[str], classes: tuple[str, ...]) -> np.ndarray:
    index = {name: i for i, name in enumerate(classes)}
    if len(index) != len(classes):
        raise invalid("classes", classes, "names that differ from each other")
    numbers = {str(i): i for i in range(len(classes))} | index
    for row, text in enumerate(texts, start=2):
        if text not in numbers:
            rule = f"a file of labels among its {len(classes)} classes (row {row}: {quoted(text)})"
            raise invalid("path", str(path), rule)
    return np.array([numbers[text] for text in texts], "int64")
