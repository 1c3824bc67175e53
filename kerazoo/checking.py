"""`kerazoo check`: what there is to know of a data set before anything is trained on it."""

import collections
import hashlib
import html
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._checks import checked
from kerazoo._errors import invalid
from kerazoo.data.boxes.folders import COCO, boxed_splits
from kerazoo.data.corrupt import find_corrupt
from kerazoo.data.masks.layouts import find_masks
from kerazoo.data.masks.source import TASK as OF_MASKS
from kerazoo.data.open import open_source, split_names
from kerazoo.data.source import Source
from kerazoo.pictures import PictureError, picture_header
from kerazoo.tasks import get_task
from kerazoo.tasks.description import Table

SHOWN = 3  # files that a line names
ROWS = 16  # of a table on a terminal; the page has all


@dataclass
class Report:
    """What `check_data` found.

    Attributes:
        data: What was looked at.
        task: What it is for.
        format: How it is stored.
        tables: Of pictures, classes, sizes, …
        attention: Lines on what somebody should look at; with none all is well.
        remarks: Lines on what is in order.
    """

    data: str
    task: str
    format: str
    tables: list[Table] = field(default_factory=list)
    attention: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 where nothing needs attention, else 1."""
        return int(bool(self.attention))

    def text(self) -> str:
        """For a terminal: of long tables the rows that tell most."""
        lines = [f"{self.data}: {self.format}, for {self.task}"]
        for table in self.tables:
            short = table.shortened(ROWS)
            lines += ["", short.title, *_aligned(short)]
        for title, found in (("In order:", self.remarks), ("To look at:", self.attention)):
            lines += ["", title, *(f"- {line}" for line in found)] if found else []
        return "\n".join(lines if self.attention else [*lines, "", "Nothing to look at."])

    def html(self) -> str:
        """A page of its own."""
        parts = [f"<h1>{_safe(self.data)}</h1><p>{_safe(self.format)}, for {_safe(self.task)}</p>"]
        for title, found in (("To look at", self.attention), ("In order", self.remarks)):
            if found:
                items = "".join(f"<li>{_safe(line)}</li>" for line in found)
                parts.append(f"<h2>{title}</h2><ul>{items}</ul>")
        if not self.attention:
            parts.append("<p>Nothing to look at.</p>")
        for table in self.tables:
            head = "".join(f"<th>{_safe(cell)}</th>" for cell in table.header)
            rows = "".join(
                "<tr>" + "".join(f"<td>{_safe(cell)}</td>" for cell in row) + "</tr>"
                for row in table.rows
            )
            parts.append(f"<h2>{_safe(table.title)}</h2><table><tr>{head}</tr>{rows}</table>")
        return _PAGE.format(title=_safe(self.data), body="\n".join(parts))


@checked("data", "data_dir", "task", "progress")
def check_data(
    data: str | os.PathLike,
    *,
    data_dir: str | os.PathLike | None = None,
    task: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Looks at every picture and target of all splits of a data set.

    Args:
        data: A TFDS name with `data_dir`, or a path, as `kerazoo.data.open.open_source` takes them.
        data_dir: The TFDS folder.
        task: What the data are for, where they hold targets of more than one kind.
        progress: Called with (splits done, splits in all).

    Raises:
        ValueError: No such data, none for this task, or annotations that cannot be read at all.
    """
    names = split_names(data, data_dir=data_dir, task=task) or ("all",)
    form, lenient = _format(data, data_dir, task)
    options: dict[str, Any] = {"strict": False} if lenient else {}
    sources = {
        name: open_source(data, name, data_dir=data_dir, task=task, **options) for name in names
    }
    first = next(iter(sources.values()))
    if task not in (None, first.task):
        raise invalid("task", task, f"{first.task!r}, which {os.fspath(data)} is for")
    kind = form or ("files" if first.files else "TFDS")
    report = Report(os.fspath(data), first.task, kind)
    rows = []
    for done, (name, source) in enumerate(sources.items(), 1):
        rows.append(_pictures(name, source, report))
        if progress:
            progress(done, len(sources))
    header = ("split", "pictures", "smallest", "median", "largest", "formats")
    report.tables.append(Table("Pictures (width x height)", header, rows))
    _look_for_duplicates(sources, report)
    survey = get_task(first.task).survey(sources)
    report.tables += survey.tables
    report.attention += survey.attention
    return report


