"""One way to name a data set, for commands and recipes."""

import os
from pathlib import Path
from typing import Any

from kerazoo._errors import invalid
from kerazoo.data.tfds import Source, load_source, tfds_splits


def open_source(
    data: str | os.PathLike,
    split: str | None = None,
    *,
    data_dir: str | os.PathLike | None = None,
    shards: int = 1,
    **options: Any,
) -> Source:
    """A TFDS set, an image folder or a CSV file, by what `data` looks like.

    Args:
        data: A path that ends in `.csv`; the path of a folder (with a `/` in it, or one that
            exists, where no `data_dir` is given); otherwise a TFDS name.
        split: By default `"train"`, or `"all"` where a folder or CSV file has no splits.
        data_dir: For TFDS sets: the folder that holds `<name>/<version>`.
        shards: For TFDS sets, see `load_source`.
        **options: For `folder_source` and `csv_source`, such as `fractions`.

    Raises:
        ValueError: No such data.
    """
    from kerazoo.data.folder import csv_source, folder_source

    text, kind = os.fspath(data), _kind(data, data_dir)
    if kind == "csv":
        return csv_source(
            text, split or ("train" if options.get("fractions") else "all"), **options
        )
    if kind == "folder":
        has_train = options.get("fractions") or (Path(text) / "train").is_dir()
        return folder_source(text, split or ("train" if has_train else "all"), **options)
    if options:
        raise invalid("fractions", options, "left out for a TFDS set, which has its own splits")
    return load_source(text, split or "train", data_dir=data_dir, shards=shards)


def split_names(
    data: str | os.PathLike, *, data_dir: str | os.PathLike | None = None
) -> tuple[str, ...]:
    """Names of the splits that data come with; empty for a folder or CSV file without any.

    Args:
        data, data_dir: As for `open_source`.

    Raises:
        ValueError: No such data.
    """
    from kerazoo.data.folder import csv_splits, folder_splits

    text, kind = os.fspath(data), _kind(data, data_dir)
    if kind == "tfds":
        return tuple(tfds_splits(text, data_dir))
    return csv_splits(text) if kind == "csv" else folder_splits(text)


def _kind(data: str | os.PathLike, data_dir: str | os.PathLike | None) -> str:
    text = os.fspath(data)
    if text.lower().endswith(".csv"):
        return "csv"
    if data_dir is not None:
        return "tfds"
    if Path(text).is_dir() or os.sep in text:
        return "folder"
    rule = "the path of a folder or of a .csv file, or a TFDS name together with `data_dir`"
    raise invalid("data", text, rule)
