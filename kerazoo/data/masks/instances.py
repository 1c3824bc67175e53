"""The outlined objects of a file in COCO's format, drawn into masks.

A pixel belongs to the smallest object that covers it: what lies in front is usually smaller than
what it hides, and COCO does not say which is which. Crowds (`iscrowd`) lie below everything and do
not count, nor do the boxes of objects without an outline. What no object covers is `background`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._bounds import PICTURE_PIXELS
from kerazoo._errors import invalid, quoted
from kerazoo._rules import is_int, is_number
from kerazoo.data.boxes.coco import Rows, belonging, corners_of, listed_pictures, read_tables
from kerazoo.data.boxes.findings import Findings
from kerazoo.data.boxes.geometry import RawPicture, Size, placed
from kerazoo.data.masks.values import IGNORED, MOST, turned

BACKGROUND = "background"
_POINTS = 3  # of a polygon, at least


@dataclass(frozen=True)
class Instance:
    """An object as a file has it.

    Attributes:
        label: Number of its class; `IGNORED` where its pixels do not count.
        place: File and id.
        polygons: x, y, x, y, … of each part in pixels; none where it has `runs`.
        runs: Run lengths as COCO has them, `{"size": [height, width], "counts": …}`.
    """

    label: int
    place: str
    polygons: Sequence[np.ndarray] = ()
    runs: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Drawing:
    """A picture that is there, and what is to be drawn of it.

    Attributes:
        path: Of the picture.
        size: Height and width of the mask before it is turned.
        turn: Orientation of EXIF by which it is then turned.
        instances: In the order of the file.
    """

    path: Path
    size: Size
    turn: int
    instances: Sequence[Instance]


@dataclass(frozen=True)
class Drawings:
    """A split: its pictures, the names of the classes, and what was odd while reading."""

    pictures: Sequence[Drawing]
    classes: tuple[str, ...]
    findings: Findings


def read_instances(file: Path) -> Drawings:
    """A split of a COCO data set as masks to be drawn.

    Raises:
        ValueError: It is not in COCO's format, an outline is none, or no object has one.
        ImportError: faster-coco-eval is missing, whose code draws outlines.
    """
    _masks()
    findings = Findings()
    ids, names, images, annotations = read_tables(file)
    # A set may have a category of that name; what nobody outlined is then one of it.
    classes = names if BACKGROUND in names else (BACKGROUND, *names)
    if len(classes) > MOST:
        raise invalid("data", str(file), f"one of at most {MOST} classes; it has {len(classes)}")
    labels = {id: classes.index(name) for id, name in zip(ids, names, strict=True)}
    objects = _instances(annotations, labels, findings)
    if not any(one.label != IGNORED for each in objects.values() for one in each):
        rule = "one that outlines objects (`segmentation`); it has boxes alone, or nothing"
        raise invalid("data", str(file), rule)
    pictures = listed_pictures(file, images, objects, findings)
    return Drawings([d for raw in pictures if (d := _drawing(raw, findings))], classes, findings)


def draw(picture: Drawing, background: int) -> np.ndarray:
    """The mask of the upright picture: class numbers, uint8 `(height, width)`.

    Args:
        picture: Whose objects are drawn.
        background: Number of the class of what no object covers.
    """
    code = _masks()
    mask = np.full(picture.size, background, "uint8")
    runs = [_runs(each, picture.size) for each in picture.instances]
    areas = code.area(runs) if runs else []
    # Those that do not count first; of objects as large as each other the file's order.
    order = sorted(
        range(len(runs)), key=lambda i: (picture.instances[i].label != IGNORED, -int(areas[i]))
    )
    for i in order:
        mask[code.decode(runs[i]) > 0] = picture.instances[i].label
    return turned(mask, picture.turn)


def _instances(
    annotations: Rows, labels: Mapping[int, int], findings: Findings
) -> dict[Any, list[Instance]]:
    """By id of the picture."""
    found: dict[Any, list[Instance]] = {}
    seen: set[Any] = set()
    for place, row in annotations:
        picture, label, crowd = belonging(place, row, labels, seen, findings)
        label = IGNORED if crowd else label
        instance = _outlined(row.get("segmentation"), label, place, findings)
        if instance is None:
            findings.add("objects without an outline", place)
            x, y, width, height = corners_of(row.get("bbox"), place)
            box = np.array([x, y, x + width, y, x + width, y + height, x, y + height])
            if not np.isfinite(box).all():
                continue
            instance = Instance(IGNORED, place, (box,))
        if crowd:
            findings.add("crowd or difficult boxes", place)
        found.setdefault(picture, []).append(instance)
    return found


def _outlined(outline: Any, label: int, place: str, findings: Findings) -> Instance | None:
    """None of an annotation without an outline."""
    if outline is None or outline in ([], {}):
        return None
    if isinstance(outline, dict):
        return Instance(label, place, runs=_checked_runs(outline, place))
    rule = "one whose `segmentation` is polygons (lists of x and y in pixels) or run lengths"
    if not isinstance(outline, list):
        raise invalid("data", place, f"{rule}, not {quoted(outline)}")
    polygons = []
    for part in outline:
        if not isinstance(part, list) or len(part) % 2 or not all(map(is_number, part)):
            raise invalid("data", place, f"{rule}, not {quoted(part)}")
        if len(part) < 2 * _POINTS:
            findings.add("parts of outlines with fewer than three points", place)
            continue
        polygons.append(np.array(part, "float64"))
    return Instance(label, place, polygons) if polygons else None


def _checked_runs(outline: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Run lengths that fit their own size."""
    size: Any = outline.get("size")
    counts: Any = outline.get("counts")  # a list, or text that packs it
    good = isinstance(size, list) and len(size) == 2 and all(is_int(v) and v > 0 for v in size)
    plain = isinstance(counts, list) and all(is_int(v) and v >= 0 for v in counts)
    if not good or not (plain or isinstance(counts, str)):
        raise invalid("data", place, "one whose run lengths have a `size` and `counts`")
    if size[0] * size[1] > PICTURE_PIXELS.value:  # a mask of it would be made
        rule = f"one whose run lengths are of at most {PICTURE_PIXELS.value:,} pixels"
        raise invalid("data", f"{place}, {size[0]} x {size[1]}", f"{rule}; {PICTURE_PIXELS}")
    code = _masks()
    try:
        pixels = sum(map(int, counts)) if plain else size[0] * size[1]
        if pixels != size[0] * size[1]:
            raise ValueError(f"{pixels} pixels in {size[0]} x {size[1]}")
        runs = code.frPyObjects(dict(outline), *size) if plain else {**outline}
        code.decode(runs)
    except Exception as error:  # of the code in C++
        raise invalid("data", place, f"one whose run lengths can be read ({error})") from None
    return runs