def _format(data: Any, data_dir: Any, task: str | None) -> tuple[str | None, bool]:
    """Name of the format, where it has one, and whether what does not fit can be left out."""
    if data_dir is not None:
        return None, False
    boxed = boxed_splits(data)
    if boxed and task != OF_MASKS:
        return boxed[0], True
    if (found := find_masks(Path(data))) is not None:
        return found.layout, False
    return (COCO, True) if boxed and boxed[0] == COCO else (None, False)


def _pictures(name: str, source: Source, report: Report) -> tuple[str, ...]:
    """A line of the table, and what is odd about the pictures of a split."""
    for each in source.findings:
        (report.remarks if each.fine else report.attention).append(f"{name}: {each}")
    if corrupt := find_corrupt(source):
        shown = _listed([f"{each.name} ({each.reason})" for each in corrupt])
        report.attention.append(f"{name}: pictures that cannot be decoded: {shown}")
    sizes, formats = [], collections.Counter()
    for file in source.files or ():
        try:
            (height, width), _ = picture_header(file)
        except PictureError:
            continue  # told already
        sizes.append((width, height))
        formats[Path(file).suffix.lower()] += 1
    if not sizes:
        shape = source.shape and f"{source.shape[1]} x {source.shape[0]}"
        return (name, str(source.count), *(shape or "–",) * 3, "–")
    order = sorted(sizes, key=lambda size: size[0] * size[1])
    three = (order[0], order[len(order) // 2], order[-1])
    kinds = ", ".join(f"{kind} {count}" for kind, count in formats.most_common())
    return (name, str(source.count), *(f"{w} x {h}" for w, h in three), kinds)


def _look_for_duplicates(sources: Mapping[str, Source], report: Report) -> None:
    """The same bytes twice in a split, or in two of which neither holds all of the other."""
    owners: dict[bytes, dict[str, list[str]]] = {}
    for name, source in sources.items():
        for file in source.files or ():
            try:
                digest = hashlib.blake2b(Path(file).read_bytes(), digest_size=16).digest()
            except OSError:
                continue
            owners.setdefault(digest, {}).setdefault(name, []).append(file)
    within: dict[str, list[str]] = {}
    between: dict[tuple[str, str], list[str]] = {}
    for found in owners.values():
        for name, files in found.items():
            if len(set(files)) > 1:
                within.setdefault(name, []).append(" = ".join(Path(f).name for f in files))
        for pair in _pairs([*found]):
            between.setdefault(pair, []).append(Path(found[pair[0]][0]).name)
    for name, files in within.items():
        report.attention.append(f"{name}: the same picture twice: {_listed(files)}")
    for (one, other), files in between.items():
        if len(files) >= min(sources[one].count, sources[other].count):
            small, large = sorted((one, other), key=lambda split: sources[split].count)
            report.remarks.append(f"{large} holds all of {small}: do not measure on either")
        else:
            report.attention.append(f"the same picture in {one} and {other}: {_listed(files)}")


def _pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]


def _listed(items: Sequence[str]) -> str:
    rest = f"; and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return f"{len(items)} ({'; '.join(items[:SHOWN])}{rest})"


def _aligned(table: Table) -> list[str]:
    """First column to the left, numbers to the right."""
    rows = [table.header, *table.rows]
    widths = np.array([[len(cell) for cell in row] for row in rows]).max(0)
    return [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _safe(text: Any) -> str:
    return html.escape(str(text))


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1c2430; max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: 0.2rem 0.8rem; text-align: right; border-bottom: 1px solid #dfe3e8; }}
th:first-child, td:first-child {{ text-align: left; }}
</style></head><body>
{body}
</body></html>
"""
