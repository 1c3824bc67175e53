"""Detections as annotations of other formats, so that people correct them and networks learn them.

What is written here, `kerazoo.data` reads again.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any
from xml.etree import ElementTree


def coco(found: Any) -> dict[str, Any]:
    """What a COCO file of this picture holds: `images`, `annotations` and all `categories`."""
    height, width = found.size
    return {
        "images": [{"id": 1, "file_name": found.file_name, "width": width, "height": height}],
        "annotations": [
            {
                "id": number,
                "image_id": 1,
                "category_id": id,
                "bbox": [round(v, 2) for v in (x1, y1, x2 - x1, y2 - y1)],
                "area": round((x2 - x1) * (y2 - y1), 2),
                "iscrowd": 0,
                "score": round(score, 4),
            }
            for number, (id, score, (x1, y1, x2, y2)) in enumerate(
                zip(found.ids, found.scores.tolist(), found.boxes.tolist(), strict=True), 1
            )
        ],
        "categories": [
            {"id": id, "name": name} for id, name in zip(found.all_ids, found.labels, strict=True)
        ],
    }


def voc(found: Any) -> str:
    """An XML file as Pascal VOC has one for each picture; its pixels count from 1."""
    height, width = found.size
    root = ElementTree.Element("annotation")
    ElementTree.SubElement(root, "filename").text = found.file_name
    size = ElementTree.SubElement(root, "size")
    for name, value in (("width", width), ("height", height), ("depth", 3)):
        ElementTree.SubElement(size, name).text = str(value)
    for name, box in zip(found.names, found.boxes.tolist(), strict=True):
        thing = ElementTree.SubElement(root, "object")
        for key, value in (("name", name), ("difficult", "0"), ("truncated", "0")):
            ElementTree.SubElement(thing, key).text = value
        corners = ElementTree.SubElement(thing, "bndbox")
        # The last pixel belongs to the box: x2 of ours is where the next one begins.
        x1, y1, x2, y2 = (round(v) for v in box)
        values = (x1 + 1, y1 + 1, max(x2, x1 + 1), max(y2, y1 + 1))
        for key, value in zip(("xmin", "ymin", "xmax", "ymax"), values, strict=True):
            ElementTree.SubElement(corners, key).text = str(value)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def yolo(found: Any) -> str:
    """A line for each box: class from 0, centre, width and height as shares of the picture."""
    height, width = found.size
    lines = []
    for number, (x1, y1, x2, y2) in zip(found.classes, found.boxes.tolist(), strict=True):
        shares = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height)
        shares += ((x2 - x1) / width, (y2 - y1) / height)
        lines.append(f"{number} {' '.join(f'{share:.6f}' for share in shares)}\n")
    return "".join(lines)


FORMATS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {"coco": coco, "voc": voc, "yolo": yolo}
)
