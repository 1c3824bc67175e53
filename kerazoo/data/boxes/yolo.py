"""YOLO's annotations: a text file for each picture, with shares of the picture's sides."""

import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerazoo._bounds import CLASSES
from kerazoo._errors import invalid, quoted
from kerazoo._files import read_utf8
from kerazoo._rules import is_int
from kerazoo.data.boxes.annotated import Annotated
from kerazoo.data.boxes.findings import Findings
from kerazoo.data.boxes.geometry import Corners, RawBox, RawPicture
from kerazoo.data.class_lists import listed_classes
from kerazoo.picture_lists import PICTURE_SUFFIXES

_SPLITS = ("train", "val", "valid", "validation", "test")
_MOST_POINTS = 10_000
_NAMES = ("classes.txt", "labels.txt", "obj.names")


@dataclass(frozen=True)
class YoloSet:
    """What a folder holds.

    Attributes:
        splits: Pictures of each split: folders, or text files that list paths.
        names: Of the classes by number; None where nothing says them.
        points: Numbers behind each box, which are points of a pose; None where there are none.
    """

    splits: dict[str, tuple[Path, ...]]
    names: dict[int, str] | None
    points: int | None = None


def yolo_set(path: Path) -> YoloSet | None:
    """The data set in a folder, or of a `data.yaml`; None where there is none.

    Known are `data.yaml` (or another YAML file in the folder) with `train`, `val` and `names`;
    `images/<split>` beside `labels/<split>`; `<split>/images` beside `<split>/labels`; and `images`
    beside `labels`.
    """
    if path.is_file():
        return _of_yaml(path) if path.suffix.lower() in (".yaml", ".yml") else None
    if not path.is_dir():
        return None
    for file in sorted((*path.glob("*.yaml"), *path.glob("*.yml"))):
        if (found := _of_yaml(file)) is not None:
            return found
    splits = {}
    for name in _SPLITS:
        for images, labels in (("images/{}", "labels/{}"), ("{}/images", "{}/labels")):
            if (path / images.format(name)).is_dir() and (path / labels.format(name)).is_dir():
                splits[name] = (path / images.format(name),)
    if not splits and (path / "images").is_dir() and any((path / "labels").glob("*.txt")):
        splits = {"all": (path / "images",)}
    return YoloSet(splits, _listed_names(path)) if splits else None


def read_yolo(found: YoloSet, split: str) -> Annotated:
    """A split.

    Raises:
        ValueError: A line that is not a class and four numbers (or a polygon), or a class that is
            not listed; the message has file and line.
    """
    findings = Findings()
    pictures, numbers = [], set()
    for place in found.splits[split]:
        for picture in _members(place):
            file = _label_file(picture)
            rows = _rows(file, found.points) if os.path.isfile(file) else []
            numbers |= {number for number, _, _ in rows}
            pictures.append((picture, file, rows))
    names = found.names or {n: str(n) for n in range(max(numbers, default=-1) + 1)}
    ids = tuple(sorted(names))
    labels = {number: i for i, number in enumerate(ids)}
    raw = []
    for picture, file, rows in pictures:
        boxes = []
        for number, corners, line in rows:
            where = f"{file.name}, line {line}"
            if number not in labels:
                raise invalid("data", where, f"of a class that is listed; {number} is not")
            boxes.append(RawBox(corners, labels[number], where, relative=True))
        raw.append(RawPicture(picture, None, boxes, picture.name))
    plain = ids == tuple(range(len(ids)))
    return Annotated(raw, tuple(names[n] for n in ids), None if plain else ids, findings)


def _rows(file: Path, points: int | None) -> list[tuple[int, Corners, int]]:
    """Class, corners as shares, and line number of each box."""
    rule = "a class and four numbers, or a class and the corners of a polygon"
    if points is not None:
        rule = f"a class, four numbers and the {points} that `kpt_shape` says"
    found = []
    for line, text in enumerate(read_utf8(file).splitlines(), 1):
        words = text.split()
        if not words:
            continue
        place = f"{file}, line {line}: {text[:60]}"
        try:
            number, values = int(float(words[0])), [float(word) for word in words[1:]]
            if number != float(words[0]) or not 0 <= number < CLASSES.value:
                values = []
        except (ValueError, OverflowError):
            values = []
        if points is not None:
            values = values[:4] if len(values) == 4 + points else []
        corners = _corners(values)
        if corners is None:
            raise invalid("data", place, rule)
        if max(map(abs, values)) > 2:
            raise invalid("data", place, "in shares of the picture's sides, 0 to 1, not in pixels")
        found.append((number, corners, line))
    return found


