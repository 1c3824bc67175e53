"""A folder with one sub-folder of pictures for each class."""

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kerazoo._checks import checked
from kerazoo._errors import invalid, unknown
from kerazoo.data.labelled import choose, file_source
from kerazoo.data.source import Source
from kerazoo.data.splits import split_name, split_of
from kerazoo.picture_lists import PICTURE_SUFFIXES, pictures_in, pictures_under, say_left_out


@checked("folder", "fractions", "seed")
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
        folder: Where to look. Hidden files and folders are left out; so are files that do not end
            in `kerazoo.picture_lists.PICTURE_SUFFIXES`, which a warning counts.
        split: With or without a slice: `"train"`, `"all[:90%]"`.
        fractions: Shares of each class, as `{"train": 0.9, "validation": 0.1}`. Where there are
            folders for splits, the one called `train` is divided so.
        seed: Chooses another order, and other pictures for each of the `fractions`.

    Raises:
        ValueError: No such folder or split, or a class without pictures.
    """
    root = Path(folder)
    if not root.is_dir():
        raise invalid("folder", str(folder), "an existing folder")
    name = split_name(split)
    if _has_split_folders(root):
        parts = [path.name for path in _folders(root)]
        inside, fractions = split_of(name, parts, fractions)
        if inside not in parts:
            raise unknown("split", split, parts)
        root = root / inside
    elif not fractions and name != "all":
        raise unknown("split", split, ["all"])
    classes = tuple(path.name for path in _folders(root))
    if not classes:
        raise invalid("folder", str(folder), "one that holds a sub-folder for each class")
    found, left_out = [], Counter()
    for each in classes:
        paths, others = pictures_under(root / each)
        if not paths:
            suffixes = ", ".join(PICTURE_SUFFIXES)
            rule = f"a folder without empty classes: no picture ({suffixes}) in {each!r}"
            raise invalid("folder", str(folder), rule)
        found.append(paths)
        left_out += others
    if stray := pictures_in(root):
        left_out["pictures beside the classes' folders"] += len(stray)
    say_left_out(root, left_out)
    files = [str(path) for paths in found for path in paths]
    labels = np.repeat(np.arange(len(classes)), [len(paths) for paths in found])
    names = [Path(path).relative_to(root).as_posix() for path in files]
    keep = choose(split, labels, names, fractions, seed)
    return file_source(Path(folder).name, split, classes, [files[i] for i in keep], labels[keep])


def folder_splits(folder: str | os.PathLike) -> tuple[str, ...]:
    """Names of the folders for splits in `folder`; empty where it holds the classes themselves."""
    root = Path(folder)
    if not root.is_dir():
        raise invalid("folder", str(folder), "an existing folder")
    return tuple(path.name for path in _folders(root)) if _has_split_folders(root) else ()


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] != ".")


def _has_split_folders(root: Path) -> bool:
    """Whether the sub-folders are splits: they hold folders, and no picture themselves."""
    inside = _folders(root)
    return bool(inside) and all(
        _folders(path) and not any(p.suffix.lower() in PICTURE_SUFFIXES for p in path.iterdir())
        for path in inside
    )
