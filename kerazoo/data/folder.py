"""Sources that are yours: a folder of pictures, a CSV of paths and labels, NumPy arrays."""

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kerazoo._errors import invalid, unknown
from kerazoo.data.tfds import Source
from kerazoo.data.splits import by_fraction, cut, hash_order, split_name

# What TensorFlow's own decoder reads; other formats need Python, which no tf.data map waits for.
SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".bmp")


def folder_source(
    folder: str | os.PathLike,
    split: str = "all",
    *,
    fractions: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Source:
    """Pictures in one sub-folder for each class, whose names are the classes.

    Either the class folders are in `folder` (its one split is then called `"all"`, or `fractions`
    divides it), or they are in a folder for each split (`train/cat/…`, `validation/cat/…`). Their
    order is that of a hash of their paths: always the same, and a slice holds all classes.

    Args:
        folder: Where to look. Hidden files and files that do not end in `SUFFIXES` are left out.
        split: With or without a slice: `"train"`, `"all[:90%]"`.
        fractions: Shares of each class, as `{"train": 0.9, "validation": 0.1}`.
        seed: Chooses another order, and other pictures for each of the `fractions`.

    Raises:
        ValueError: No such folder or split, or a class without pictures.
    """
    root = Path(folder)
    if not root.is_dir():
        raise invalid("folder", str(folder), "an existing folder")
    name = split_name(split)
    if _has_split_folders(root):
        if fractions:
            raise invalid("fractions", dict(fractions), "None: the folder has splits of its own")
        if name not in (parts := [path.name for path in _folders(root)]):
            raise unknown("split", split, parts)
        root = root / name
    elif not fractions and name != "all":
        raise unknown("split", split, ["all"])
    classes = tuple(path.name for path in _folders(root))
    if not classes:
        raise invalid("folder", str(folder), "one that holds a sub-folder for each class")
    found = [_pictures(root / each) for each in classes]
    for each, paths in zip(classes, found, strict=True):
        if not paths:
            rule = f"a folder without empty classes: no picture ({', '.join(SUFFIXES)}) in {each!r}"
            raise invalid("folder", str(folder), rule)
    files = [path for paths in found for path in paths]
    labels = np.repeat(np.arange(len(classes)), [len(paths) for paths in found])
    names = [Path(path).relative_to(root).as_posix() for path in files]
    keep = _choose(split, labels, names, fractions, seed)
    return _file_source(Path(folder).name, split, classes, [files[i] for i in keep], labels[keep])


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
    rows = _read_rows(Path(path), {"path": "path", "label": "label", "split": "split"}, columns)
    texts = [row["label"] for row in rows]
    classes = tuple(classes) if classes is not None else _distinct(path, texts)
    labels = _labels(path, texts, classes)
    _check_all_classes("path", path, labels, classes)
    base = Path(root) if root is not None else Path(path).parent
    files = [str(base / row["path"]) for row in rows]
    missing = [file for file in files if not os.path.isfile(file)]
    if missing:
        rule = f"a list of files that exist; {len(missing)} do not, the first is {missing[0]!r}"
        raise invalid("path", str(path), rule)
    name, within = split_name(split), np.arange(len(rows))
    parts = {row["split"] for row in rows} if rows[0]["split"] is not None else None
    if parts and fractions:
        raise invalid("fractions", dict(fractions), "None: the file has a column for splits")
    if parts or not fractions:
        if name not in (parts or {"all"}):
            raise unknown("split", split, parts or {"all"})
        within = np.array([i for i in within if not parts or rows[i]["split"] == name])
    names = [rows[i]["path"] for i in within]
    keep = within[_choose(split, labels[within], names, fractions, seed)]
    return _file_source(Path(path).name, split, classes, [files[i] for i in keep], labels[keep])


def array_source(
    pictures: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str] | int,
    *,
    split: str = "all",
    name: str = "arrays",
) -> Source:
    """Pictures in memory.

    Args:
        pictures: uint8 `(count, height, width, channels)`, 0 to 255.
        labels: Class indices, integers `(count,)` or `(count, 1)`.
        classes: Names of the classes, or how many there are (they are then called by number).
        split: `"all"`, with or without a slice; rows keep the order they have.
        name: For messages.

    Raises:
        ValueError: Arrays that do not fit each other, a label out of range, an empty class.
    """
    pictures, labels = np.asarray(pictures), np.asarray(labels)
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or not pictures.size:
        rule = "a uint8 array (count, height, width, channels) with values 0 to 255"
        raise invalid("pictures", f"{pictures.dtype} {pictures.shape}", rule)
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.dtype.kind not in "ui" or labels.shape != pictures.shape[:1]:
        rule = f"{len(pictures)} integers, one for each picture"
        raise invalid("labels", f"{labels.dtype} {labels.shape}", rule)
    names = tuple(map(str, range(classes) if isinstance(classes, int) else classes))
    outside = np.flatnonzero((labels < 0) | (labels >= len(names)))
    if len(outside):
        rule = f"within 0 to {len(names) - 1}; row {outside[0]} is not"
        raise invalid("labels", int(labels[outside[0]]), rule)
    _check_all_classes("labels", f"{labels.dtype} {labels.shape}", labels, names)
    if split_name(split) != "all":
        raise unknown("split", split, ["all"])
    rows = cut(split, len(pictures))
    dataset, fetch = array_rows(pictures[rows], labels[rows])
    count, shape = len(labels[rows]), pictures.shape[1:]
    return Source(name, split, names, count, dataset, encoded=False, fetch=fetch, shape=shape)


