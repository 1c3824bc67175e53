"""Trained segmenters on real pictures, beside what their originals get: mIoU and pixel accuracy.

    python benchmarks/segmentation_accuracy.py --shared ../shared [--pictures 8] [NAME ...]

* Networks of Pascal VOC on the COCO pictures of `coco_tiny` (val2017), whose objects are drawn from
  large to small, those of other classes as background; crowds of VOC classes do not count.
* The Cityscapes network on CamVid's test pictures, untrained there: its classes are taken for the
  nearest of CamVid's 11, its `background` is never chosen, unlabelled pixels do not count.

Logits are interpolated to the size of the picture. `README.md` of `seg_det` has the figures of the
originals, which are printed beside ours.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from PIL import Image
from pycocotools import mask as rle

import kerazoo
from kerazoo.labels import label_names
from kerazoo.predictor import Predictor
from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks.segmentation.confusion import Confusion
from kerazoo.tasks.segmentation.masks import UNSEEN, class_map
from kerazoo.tasks.segmentation.meter import measured

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
COCO_NAMES = {"airplane": "aeroplane", "motorcycle": "motorbike", "couch": "sofa"}
COCO_NAMES |= {"tv": "tv monitor"}
CAMVID = (
    *("Sky", "Building", "Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car"),
    *("Pedestrian", "Bicyclist"),
)
UNLABELLED = 11
NEAREST = {  # class of CamVid -> classes of Cityscapes
    "Road": ("road",),
    "Pavement": ("sidewalk",),
    "Building": ("building", "wall"),
    "Fence": ("fence",),
    "Pole": ("pole",),
    "SignSymbol": ("traffic light", "traffic sign"),
    "Tree": ("vegetation", "terrain"),
    "Sky": ("sky",),
    "Pedestrian": ("person",),
    "Bicyclist": ("rider", "bicycle", "motorcycle"),
    "Car": ("car", "truck", "bus", "train"),
}


def espnetv2(scale: float, name: str, size: tuple[int, int], classes: int) -> Callable:
    def make(shared: Path) -> tuple[Any, Preprocessing]:
        model = kerazoo.create_model(
            f"espnetv2_seg_s_{str(scale).replace('.', '_')}",
            weights=str(shared / f"weights/seg_det/espnetv2_s_{scale}_{name}.npz"),
            input_shape=(*size, 3),
            classes=classes,
        )
        how = {"interpolation": "bilinear", "fit": "stretch", **IMAGENET}
        return model, Preprocessing(size, **how)

    return make


def deeplab(shared: Path) -> tuple[Any, Preprocessing]:
    model = kerazoo.create_model(
        "deeplabv3_mobilenet_v2_100",
        weights=str(shared / "weights/seg_det/deeplabv3_mnv2_pascal_quant_dequant_f16.npz"),
        input_shape=(513, 513, 3),
    )
    middle = (128 / 255,) * 3
    how: dict[str, Any] = {"interpolation": "bilinear", "antialias": False, "fit": "stretch"}
    return model, Preprocessing((513, 513), mean=middle, std=middle, **how)


# Name -> network, pictures, mIoU and pixel accuracy of the original.
CASES: dict[str, tuple[Callable, str, tuple[float, float]]] = {
    "deeplabv3_mobilenet_v2": (deeplab, "voc", (46.5, 89.1)),
    **{
        f"espnetv2_{scale}_voc": (
            espnetv2(scale, "pascal_384x384", (384, 384), 21),
            "voc",
            figures,
        )
        for scale, figures in ((0.5, (23.9, 83.6)), (1.0, (31.4, 84.9)), (2.0, (37.1, 87.1)))
    },
    "espnetv2_1.0_camvid": (espnetv2(1.0, "city_1024x512", (384, 512), 20), "camvid", (48.4, 80.6)),
}


def coco(shared: Path) -> Iterator[tuple[Path, np.ndarray]]:
    """Pictures of `coco_tiny` val2017 and their masks of VOC's classes."""
    facts = json.loads((shared / "coco_tiny/annotations/instances_val2017.json").read_text())
    names = {c["id"]: COCO_NAMES.get(c["name"], c["name"]) for c in facts["categories"]}
    voc = label_names("voc_segmentation")
    numbers = {id: voc.index(name) for id, name in names.items() if name in voc}
    for picture in facts["images"]:
        size = picture["height"], picture["width"]
        mask = np.zeros(size, "uint8")
        found = [each for each in facts["annotations"] if each["image_id"] == picture["id"]]
        for each in sorted(found, key=lambda each: -each["area"]):
            value = numbers.get(each["category_id"], 0)
            mask[drawn(each["segmentation"], size)] = UNSEEN if value and each["iscrowd"] else value
        yield shared / "coco_tiny/val2017" / picture["file_name"], mask


def drawn(shape: Any, size: tuple[int, int]) -> np.ndarray:
    """The pixels of an object in COCO's format."""
    parts = rle.frPyObjects(shape, *size)
    return rle.decode(rle.merge(parts) if isinstance(parts, list) else parts).astype(bool)


def camvid(shared: Path) -> Iterator[tuple[Path, np.ndarray]]:
    """CamVid's test pictures and masks."""
    folder = shared / "camvid"
    for line in (folder / "test.txt").read_text().splitlines():
        picture, mask = line.split()
        truth = np.asarray(Image.open(folder / mask))
        yield folder / picture, np.where(truth == UNLABELLED, UNSEEN, truth).astype("uint8")


def as_camvid() -> np.ndarray:
    """Class of Cityscapes -> class of CamVid."""
    cityscapes = label_names("cityscapes")
    table = np.full(len(cityscapes), UNSEEN, "uint8")
    for name, nearest in NEAREST.items():
        table[[cityscapes.index(each) for each in nearest]] = CAMVID.index(name)
    return table


def measure(name: str, shared: Path, limit: int | None) -> None:
    make, data, reference = CASES[name]
    model, preprocessing = make(shared)
    predictor = Predictor.of_model(model, preprocessing=preprocessing, batch_size=1)
    pairs = list({"voc": coco, "camvid": camvid}[data](shared))[:limit]
    confusion = Confusion(label_names("voc_segmentation") if data == "voc" else CAMVID)
    truths, table = dict(pairs), as_camvid()
    start = time.perf_counter()
    for path, scores in predictor.stream([path for path, _ in pairs]):
        truth = truths[path]
        placement = preprocessing.place(*truth.shape)
        if data == "voc":
            confusion.update(truth, class_map(scores, placement))
        else:
            confusion.update(truth, table[class_map(scores[..., :-1], placement)])
    found = measured(confusion, len(pairs), time.perf_counter() - start)
    theirs = f"{reference[0]:.1f} / {reference[1]:.1f}" if limit is None else "-"
    print(
        f"| {name} | {found.miou:.1f} / {found.pixel_accuracy:.1f} | {theirs} "
        f"| {found.constant:.1f} | {found.count} | {found.seconds:.0f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"of {', '.join(CASES)}")
    parser.add_argument("--shared", type=Path, required=True, help="folder of weights and pictures")
    parser.add_argument("--pictures", type=int, help="only so many of each set")
    args = parser.parse_args()
    print("| network | mIoU / pixel accuracy, % | original | one class everywhere | pictures | s |")
    print("|---|---|---|---|---|---|")
    for name in args.names or CASES:
        measure(name, args.shared, args.pictures)


if __name__ == "__main__":
    main()
