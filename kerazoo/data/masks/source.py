"""Pictures with masks as a `Source`; every mask is looked at when it is opened."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kerazoo._checks import checked
from kerazoo._errors import invalid, unknown
from kerazoo._machine import cores
from kerazoo.data.boxes.coco import coco_splits
from kerazoo.data.boxes.findings import tell
from kerazoo.data.labelled import choose
from kerazoo.data.masks.instances import BACKGROUND, draw, read_instances
from kerazoo.data.masks.layouts import (
    ALL,
    CLASSES,
    MaskedSet,
    Pairs,
    find_masks,
    find_side_by_side,
)
from kerazoo.data.masks.values import (
    IGNORED,
    Values,
    as_png,
    found_values,
    given_values,
    read_classes,
    read_values,
)
from kerazoo.data.source import Finding, Source
from kerazoo.data.splits import split_name, split_of
from kerazoo.labels import label_names
from kerazoo.pictures import picture_header

TASK = "segmentation"
VOC = "voc_segmentation"
_log = logging.getLogger("kerazoo")


@dataclass(frozen=True)
class Census:
    """What the masks of a split hold.

    Attributes:
        values: Values that occur.
        pixels: Of each, int64.
        pictures: In how many pictures each occurs.
    """

    values: np.ndarray
    pixels: np.ndarray
    pictures: np.ndarray

    def table(self, meaning: Values) -> str:
        """Lines for people: value, class, share of the pixels, pictures."""
        total, lines = self.pixels.sum(), []
        for value, pixels, pictures in zip(self.values, self.pixels, self.pictures, strict=True):
            number = meaning.of_value.get(int(value), IGNORED)
            name = "does not count" if number == IGNORED else meaning.classes[number]
            lines.append(f"{value:>5}  {name:<20} {100 * pixels / total:6.2f} %  {pictures}")
        return "\n".join(["value  class                 pixels   pictures", *lines])


def masks_splits(path: str | os.PathLike) -> tuple[str, ...] | None:
    """Splits of pictures with masks at a path; None where there are none."""
    found = find_masks(Path(path)) or coco_splits(Path(path)) or find_side_by_side(Path(path))
    if isinstance(found, MaskedSet):
        return tuple(found.splits)
    return tuple(found) if found else None


@checked("path", "split", "fractions", "seed", "ignore", "strict")
def masks_source(
    path: str | os.PathLike,
    split: str = ALL,
    *,
    classes: Mapping[int, str] | Sequence[str] | None = None,
    ignore: Sequence[int] = (),
    fractions: Mapping[str, float] | None = None,
    seed: int = 0,
    strict: bool = True,
) -> Source:
    """Pictures with a class for every pixel.

    A folder with list files (`train.txt`: a picture and its mask a line), as Pascal VOC has it
    (`JPEGImages`, `SegmentationClass`, `ImageSets/Segmentation`), or with folders of pictures and
    masks side by side (`images` and `masks`, inside or around those of splits; `train` and
    `trainannot`). The target is `{"mask": …}`, a grey PNG of class numbers, 255 where a pixel does
    not count, of the upright picture's size.

    All masks are read once, and a table of their values is logged.

    A JSON file in COCO's format, or a folder with such files, has the outlines of objects: they are
    drawn when a picture is read (`kerazoo.data.masks.instances` says what lies on top).

    Args:
        path: The folder, or COCO's file.
        split: With or without a slice or a pattern of names: `"train"`, `"all[:90%]"`,
            `"train[!0006R0*]"` (all but the pictures of that drive).
        classes: What the values of masks mean: value -> name, or names of 0, 1, 2, …. By default
            what `classes.txt` in the folder says (a name a line, or a value and a name; `ignore`
            is what does not count), else Pascal VOC's for its layout, else each value is a class.
            COCO's files name theirs.
        ignore: Values that do not count; 255 is one, unless it is a class.
        fractions, seed: As for `folder_source`.
        strict: Whether pictures of another size than COCO's file says are an error; otherwise they
            are left out.

    Raises:
        ValueError: No such data or split; a mask that is missing, cannot be read, has another size
            than its picture or a value that stands for no class; not two classes that count.
    """
    given: Any = classes
    listed = isinstance(given, Sequence) and not isinstance(given, str | bytes)
    named = listed and all(isinstance(name, str) for name in given)
    if given is not None and not named and not isinstance(given, Mapping):
        raise invalid("classes", classes, "names, or a table of values with their names")
    folder = Path(path)
    found = find_masks(folder)
    if found is None and (files := coco_splits(folder)):
        for name, value in (("classes", classes), ("ignore", ignore)):
            if value:
                raise invalid(name, value, "left out: COCO's files name their classes")
        return _of_outlines(folder, split, files, fractions, seed, strict)
    found = found or find_side_by_side(folder)
    if found is None:
        rule = "a folder with list files, of pictures and masks, or with COCO's annotations"
        raise invalid("path", str(folder), rule)
    inside, parts = _inside(split, tuple(found.splits), fractions)
    pairs = found.splits[inside]()
    if not pairs:
        raise invalid("data", f"{folder.name} {split}", "a split with pictures")
    census = look_at(pairs)
    meaning = _meaning(folder, classes, ignore, census)
    _check(folder.name, inside, pairs, meaning, census)
    names = [Path(os.path.relpath(picture, folder)).as_posix() for picture, _ in pairs]
    keep = choose(split, np.zeros(len(pairs), int), names, parts, seed)
    pairs = [pairs[i] for i in keep]

    def mask_of(index: int) -> np.ndarray:
        mask = pairs[index][1]
        return meaning.encode(read_values(mask), str(mask))

    paths = [picture for picture, _ in pairs]
    return _source(folder.name or str(folder), split, paths, mask_of, meaning.classes)


def _inside(
    split: str, splits: tuple[str, ...], fractions: Mapping[str, float] | None
) -> tuple[str, Mapping[str, float] | None]:
    """The split of the folder that holds `split`, and the shares that are cut out of it."""
    wanted = split_name(split)
    own = () if splits == (ALL,) else splits
    inside, parts = split_of(wanted, own, fractions) if own else (ALL, fractions)
    if inside not in splits or (not own and not fractions and wanted != ALL):
        raise unknown("split", split, own or (ALL,))
    return inside, parts


def _of_outlines(
    folder: Path, split: str, files: Mapping[str, Path], fractions: Any, seed: int, strict: bool
) -> Source:
    """A split of a data set in COCO's format."""
    inside, parts = _inside(split, tuple(files), fractions)
    found = read_instances(files[inside])
    if strict and (refused := found.findings.refusals()):
        raise invalid("data", folder.name, f"one that fits its annotations. {refused[0]}")
    findings, classes = found.findings.all(), found.classes
    if not found.pictures:
        reasons = "; ".join(map(str, findings)) or "it lists none"
        raise invalid("data", f"{folder.name} {split}", f"a split with pictures: {reasons}")
    tell(f"{folder.name} {inside}", findings)
    names = [str(each.path) for each in found.pictures]
    keep = choose(split, np.zeros(len(names), int), names, parts, seed)
    pictures, background = [found.pictures[i] for i in keep], classes.index(BACKGROUND)

    def mask_of(index: int) -> np.ndarray:
        return draw(pictures[index], background)

    name = (folder if folder.is_dir() else folder.absolute().parent).name
    paths = [each.path for each in pictures]
    return _source(name or str(folder), split, paths, mask_of, classes, findings)


