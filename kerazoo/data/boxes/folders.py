"""Which format of boxes a path holds, and the source that it makes."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kerazoo._checks import checked
from kerazoo._errors import invalid
from kerazoo.data.boxes.annotated import Annotated, boxed_source
from kerazoo.data.boxes.coco import coco_splits, read_coco
from kerazoo.data.boxes.voc import read_voc, voc_splits
from kerazoo.data.boxes.yolo import read_yolo, yolo_set
from kerazoo.data.source import Source

COCO = "COCO"
Splits = dict[str, Callable[[], Annotated]]  # name -> what reads it


def boxed_splits(path: str | os.PathLike) -> tuple[str, tuple[str, ...]] | None:
    """Format and splits of the boxes at a path: `("COCO", ("train", "val"))`; None without any.

    A data set whose pictures are not in splits has one that is called `"all"`.
    """
    found = _find(Path(path))
    return found and (found[0], tuple(found[1]))


@checked("path", "split", "fractions", "seed", "strict")
def boxes_source(
    path: str | os.PathLike,
    split: str = "all",
    *,
    fractions: Mapping[str, float] | None = None,
    seed: int = 0,
    strict: bool = True,
) -> Source:
    """Pictures with boxes, in a folder as COCO, Pascal VOC or YOLO have it, or of a file of theirs.

    What is odd about the annotations is in `findings`, and a warning counts what was left out or
    mended, with file and line.

    Args:
        path: The folder; a JSON file in COCO's format; or YOLO's `data.yaml`.
        split: With or without a slice: `"train"`, `"all[:90%]"`.
        fractions: Shares, as `{"train": 0.9, "validation": 0.1}`, of pictures that are in no split,
            or of the split called `train`.
        seed: Chooses other pictures for each of the `fractions`.
        strict: Whether pictures of another size than their annotations say are an error; otherwise
            they are left out.

    Raises:
        ValueError: No such data or split, or annotations that cannot be read.
    """
    found = _find(Path(path))
    if found is None:
        rule = "a folder as COCO, Pascal VOC or YOLO have it, a .json file or a data.yaml"
        raise invalid("path", os.fspath(path), rule)
    splits = found[1]

    def read(name: str) -> Annotated:
        return splits[name]()

    options: dict[str, Any] = {"fractions": fractions, "seed": seed, "strict": strict}
    return boxed_source(_name(Path(path)), split, tuple(splits), read, **options)


def _name(path: Path) -> str:
    return (path if path.is_dir() else path.absolute().parent).name or os.fspath(path)


def _find(path: Path) -> tuple[str, Splits] | None:
    if coco := coco_splits(path):
        return COCO, {name: _reader(read_coco, file) for name, file in coco.items()}
    if voc := voc_splits(path):
        return "Pascal VOC", {name: _reader(read_voc, path, where) for name, where in voc.items()}
    if yolo := yolo_set(path):
        return "YOLO", {name: _reader(read_yolo, yolo, name) for name in yolo.splits}
    return None


def _reader(read: Callable[..., Annotated], *arguments: Any) -> Callable[[], Annotated]:
    return lambda: read(*arguments)