def _drawing(raw: RawPicture, findings: Findings) -> Drawing | None:
    """What of a picture can be drawn; None where it is not there, or of another size."""
    if (place := placed(raw, findings)) is None:
        return None
    _, drawn, turn = place
    for each in raw.boxes:
        if each.runs is not None and tuple(each.runs["size"]) != drawn:
            rule = f"one whose run lengths are of {drawn}, as its picture is"
            raise invalid("data", each.place, f"{rule}, not {each.runs['size']}")
    if all(each.label == IGNORED for each in raw.boxes):
        findings.add("pictures without boxes", raw.place)
    return Drawing(raw.path, drawn, turn, raw.boxes)


def _runs(instance: Instance, size: Size) -> Any:
    """Run lengths of an object in a picture of that size."""
    if instance.runs is not None:
        return instance.runs
    code, (height, width) = _masks(), size
    # Beyond the picture nothing is drawn, but every pixel of an outline would take memory.
    sides = np.array([width, height])
    parts = [each.reshape(-1, 2).clip(0, sides).ravel().tolist() for each in instance.polygons]
    return code.merge(code.frPyObjects(parts, height, width))


def _masks() -> Any:
    """The code that COCO's tools share."""
    try:
        import faster_coco_eval.core.mask as code
    except ImportError as error:
        raise ImportError(
            'Outlines in COCO files are drawn by faster-coco-eval: pip install "kerazoo[detection]"'
        ) from error
    return code
