"""COCO's annotations: a JSON file for each split, beside folders of pictures."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerazoo._errors import invalid
from kerazoo.data.boxes.annotated import Annotated
from kerazoo.data.boxes.findings import Findings
from kerazoo.data.boxes.geometry import RawBox, RawPicture

_KEYS = {"images", "annotations", "categories"}
_ROBOFLOW = "_annotations.coco.json"


def coco_splits(path: Path) -> dict[str, Path]:
    """The JSON file of each split; empty where there is no data set in COCO's format.

    Known are one JSON file; `annotations/instances_train2017.json` (the split is `train`);
    `annotations/train.json`; and `train/_annotations.coco.json`.
    """
    if path.is_file():
        return {"all": path} if path.suffix.lower() == ".json" else {}
    if not path.is_dir():
        return {}
    if inside := {f.parent.name: f for f in sorted(path.glob(f"*/{_ROBOFLOW}"))}:
        return inside
    if (path / _ROBOFLOW).is_file():
        return {"all": path / _ROBOFLOW}
    named = sorted(path.glob("annotations/instances_*.json"))
    others = [] if named else sorted(path.glob("annotations/*.json"))
    files = named or [f for f in others if _keys(f) >= _KEYS]
    return {re.sub(r"^instances_|\d{4}$", "", f.stem) or "all": f for f in files}


def read_coco(file: Path) -> Annotated:
    """A split.

    Raises:
        ValueError: It is not in COCO's format, categories share a name or number, or an annotation
            has none of them.
    """
    content = _load(file)
    if not content.keys() >= _KEYS:
        missing = ", ".join(sorted(_KEYS - content.keys()))
        raise invalid("data", str(file), f"in COCO's format; it has no {missing}")
    findings = Findings()
    categories = sorted(content["categories"], key=lambda c: c["id"])
    for key in ("id", "name"):
        values = [c[key] for c in categories]
        if twice := [v for v in values if values.count(v) > 1]:
            raise invalid("data", str(file), f"one whose categories differ in {key}; {twice[0]!r}")
    ids = tuple(int(c["id"]) for c in categories)
    boxes = _boxes(file, content["annotations"], {n: i for i, n in enumerate(ids)}, findings)
    pictures = _pictures(file, content["images"], boxes, findings)
    for number, rows in boxes.items():
        if number not in pictures:
            for row in rows:
                findings.add("boxes of a picture that is not listed", row.place)
    names = tuple(str(c["name"]) for c in categories)
    plain = ids == tuple(range(len(ids)))
    return Annotated([*pictures.values()], names, None if plain else ids, findings)


def _pictures(
    file: Path, images: list, boxes: Mapping[Any, list[RawBox]], findings: Findings
) -> dict[Any, RawPicture]:
    """By id."""
    found: dict[Any, RawPicture] = {}
    names: dict[Any, str] = {}
    seen: set[str] = set()
    folders = _folders(file)
    for image in images:
        number, name = image["id"], image["file_name"]
        place = f"{file.name}, image {number}"
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
        sides = image.get("height"), image.get("width")
        size = (int(sides[0]), int(sides[1])) if all(sides) else None
        path = next((f / name for f in folders if (f / name).is_file()), folders[0] / name)
        found[number] = RawPicture(path, size, boxes.get(number, ()), place)
    return found


def _boxes(
    file: Path, annotations: list, labels: Mapping[int, int], findings: Findings
) -> dict[Any, list[RawBox]]:
    """By id of the picture."""
    found: dict[Any, list[RawBox]] = {}
    relative = _are_shares(annotations)
    seen = set()
    for number, row in enumerate(annotations):
        place = f"{file.name}, annotation {row.get('id', f'no. {number + 1}')}"
        if "bbox" not in row or len(row["bbox"]) != 4:
            raise invalid("data", place, "one with a `bbox` of four numbers")
        if row.get("category_id") not in labels:
            wrong = row.get("category_id")
            raise invalid("data", place, f"of a category that is listed; {wrong} is not")
        if "id" in row and row["id"] in seen:
            findings.add("annotation ids given twice", place)
        seen.add(row.get("id"))
        x, y, width, height = map(float, row["bbox"])
        crowd = bool(row.get("iscrowd", 0))
        # Of a relative file `area` is a share as well, or anything.
        area = None if relative else row.get("area")
        corners = (x, y, x + width, y + height)
        label = labels[row["category_id"]]
        box = RawBox(corners, label, place, crowd, area and float(area), relative)
        found.setdefault(row["image_id"], []).append(box)
        if relative:
            findings.add("boxes in shares of the picture", place)
    return found


def _are_shares(annotations: list) -> bool:
    """Whether no box of a file reaches beyond 1: then they are shares of the picture's sides."""
    corners = [v for row in annotations for v in row.get("bbox", ())]
    sides = [v for row in annotations for v in row.get("bbox", ())[2:]]
    return bool(corners) and max(corners) <= 1 and max(sides) > 0


def _folders(file: Path) -> list[Path]:
    """Where its pictures may be."""
    root = file.parent.parent if file.parent.name == "annotations" else file.parent
    stem = file.stem.removeprefix("instances_")
    names = (stem, re.sub(r"\d{4}$", "", stem), "")
    inside = [root / part / name for part in ("", "images", "JPEGImages") for name in names]
    return [*dict.fromkeys([file.parent, *(f for f in inside if f.is_dir())])]


def _load(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise invalid("data", str(file), f"a JSON file: {error}") from None
    if not isinstance(content, dict):
        raise invalid("data", str(file), "in COCO's format, an object with images and annotations")
    return content


def _keys(file: Path) -> set[str]:
    try:
        return set(_load(file))
    except ValueError:
        return set()
