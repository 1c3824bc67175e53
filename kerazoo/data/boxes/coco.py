"""COCO's annotations: a JSON file for each split, beside folders of pictures."""

import contextlib
import json
import os
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerazoo._errors import invalid, quoted
from kerazoo._files import read_utf8
from kerazoo._rules import is_number
from kerazoo.data.boxes.annotated import Annotated
from kerazoo.data.boxes.findings import Findings
from kerazoo.data.boxes.geometry import RawBox, RawPicture

_KEYS = {"images", "annotations", "categories"}
_SINGULAR = {"images": "image", "annotations": "annotation", "categories": "category"}
_ROBOFLOW = "_annotations.coco.json"

Rows = list[tuple[str, dict[str, Any]]]  # each with its place, for messages


def coco_splits(path: Path) -> dict[str, Path]:
    """The JSON file of each split; empty where there is no data set in COCO's format.

    Known are one JSON file; `annotations/instances_train2017.json` (the split is `train`);
    `annotations/train.json`; `train/_annotations.coco.json`; and `train.json` or `labels.json`
    beside the pictures.
    """
    if path.is_file():
        return {"all": path} if path.suffix.lower() == ".json" else {}
    if not path.is_dir():
        return {}
    if inside := {f.parent.name: f for f in sorted(path.glob(f"*/{_ROBOFLOW}"))}:
        return inside
    if (path / _ROBOFLOW).is_file():
        return {"all": path / _ROBOFLOW}
    files = sorted(path.glob("annotations/instances_*.json"))
    for pattern in ("annotations/*.json", "*.json"):
        files = files or [f for f in sorted(path.glob(pattern)) if _keys(f) >= _KEYS]
    if len(files) == 1 and files[0].parent == path:
        return {"all": files[0]}
    return {re.sub(r"^instances_|\d{4}$", "", f.stem) or "all": f for f in files}


def read_coco(file: Path) -> Annotated:
    """A split.

    Raises:
        ValueError: It is not in COCO's format, categories share a name or number, or an annotation
            has none of them.
    """
    findings = Findings()
    ids, names, images, annotations = read_tables(file)
    boxes = _boxes(annotations, {number: i for i, number in enumerate(ids)}, findings)
    pictures = listed_pictures(file, images, boxes, findings)
    plain = ids == tuple(range(len(ids)))
    return Annotated(pictures, names, None if plain else ids, findings)


def read_tables(file: Path) -> tuple[tuple[int, ...], tuple[str, ...], Rows, Rows]:
    """Numbers and names of the categories; the rows of pictures and annotations.

    Raises:
        ValueError: It is not in COCO's format, or categories share a name or number.
    """
    content = _load(file)
    if not content.keys() >= _KEYS:
        missing = ", ".join(sorted(_KEYS - content.keys()))
        raise invalid("data", str(file), f"in COCO's format; it has no {missing}")
    categories = [
        (_whole(row.get("id"), place, "id"), _text(row.get("name"), place, "name"))
        for place, row in _rows(file, content, "categories")
    ]
    categories.sort()
    ids, names = tuple(n for n, _ in categories), tuple(name for _, name in categories)
    for key, values in (("id", ids), ("name", names)):
        if twice := [v for v, times in Counter(values).items() if times > 1]:
            raise invalid("data", str(file), f"one whose categories differ in {key}; {twice[0]!r}")
    return ids, names, _rows(file, content, "images"), _rows(file, content, "annotations")


def _rows(file: Path, content: Mapping[str, Any], key: str) -> Rows:
    """The rows of a list."""
    rows, kind = content[key], _SINGULAR[key]
    if not isinstance(rows, list):
        raise invalid("data", str(file), f"in COCO's format; its {key} are no list")
    found = []
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise invalid("data", f"{file.name}, {kind} no. {number}", "an object of JSON")
        id = row.get("id")
        known = is_number(id) or isinstance(id, str)
        found.append((f"{file.name}, {kind} {id if known else f'no. {number}'}", row))
    return found


def _whole(value: Any, place: str, key: str) -> int:
    """A whole number of 64 bits; 3.0 is one."""
    if is_number(value) and value == int(value) and abs(value) < 2**63:
        return int(value)
    raise invalid("data", place, f"one whose `{key}` is a whole number, not {quoted(value)}")


def _text(value: Any, place: str, key: str) -> str:
    if isinstance(value, str) and value:
        return value
    raise invalid("data", place, f"one whose `{key}` is text, not {quoted(value)}")


def _id(value: Any, place: str, key: str) -> Any:
    """A number or text: some tools call pictures by their names."""
    return value if isinstance(value, str) else _whole(value, place, key)


