"""Small data sets with boxes, in the formats that people have them in."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from tests.picture_files import exif

HEIGHT, WIDTH = 24, 40


def picture(path: Path, orientation: int = 1, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Path:
    """A picture file of `(height, width)` as it is stored."""
    path.parent.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[: size[0], : size[1]]
    pixels = np.stack([5 * x % 256, 9 * y % 256, 0 * x], -1).astype("uint8")
    more = {} if orientation == 1 else {"exif": exif(orientation)}
    Image.fromarray(pixels).save(path, **more)
    return path


def coco(
    root: Path, annotations: list[dict], images: list[dict] | None = None, split: str = "train"
) -> Path:
    """COCO's layout with the categories 3 `cat` and 7 `dog`, and the pictures 1 and 2."""
    if images is None:
        images = [
            {"id": n, "file_name": f"{n}.png", "height": HEIGHT, "width": WIDTH} for n in (1, 2)
        ]
        for image in images:
            picture(root / f"{split}2017" / image["file_name"])
    categories = [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    file = root / "annotations" / f"instances_{split}2017.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    return root


def box(corners: list[float], image: int = 1, category: int = 3, number: int = 1, **more) -> dict:
    """An annotation of COCO's: x, y, width, height."""
    row = {"id": number, "image_id": image, "category_id": category, "bbox": corners}
    return {**row, "iscrowd": 0, "area": 50.0, **more}


def voc(root: Path, files: dict[str, list[tuple]], split: str = "train", database="mine") -> Path:
    """VOC's layout: name -> (class, xmin, ymin, xmax, ymax, difficult) of each object."""
    for name, rows in files.items():
        picture(root / "JPEGImages" / f"{name}.png")
        objects = "".join(
            f"\n<object><name>{label}</name><difficult>{difficult}</difficult>\n<bndbox>"
            f"<xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
            for label, x1, y1, x2, y2, difficult in rows
        )
        text = (
            f"<annotation><source><database>{database}</database></source>"
            f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>"
            f"{objects}\n</annotation>"
        )
        file = root / "Annotations" / f"{name}.xml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    lists = root / "ImageSets" / "Main"
    lists.mkdir(parents=True, exist_ok=True)
    (lists / f"{split}.txt").write_text("\n".join(files) + "\n")
    return root


def yolo(root: Path, files: dict[str, str | None], split: str = "train") -> Path:
    """YOLO's layout: name -> text of its label file, None for no file."""
    for name, text in files.items():
        picture(root / "images" / split / f"{name}.png")
        (root / "labels" / split).mkdir(parents=True, exist_ok=True)
        if text is not None:
            (root / "labels" / split / f"{name}.txt").write_text(text)
    return root


def targets(source) -> dict[str, dict[str, list]]:
    """File name -> boxes, classes by name, crowd flags and size of a source."""
    found = {}
    for index, path in enumerate(source.files):
        _, target = source.fetch(index)
        values = {key: value.numpy() for key, value in target.items()}
        there = values["classes"] >= 0
        assert (values["boxes"][~there] == 0).all()
        found[Path(path).name] = {
            "boxes": values["boxes"][there].tolist(),
            "names": [source.classes[c] for c in values["classes"][there]],
            "crowd": values["crowd"][there].tolist(),
            "areas": values["areas"][there].tolist(),
            "size": values["size"].tolist(),
        }
    return found


def kinds(source) -> dict[str, int]:
    """Kind -> number of the findings of a source."""
    return {each.kind: len(each.places) for each in source.findings}
