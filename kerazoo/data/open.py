"""One way to name a data set, for commands and recipes."""

import os
import re
from pathlib import Path
from typing import Any

from kerazoo._checks import checked
from kerazoo._errors import invalid
from kerazoo.data.boxes.annotated import TASK as OF_BOXES
from kerazoo.data.boxes.folders import boxed_splits, boxes_source
from kerazoo.data.csv_file import csv_source, csv_splits
from kerazoo.data.folder import folder_source, folder_splits
from kerazoo.data.masks.source import TASK as OF_MASKS
from kerazoo.data.masks.source import masks_source, masks_splits
from kerazoo.data.source import Source
from kerazoo.data.splits import default_split
from kerazoo.data.tfds import tfds_source, tfds_splits

_FORM = re.compile(r"[a-z]\w*/\w[\w.-]*")
_BOXES = (".json", ".yaml", ".yml")  # files that describe pictures with boxes


@checked("data", "split", "data_dir", "purpose", "shards", "task")
def open_source(
    data: str | os.PathLike,
    split: str | None = None,
    *,
    data_dir: str | os.PathLike | None = None,
    purpose: str = "train",
    shards: int = 1,
    task: str | None = None,
    **options: Any,
) -> Source:
    """A TFDS set, pictures with boxes or with masks, an image folder or a CSV file.

    Args:
        data: A path that ends in `.csv`, `.json` (COCO) or `.yaml` (YOLO); the path of a folder
            (with a `/` in it, or one that exists, where no `data_dir` is given), by what it holds:
            boxes as COCO, Pascal VOC or YOLO have them, masks or outlines (`masks_source`), else
            a sub-folder for each class; otherwise a TFDS name.
        split: By default `"all"` where a folder or CSV file has no splits, else what `purpose`
            says.
        data_dir: For TFDS sets: the folder that holds `<name>/<version>`.
        purpose: Which split is the default one: `"train"`, or `"evaluate"` for a split that is
            held out (`"validation"`, else `"test"`).
        shards: For TFDS sets, see `tfds_source`.
        task: What the data are for, where they hold boxes as well as masks, as Pascal VOC's and
            COCO's do; by default the boxes count, and of a TFDS set a label for each picture.
        **options: For `folder_source`, `csv_source`, `boxes_source`, `masks_source` and
            `tfds_source`, such as `fractions`.

    Raises:
        ValueError: No such data.
    """
    text, kind = os.fspath(data), _kind(data, data_dir, task)
    if split is None:
        names = options.get("fractions") or split_names(data, data_dir=data_dir, task=task)
        split = default_split(tuple(names), purpose)
    if kind == "csv":
        return csv_source(text, split, **options)
    if kind == "boxes":
        return boxes_source(text, split, **options)
    if kind == "masks":
        return masks_source(text, split, **options)
    if kind == "folder":
        return folder_source(text, split, **options)
    assert data_dir is not None  # else `_kind` finds no TFDS set
    return tfds_source(text, split, data_dir=data_dir, shards=shards, task=task, **options)


def split_names(
    data: str | os.PathLike,
    *,
    data_dir: str | os.PathLike | None = None,
    task: str | None = None,
) -> tuple[str, ...]:
    """Names of the splits that data come with; empty for a folder or CSV file without any.

    Args:
        data, data_dir, task: As for `open_source`.

    Raises:
        ValueError: No such data.
    """
    text, kind = os.fspath(data), _kind(data, data_dir, task)
    if kind == "tfds":
        assert data_dir is not None  # else `_kind` finds no TFDS set
        return tuple(tfds_splits(text, data_dir))
    if kind == "boxes":
        found = boxed_splits(text)
        names = found[1] if found else ()
        return () if names == ("all",) else names
    if kind == "masks":
        names = masks_splits(text) or ()
        return () if names == ("all",) else names
    return csv_splits(text) if kind == "csv" else folder_splits(text)


def is_tfds(data: str | os.PathLike, data_dir: str | os.PathLike | None = None) -> bool:
    """Whether `data` is the name of a TFDS set; arguments and errors as of `open_source`."""
    return _kind(data, data_dir) == "tfds"


def _kind(
    data: str | os.PathLike, data_dir: str | os.PathLike | None, task: str | None = None
) -> str:
    text = os.fspath(data)
    if text.lower().endswith(".csv"):
        return "csv"
    # TFDS calls a set that comes in several forms `coco/2017`.
    form = data_dir is not None and _FORM.fullmatch(text) and not Path(text).exists()
    is_path = os.sep in text and not form
    if not is_path and data_dir is not None and not text.lower().endswith(_BOXES):
        return "tfds"
    annotated = {"boxes": (OF_BOXES, boxed_splits), "masks": (OF_MASKS, masks_splits)}
    # That of the task first; both are there in Pascal VOC's folders.
    for kind, (_, splits) in sorted(annotated.items(), key=lambda item: item[1][0] != task):
        if splits(text):
            return kind
    if is_path or Path(text).is_dir():
        return "folder"
    files = "a .csv, .json or .yaml file"
    rule = f"the path of a folder or of {files}, or a TFDS name together with `data_dir`"
    raise invalid("data", text, rule)