def listed_pictures(
    file: Path, images: Rows, objects: Mapping[Any, list[Any]], findings: Findings
) -> list[RawPicture]:
    """The pictures of a file, each with its objects.

    Args:
        file: Of the annotations, beside which the pictures are.
        images: Its rows of pictures.
        objects: By id of the picture; each has a `place`.
        findings: What is odd is counted here.
    """
    found: dict[Any, RawPicture] = {}
    names: dict[Any, str] = {}
    seen: set[str] = set()
    folders = _folders(file)
    for place, image in images:
        number = _id(image.get("id"), place, "id")
        name = _text(image.get("file_name"), place, "file_name")
        if number in names:
            same = names[number] == name
            kind = "pictures listed twice" if same else "picture ids given twice"
            findings.add(kind, place)
            continue
        names[number] = name
        if name in seen:  # under another id: its boxes may well differ
            findings.add("picture ids given twice", f"{place} ({name} again)")
            continue
        seen.add(name)
        # Some tools write 0, or nothing, where they do not know.
        sides = [_whole(image.get(key) or 0, place, key) for key in ("height", "width")]
        size = (sides[0], sides[1]) if all(sides) else None
        path = next((f / name for f in folders if os.path.isfile(f / name)), folders[0] / name)
        found[number] = RawPicture(path, size, objects.get(number, ()), place)
    for number, rows in objects.items():
        if number not in found:
            for row in rows:
                findings.add("boxes of a picture that is not listed", row.place)
    return [*found.values()]


def _boxes(
    annotations: Rows, labels: Mapping[int, int], findings: Findings
) -> dict[Any, list[RawBox]]:
    """By id of the picture."""
    found: dict[Any, list[RawBox]] = {}
    corners = [corners_of(row.get("bbox"), place) for place, row in annotations]
    # Where no box of a file reaches beyond 1, they are shares of the picture's sides.
    relative = bool(corners) and all(max(c) <= 1 for c in corners)
    relative = relative and max(max(c[2:]) for c in corners) > 0
    seen: set[Any] = set()
    for (place, row), (x, y, width, height) in zip(annotations, corners, strict=True):
        picture, label, crowd = belonging(place, row, labels, seen, findings)
        area = row.get("area")
        if area is not None and not (is_number(area) and 0 <= area < 2**63):
            rule = f"one whose `area` is a number, 0 or more, not {quoted(area)}"
            raise invalid("data", place, rule)
        # Of a relative file `area` is a share as well, or anything.
        area = None if relative or area is None else float(area)
        ends = (x, y, x + width, y + height)
        box = RawBox(ends, label, place, crowd, area, relative)
        found.setdefault(picture, []).append(box)
        if relative:
            findings.add("boxes in shares of the picture", place)
    return found


def belonging(
    place: str,
    row: Mapping[str, Any],
    labels: Mapping[int, int],
    seen: set[Any],
    findings: Findings,
) -> tuple[Any, int, bool]:
    """Id of an annotation's picture, number of its class, and whether it is a crowd.

    Args:
        place, row: As `read_tables` gives them.
        labels: Category -> number of the class.
        seen: Ids of earlier annotations; its own is added.
        findings: What is odd is counted here.
    """
    category: Any = row.get("category_id")
    if not is_number(category) or category not in labels:
        rule = f"of a category that is listed; {quoted(category)} is not"
        raise invalid("data", place, rule)
    if "id" in row:
        id = _id(row["id"], place, "id")
        if id in seen:
            findings.add("annotation ids given twice", place)
        seen.add(id)
    crowd = row.get("iscrowd", 0)
    if crowd not in (0, 1):
        raise invalid("data", place, f"one whose `iscrowd` is 0 or 1, not {quoted(crowd)}")
    return _id(row.get("image_id"), place, "image_id"), labels[int(category)], bool(crowd)


def corners_of(bbox: Any, place: str) -> list[float]:
    """The four numbers; NaN and infinity are counted later, and left out."""
    numbers = isinstance(bbox, list) and len(bbox) == 4
    if numbers and all(isinstance(v, int | float) and not isinstance(v, bool) for v in bbox):
        with contextlib.suppress(OverflowError):
            return [float(v) for v in bbox]
    raise invalid("data", place, f"one with a `bbox` of four numbers, not {quoted(bbox)}")


def _folders(file: Path) -> list[Path]:
    """Where its pictures may be."""
    root = file.parent.parent if file.parent.name == "annotations" else file.parent
    stem = file.stem.removeprefix("instances_")
    names = (stem, re.sub(r"\d{4}$", "", stem), "")
    inside = [root / part / name for part in ("", "images", "JPEGImages") for name in names]
    return [*dict.fromkeys([file.parent, *(f for f in inside if f.is_dir())])]


def _load(file: Path) -> dict[str, Any]:
    text = read_utf8(file)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise invalid("data", str(file), f"a JSON file: {error}") from None
    if not isinstance(content, dict):
        raise invalid("data", str(file), "in COCO's format, an object with images and annotations")
    return content


def _keys(file: Path) -> set[str]:
    try:
        return set(_load(file))
    except ValueError:
        return set()