def _corners(values: list[float]) -> Corners | None:
    """Of a box or a polygon; None where it is neither."""
    if len(values) == 4:
        x, y, width, height = values
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2
    if len(values) >= 6 and len(values) % 2 == 0:
        xs, ys = values[::2], values[1::2]
        return min(xs), min(ys), max(xs), max(ys)
    return None


def _label_file(picture: Path) -> Path:
    """`…/labels/x.txt` of `…/images/x.jpg`; otherwise beside it."""
    parts = [*picture.parts]
    for at in range(len(parts) - 2, -1, -1):
        if parts[at] == "images":
            parts[at] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def _members(place: Path) -> list[Path]:
    if place.is_dir():
        return sorted(p for p in place.rglob("*") if p.suffix.lower() in PICTURE_SUFFIXES)
    lines = read_utf8(place).split("\n")
    return [place.parent / line.strip() for line in lines if line.strip()]


def _of_yaml(file: Path) -> YoloSet | None:
    import yaml

    try:
        text = read_utf8(file)
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or "names" not in content or "train" not in content:
        return None
    _check_keys(file, yaml.compose(text, Loader=yaml.SafeLoader))
    root = file.parent / _text(file, "path", content.get("path") or ".")
    splits = {}
    for name in _SPLITS:
        if content.get(name):
            places = content[name] if isinstance(content[name], list) else [content[name]]
            splits[name] = tuple(_place(file, root, _text(file, name, each)) for each in places)
    if not splits:
        raise invalid("data", str(file), f"one that names a folder of pictures as `{_SPLITS[0]}`")
    return YoloSet(splits, _named(file, content["names"]), _points(file, content.get("kpt_shape")))


def _check_keys(file: Path, node: Any) -> None:
    """Refuses a key that is there twice, of which YAML takes the last."""
    first: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if key.value in first:
            rule = f"one that has each key once; {quoted(key.value)} is in line {first[key.value]}"
            raise invalid("data", f"{file}, line {line}", f"{rule} too")
        first[key.value] = line
        if key.value == "names" and value.id == "mapping":
            _check_keys(file, value)


def _points(file: Path, shape: Any) -> int | None:
    if shape is None:
        return None
    whole = isinstance(shape, list) and len(shape) == 2 and all(map(is_int, shape))
    if not whole or not (1 <= shape[0] <= _MOST_POINTS and shape[1] in (2, 3)):
        raise invalid("data", f"{file}: kpt_shape", "a list of points and numbers of each, 2 or 3")
    return shape[0] * shape[1]


def _text(file: Path, key: str, value: Any) -> str:
    # A name of 2012 is a number to YAML. What is nested would be long, or without end.
    if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
        return str(value)
    raise invalid("data", f"{file}: {key}", f"text, not {_kind(value)}")


def _kind(value: Any) -> str:
    return quoted(value) if isinstance(value, str | int | float) else f"a {type(value).__name__}"


def _place(file: Path, root: Path, text: str) -> Path:
    """Where a path of a YAML file leads: people move such folders, and Roboflow writes `../`."""
    for base in (root, file.parent):
        for candidate in (base / text, base / text.lstrip("./")):
            if os.path.exists(candidate):  # of names that are too long, too
                return candidate
    raise invalid("data", f"{file}: {text}", "a file with paths of folders that are there")


def _listed_names(root: Path) -> dict[int, str] | None:
    for name in _NAMES:
        if (root / name).is_file():
            return _named(root / name, listed_classes(root / name))
    if (file := root / "notes.json").is_file():  # Label Studio's export
        try:
            rows = json.loads(read_utf8(file))["categories"]
            pairs = {row["id"]: row["name"] for row in rows}
        except (ValueError, LookupError, TypeError, RecursionError):
            raise invalid("data", str(file), "a JSON file with categories, id and name") from None
        return _named(file, pairs)
    return None


def _named(file: Path, names: Any) -> dict[int, str]:
    """Classes by number, of a list of names or a table of them."""
    listed = isinstance(names, list)
    pairs = dict(enumerate(names)) if listed else names if isinstance(names, dict) else {}
    if not pairs:
        raise invalid("data", f"{file}: names", f"a list or table of names, not {_kind(names)}")
    found = {}
    for number, name in pairs.items():
        text = str(number)  # Label Studio and some others write "0"
        if isinstance(number, bool) or not (text.isascii() and text.isdecimal()):
            raise invalid("data", f"{file}: names", f"numbered from 0, not {_kind(number)}")
        if len(text) > 9 or int(text) >= CLASSES.value:
            raise invalid("data", f"{file}: names", f"of fewer classes: {CLASSES}")
        found[int(text)] = _text(file, "names", name)
    if twice := [name for name, times in Counter(found.values()).items() if times > 1]:
        rule = f"names that differ from each other; {quoted(twice[0])} is there twice"
        raise invalid("data", f"{file}: names", rule)
    return found
