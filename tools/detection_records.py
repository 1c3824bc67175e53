"""Records of published detectors, for `make_records.py`."""

import re
from collections.abc import Callable, Iterator
from typing import Any

# torchvision's SSD300, which the survey does not have.
SSD300 = {
    "id": "torchvision/SSD300_VGG16.COCO_V1",
    "location": "https://download.pytorch.org/models/ssd300_vgg16_coco-b556d3b4.pth",
    "filename": "ssd300_vgg16_coco-b556d3b4.pth",
    "integrity": [{"kind": "sha256_prefix", "value": "b556d3b4"}],
    "licence": "bsd-3-clause",
}
TENSORFLOW = {  # name of the file without its date -> model id
    "ssdlite_mobilenet_v2_coco": "ssdlite_mobilenet_v2_100",
    "ssd_mobilenet_v1_coco": "ssd_mobilenet_v1_100",
    "ssd_mobilenet_v2_coco": "ssd_mobilenet_v2_100",
}
_PAPER = {"dataset": "coco", "classes": 90, "labels": "coco_paper"}
_LIBRARY = "Licence: the library's; the weights carry none of their own."


def _stretched(side: int, rounding: str, mean: Any, std: Any) -> dict[str, Any]:
    return {
        "size": [side, side], "crop_fraction": 1.0, "interpolation": "bilinear",
        "antialias": False, "rounding": rounding, "fit": "stretch", "mean": mean, "std": std,
    }  # fmt: skip


_HALVES = ([0.5] * 3, [0.5] * 3)


def detection_records(
    family: str, entries: list[dict[str, Any]], record: Callable[..., dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Those of the family `detection`; none of others. Arguments as for `segmentation_records`."""
    if family != "detection":
        return
    for entry in entries:
        make = _SURVEYED.get(entry["id"].partition("/")[0])
        found = make(entry) if make and entry["task"] == "detection" else None
        if found:
            yield record(entry, **{"task": "detection", "source": "url", "default": True, **found})
    yield record(
        SSD300,
        task="detection",
        source="url",
        default=True,
        **_PAPER,
        model="ssd300_vgg16",
        layout="torchvision",
        padding="symmetric",
        batch_norm_epsilon=1e-3,  # it has none
        preprocessing=_stretched(300, "floor", [0.48235, 0.45882, 0.40784], [1 / 255] * 3),
        metrics={"ap": 25.1, "size": 300, "source": "torchvision 0.29.1 weights metadata"},
        notes=_LIBRARY,
    )


def _torchvision(entry: dict[str, Any]) -> dict[str, Any]:
    values = entry["reported"]["values"][0]
    return {
        **_PAPER,
        "model": "ssdlite320_mobilenet_v3_large",
        "layout": "torchvision",
        "padding": "symmetric",
        "batch_norm_epsilon": 1e-3,
        "preprocessing": _stretched(320, "floor", *_HALVES),
        "metrics": {
            "ap": values["coco_val2017_map"], "size": 320, "source": entry["reported"]["source"]
        },
        "licence": "bsd-3-clause",
        "notes": _LIBRARY,
    }  # fmt: skip


def _edgenets(entry: dict[str, Any]) -> dict[str, Any]:
    side, values = entry["preprocessing"]["input_size"][0], entry["reported"]["values"][0]
    coco = entry["dataset"] == "MS-COCO"
    figures = {"ap": values["coco_map"]} if coco else {"ap50": values["voc07_map"]}
    return {
        **({"dataset": "coco", "classes": 80} if coco else {"dataset": "voc", "classes": 20}),
        "labels": "coco" if coco else "voc",
        "model": "espnetv2_ssd_s_2_0",
        "layout": "edgenets",
        "padding": "symmetric",
        "batch_norm_epsilon": 1e-5,
        "preprocessing": _stretched(
            side, "floor", entry["preprocessing"]["mean"], entry["preprocessing"]["std"]
        ),
        "arguments": {"rules": f"edgenets_{side}"},
        "metrics": {**figures, "size": side, "source": entry["reported"]["source"]},
        "notes": "",
    }


def _tensorflow(entry: dict[str, Any]) -> dict[str, Any] | None:
    name = re.sub(r"_20\d\d_\d\d_\d\d$", "", entry["id"].partition("/")[2])
    if name not in TENSORFLOW:
        return None
    return {
        **_PAPER,
        "id": f"tensorflow/{entry['id'].partition('/')[2]}",
        "model": TENSORFLOW[name],
        "layout": "tensorflow",
        "integrity": [],
        "padding": "same",
        "batch_norm_epsilon": 1e-3,
        "preprocessing": _stretched(300, "round", *_HALVES),
        "metrics": {
            "ap": float(entry["reported"]["values"][0]["coco_map"]),
            "size": 300,
            "source": entry["reported"]["source"],
        },
        "notes": "A checkpoint of TensorFlow 1 in an archive; nothing in it is run.",
    }


_SURVEYED: dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]] = {
    "torchvision": _torchvision,
    "sacmehta-EdgeNets": _edgenets,
    "tf1-detection": _tensorflow,
}