def look_at(pairs: Pairs) -> Census:
    """The census of masks, each compared with its picture.

    Raises:
        ValueError: One is missing, cannot be read or has another size.
    """
    with ThreadPoolExecutor(cores()) as pool:
        counts = list(pool.map(_counted, pairs))
    seen = np.unique(np.concatenate([values for values, _ in counts]))
    pixels, pictures = (np.zeros(len(seen), "int64") for _ in range(2))
    for values, number in counts:
        at = np.searchsorted(seen, values)
        pixels[at] += number
        pictures[at] += 1
    return Census(seen, pixels, pictures)


def _counted(pair: tuple[Path, Path]) -> tuple[np.ndarray, np.ndarray]:
    picture, mask = pair
    for path in pair:
        if not os.path.isfile(path):
            raise invalid("data", str(path), f"there: it belongs to {picture.name}")
    values = read_values(mask)
    (height, width), turned = picture_header(picture)
    size = (width, height) if turned >= 5 else (height, width)
    if values.shape != size:
        rule = f"of {size[1]} x {size[0]} pixels, as {picture.name} upright"
        raise invalid("mask", f"{mask} of {values.shape[1]} x {values.shape[0]}", rule)
    return np.unique(values, return_counts=True)


def _meaning(folder: Path, classes: Any, ignore: Sequence[int], census: Census) -> Values:
    if classes is not None:
        return given_values(classes, ignore)
    if (folder / CLASSES).is_file():
        return read_classes(folder / CLASSES)
    if (folder / "SegmentationClass").is_dir() and set(census.values) <= {*range(21), IGNORED}:
        return given_values(label_names(VOC), ignore)
    seen = [int(value) for value in census.values if value not in ignore]
    meaning = found_values(seen)
    return Values(meaning.classes, {**meaning.of_value, **dict.fromkeys(ignore, IGNORED)})


def _check(name: str, split: str, pairs: Pairs, meaning: Values, census: Census) -> None:
    strange = [int(v) for v in census.values if int(v) not in meaning.of_value]
    if strange:
        where = next(m for _, m in pairs if np.isin(read_values(m), strange).any())
        meaning.encode(read_values(where), str(where))  # raises
    table = census.table(meaning)
    _log.info("%s %s, %d pictures:\n%s", name, split, len(pairs), table)
    numbers = {meaning.of_value[int(value)] for value in census.values} - {IGNORED}
    if len(numbers) < 2:
        there = ", ".join(meaning.classes[i] for i in numbers) or "none"
        rule = f"one with pixels of two classes at least; it has {there}:\n{table}"
        raise invalid("data", f"{name} {split}", rule)
    absent = [c for i, c in enumerate(meaning.classes) if i not in numbers]
    if absent:
        _log.warning("%s %s has no pixel of %s.", name, split, ", ".join(absent))


def _source(
    name: str,
    split: str,
    pictures: Sequence[Path],
    mask_of: Callable[[int], np.ndarray],
    classes: tuple[str, ...],
    findings: tuple[Finding, ...] = (),
) -> Source:
    paths = tf.constant([str(picture) for picture in pictures])

    def encoded(index: Any) -> bytes:
        return as_png(mask_of(int(index)))

    def fetch(index: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        mask = tf.numpy_function(encoded, [index], tf.string)
        return tf.io.read_file(tf.gather(paths, index)), {"mask": tf.ensure_shape(mask, ())}

    rows = tf.data.Dataset.range(len(pictures)).map(fetch, num_parallel_calls=tf.data.AUTOTUNE)
    more = {
        "fetch": fetch,
        "files": tuple(str(picture) for picture in pictures),
        "findings": findings,
    }
    return Source(name, split, TASK, classes, len(pictures), rows, **more)
