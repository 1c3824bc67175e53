"""Pascal VOC's annotations: an XML file for each picture, lists of names for the splits."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.parsers import expat

from kerazoo._errors import invalid, quoted
from kerazoo._files import open_regular, read_lines, read_utf8
from kerazoo.data.boxes.annotated import Annotated
from kerazoo.data.boxes.findings import Findings
from kerazoo.data.boxes.geometry import RawBox, RawPicture
from kerazoo.data.class_lists import listed_classes
from kerazoo.picture_lists import PICTURE_SUFFIXES

_PICTURES = ("JPEGImages", "images", "")
_LISTED = ("labels.txt", "classes.txt")


def voc_splits(root: Path) -> dict[str, Path]:
    """Each split's list of names, or folder of XML files; empty where there is no such data set.

    Known are `Annotations/*.xml` with `ImageSets/Main/<split>.txt`, with pictures in `JPEGImages`
    or `images`; and XML files beside their pictures, in one folder or one for each split.
    """
    if not root.is_dir():
        return {}
    if any((root / "Annotations").glob("*.xml")):
        lists = sorted((root / "ImageSets" / "Main").glob("*.txt"))
        # VOC's own folder also has a list for each class, with a number beside each name.
        plain = {f.stem: f for f in lists if _is_plain(f)}
        return plain or {"all": root / "Annotations"}
    if any(root.glob("*.xml")):
        return {"all": root}
    inside = sorted(f for f in root.iterdir() if f.is_dir() and f.name[0] != ".")
    return {f.name: f for f in inside if any(f.glob("*.xml"))}


def read_voc(root: Path, split: Path) -> Annotated:
    """A split: one of the values of `voc_splits(root)`.

    Classes are those of `labels.txt` or `classes.txt`, else all names that occur in the data set,
    sorted.

    Raises:
        ValueError: A file that is no such XML, or a class that the list of classes has not.
    """
    findings, splits = Findings(), voc_splits(root)
    files = {name: _members(root, each, Findings()) for name, each in splits.items()}
    parsed = {f: _parse(f) for members in files.values() for f in members if os.path.isfile(f)}
    own = _members(root, split, findings)
    classes = _classes(root, parsed.values())
    labels = {name: i for i, name in enumerate(classes)}
    pictures = []
    for file in own:
        content = parsed.get(file, {"objects": [], "size": None, "filename": None})
        boxes = [_box(row, labels, file, content) for row in content["objects"]]
        place = f"{file.name}"
        pictures.append(RawPicture(_picture(root, file, content), content["size"], boxes, place))
    return Annotated(pictures, classes, None, findings)


def _members(root: Path, split: Path, findings: Findings) -> list[Path]:
    """XML files of a split, each once; there need not be one, where a picture has no box."""
    if split.is_dir():
        return sorted(split.glob("*.xml"))
    found: dict[Path, None] = {}
    for number, name in read_lines(split):
        file = root / "Annotations" / f"{name}.xml"
        if file in found:
            findings.add("pictures listed twice", f"{split.name}, line {number}")
        found[file] = None
    return [*found]


def _is_plain(file: Path) -> bool:
    lines = [line.split() for line in read_utf8(file).splitlines()]
    return any(lines) and all(len(words) <= 1 for words in lines)


def _classes(root: Path, parsed: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    for name in _LISTED:
        if (root / name).is_file():
            return tuple(listed_classes(root / name))
    return tuple(sorted({row["name"] for content in parsed for row in content["objects"]}))


def _picture(root: Path, file: Path, content: dict[str, Any]) -> Path:
    """Beside the XML file, or in one of the folders for pictures."""
    folders = [root / f for f in _PICTURES] if file.parent.name == "Annotations" else [file.parent]
    names = [file.stem + s for s in (".jpg", ".png", ".jpeg", ".JPG", *PICTURE_SUFFIXES)]
    if content["filename"]:
        names.append(Path(content["filename"]).name)
    paths = [folder / name for folder in folders for name in names]
    return next((path for path in paths if os.path.isfile(path)), paths[0])


def _box(row: dict[str, Any], labels: dict[str, int], file: Path, content: dict) -> RawBox:
    place = f"{file.name}, line {row['line']}"
    if not row["name"]:
        raise invalid("data", place, "an object with a name")
    if row["name"] not in labels:
        raise invalid("data", place, f"of a class that is listed; {row['name']!r} is not")
    try:
        x1, y1, x2, y2 = (float(row[key]) for key in ("xmin", "ymin", "xmax", "ymax"))
    except (KeyError, ValueError):
        raise invalid("data", place, "a box with numbers xmin, ymin, xmax and ymax") from None
    if content["counts_from_one"]:
        x1, y1 = x1 - 1, y1 - 1
    # "Unspecified" and the like: what is not said to be difficult is not.
    difficult = row.get("difficult", "").lower() in ("1", "true", "yes")
    return RawBox((x1, y1, x2, y2), labels[row["name"]], place, difficult)


def _parse(file: Path) -> dict[str, Any]:
    """Size, file name and objects of an XML file, with the line at which each object begins."""
    found: dict[str, Any] = {"objects": [], "size": None, "filename": None}
    found["counts_from_one"] = False
    path: list[str] = []
    texts: list[str] = []
    size: dict[str, str] = {}
    parser = expat.ParserCreate()

    def start(name: str, _: Any) -> None:
        path.append(name)
        texts.clear()
        if path[1:] == ["object"]:
            found["objects"].append({"line": parser.CurrentLineNumber, "name": ""})

    def end(_: str) -> None:
        text, where = "".join(texts).strip(), path[1:]
        texts.clear()
        path.pop()
        if where[:1] == ["object"] and (len(where) == 2 or where[1:2] == ["bndbox"]):
            found["objects"][-1].setdefault(where[-1], text)
            if where == ["object", "name"]:
                found["objects"][-1]["name"] = text
        elif where[:1] == ["size"] and len(where) == 2:
            size[where[1]] = text
        elif where == ["filename"]:
            found["filename"] = text
        elif where == ["source", "database"]:
            # The genuine one counts pixels from 1, and the last one belongs to the box. Tools that
            # write the same format for other pictures give the corners themselves.
            found["counts_from_one"] = text.startswith("The VOC")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = texts.append
    try:
        with open_regular(file) as opened:
            parser.ParseFile(opened)
    except (expat.ExpatError, ValueError, OSError) as error:
        raise invalid("data", str(file), f"an XML file as Pascal VOC has them: {error}") from None
    sides = [_side(file, size.get(key, ""), key) for key in ("height", "width")]
    found["size"] = tuple(sides) if all(sides) else None  # some tools write 0 for unknown
    return found


def _side(file: Path, text: str, key: str) -> int:
    """Height or width of the picture; 0 where it is not said."""
    try:
        number = float(text or 0)
        if number == int(number):
            return int(number)
    except (ValueError, OverflowError):
        pass
    rule = f"an XML file as Pascal VOC has them, whose {key} is a whole number, not {quoted(text)}"
    raise invalid("data", str(file), rule)