def array_rows(pictures: np.ndarray, labels: np.ndarray) -> tuple[Any, Any]:
    """`Source.pictures` and `Source.fetch` of arrays."""
    # The tensors are captured by the graph once; nothing is copied for each epoch.
    x, y = tf.constant(pictures), tf.constant(labels.astype("int64"))

    def fetch(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.gather(x, index), tf.gather(y, index)

    return tf.data.Dataset.range(len(labels)).map(fetch), fetch


def folder_splits(folder: str | os.PathLike) -> tuple[str, ...]:
    """Names of the folders for splits in `folder`; empty where it holds the classes themselves."""
    root = Path(folder)
    if not root.is_dir():
        raise invalid("folder", str(folder), "an existing folder")
    return tuple(path.name for path in _folders(root)) if _has_split_folders(root) else ()


def csv_splits(path: str | os.PathLike) -> tuple[str, ...]:
    """What the column `split` of a CSV file holds; empty where there is no such column."""
    rows = _read_rows(Path(path), {"path": "path", "label": "label", "split": "split"}, None)
    return tuple(sorted({row["split"] for row in rows if row["split"] is not None}))


def _file_source(
    name: str, split: str, classes: tuple[str, ...], files: list[str], labels: np.ndarray
) -> Source:
    paths, y = tf.constant(files), tf.constant(labels.astype("int64"))

    def fetch(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.io.read_file(tf.gather(paths, index)), tf.gather(y, index)

    dataset = tf.data.Dataset.range(len(files)).map(fetch, num_parallel_calls=tf.data.AUTOTUNE)
    return Source(name, split, classes, len(files), dataset, fetch=fetch, files=tuple(files))


def _choose(
    split: str,
    labels: np.ndarray,
    names: Sequence[str],
    fractions: Mapping[str, float] | None,
    seed: int,
) -> np.ndarray:
    order = hash_order(names, seed)
    if fractions:
        order = by_fraction(split_name(split), labels, fractions, order)
    return order[cut(split, len(order))]


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] != ".")


def _pictures(folder: Path) -> list[str]:
    return sorted(
        str(path)
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.name[0] != "." and path.is_file()
    )


def _has_split_folders(root: Path) -> bool:
    """Whether the sub-folders are splits: they hold folders, and no picture themselves."""
    inside = _folders(root)
    return bool(inside) and all(
        _folders(path) and not any(p.suffix.lower() in SUFFIXES for p in path.iterdir())
        for path in inside
    )


def _read_rows(
    path: Path, default: dict[str, str], columns: Mapping[str, str] | None
) -> list[dict[str, Any]]:
    for key in columns or {}:
        if key not in default:
            raise unknown("columns", key, default)
    if not path.is_file():
        raise invalid("path", str(path), "an existing CSV file")
    wanted = default | dict(columns or {})
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        header = reader.fieldnames or []
        for key in ("path", "label", *(columns or {})):
            if wanted[key] not in header:
                raise unknown("columns", wanted[key], header)
        rows = [{key: row.get(name) for key, name in wanted.items()} for row in reader]
    if not rows:
        raise invalid("path", str(path), "a CSV file with at least one line below its header")
    for line, row in enumerate(rows, start=2):
        if not row["path"] or row["label"] in (None, ""):
            raise invalid("path", str(path), f"a CSV file with path and label; see row {line}")
    return rows


def _distinct(path: Any, texts: Sequence[str]) -> tuple[str, ...]:
    names = set(texts)
    if all(name.isdecimal() for name in names):
        # Numbers are class indices: one that never occurs still has its place, and is reported.
        highest = max(map(int, names))
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
            rule = f"a file of labels among its {len(classes)} classes (row {row}: {text!r})"
            raise invalid("path", str(path), rule)
    return np.array([numbers[text] for text in texts], "int64")


def _check_all_classes(argument: str, value: Any, labels: np.ndarray, classes: Sequence[str]):
    counts = np.bincount(labels, minlength=len(classes))
    if not counts.all():
        empty = [classes[i] for i in np.flatnonzero(counts == 0)]
        rule = f"a set with pictures of every class; none of {', '.join(map(repr, empty[:5]))}"
        raise invalid(argument, str(value), rule)
