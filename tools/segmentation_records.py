"""Records of published segmentation networks, for `make_records.py`."""

import re
from collections.abc import Callable, Iterator
from typing import Any

ESPNET = "https://github.com/sacmehta/ESPNet/raw/{commit}/pretrained/{folder}/espnet_p_2_q_{q}.pth"
# Folder -> commit that holds its files, model ids without q.
ESPNET_FILES = {
    "decoder": ("f35e34e4fa03b0bfb97464263ae38c6236ddb5c1", "espnet_city_p2_q"),
    "encoder": ("61610a48c66e73feba0e547ef3cea966298b4847", "espnet_c_p2_q"),
}
# Read from copies of the files; the other files have been seen by name alone.
ESPNET_DIGESTS = {
    ("decoder", 3): "8f3eb198fb15e5da7fa8d258d5f0fc4a4213e1124f415f6fc54d2772d585a7fc",
    ("encoder", 3): "5101e9bc90dd2a57d8460e70cdfaa743f76317bf806d2d1c4adb635c8d392e77",
}
DISOWNED = {"sacmehta-EdgeNets/espnetv2_s_2.0_city_512x256"}  # its README has the row commented out
TORCHVISION = {
    "LRASPP_MobileNet_V3_Large": "lraspp_mobilenet_v3_large",
    "DeepLabV3_MobileNet_V3_Large": "deeplabv3_mobilenet_v3_large",
}
_IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
_STRETCHED = {
    "crop_fraction": 1.0, "interpolation": "bilinear", "rounding": "floor", "fit": "stretch"
}  # fmt: skip
CITYSCAPES = {"dataset": "cityscapes", "classes": 20, "labels": "cityscapes"}
VOC = {"dataset": "voc", "classes": 21, "labels": "voc_segmentation"}


def segmentation_records(
    family: str, entries: list[dict[str, Any]], record: Callable[..., dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Those of a family; none of one that does not segment.

    Args:
        family: Name of the file of records.
        entries: Of the survey.
        record: Makes one of an entry and further fields.
    """
    if family == "espnet":
        yield from _espnet(record)
    publisher, make = _SURVEYED.get(family, (None, None))
    for entry in entries:
        if entry["task"] == "segmentation" and entry["id"].partition("/")[0] == publisher:
            yield record(entry, task="segmentation", source="url", **make(entry))


def _miou(entry: dict[str, Any], size: list[int]) -> dict[str, Any]:
    values = entry["reported"]["values"][0]
    miou = values.get("miou_val", values.get("miou"))
    return {"miou": miou, "size": max(size), "source": entry["reported"]["source"]}


def _edgenets(entry: dict[str, Any]) -> dict[str, Any]:
    scale, city = re.fullmatch(r"s=([\d.]+), (city|pascal)_.+", entry["variant"]).groups()
    size = entry["preprocessing"]["input_size"]
    return {
        **(CITYSCAPES if city == "city" else VOC),
        "model": f"espnetv2_seg_s_{scale.replace('.', '_')}",
        "layout": "edgenets",
        "padding": "symmetric",
        "batch_norm_epsilon": 1e-5,
        "preprocessing": {"size": size, "antialias": True, **_STRETCHED, **_IMAGENET},
        "arguments": {"pyramid_width": 10},
        "metrics": _miou(entry, size),
        "default": entry["id"] not in DISOWNED,
        "notes": "Trained on Cityscapes, whose terms are those of non-commercial research."
        if city == "city"
        else "",
    }


def _torchvision(entry: dict[str, Any]) -> dict[str, Any]:
    side = entry["preprocessing"]["resize_shorter_side"]
    return {
        **VOC,
        "model": TORCHVISION[entry["variant"]],
        "layout": "torchvision",
        "padding": "symmetric",
        "batch_norm_epsilon": 1e-3,
        "preprocessing": {
            "size": [side, side], "crop_fraction": 1.0, "antialias": True,
            "interpolation": "bilinear", "rounding": "floor", "fit": "pad", **_IMAGENET,
        },
        "metrics": _miou(entry, [side]),
        "default": True,
        "notes": "torchvision scales the shorter side to 520 pixels and takes what the longer one "
        "then is; here the picture is fitted into a square. Licence: the library's; the weights "
        "carry none of their own.",
    }  # fmt: skip


_SURVEYED = {
    "espnetv2_segmentation": ("sacmehta-EdgeNets", _edgenets),
    "torchvision_segmentation": ("torchvision", _torchvision),
}


def _espnet(record: Callable[..., dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """github.com/sacmehta/ESPNet, which the survey does not have."""
    for folder, (commit, model) in ESPNET_FILES.items():
        for q in (3, 5, 8):
            digest = ESPNET_DIGESTS.get((folder, q))
            entry = {
                "id": f"sacmehta-ESPNet/{folder}-p2-q{q}",
                "location": ESPNET.format(commit=commit, folder=folder, q=q),
                "filename": f"{folder}_espnet_p_2_q_{q}.pth",
                "integrity": [{"kind": "sha256", "value": digest}] if digest else [],
                "licence": "mit",
            }
            yield record(
                entry,
                task="segmentation",
                source="url",
                **CITYSCAPES,
                model=f"{model}{q}",
                layout="espnet",
                padding="symmetric",
                batch_norm_epsilon=1e-3,
                # Of RGB; the authors divide by 255 once more after the deviation.
                preprocessing={
                    "size": [512, 1024],
                    "antialias": False,
                    **_STRETCHED,
                    "mean": [m / 255 for m in (73.15840149, 82.90893555, 72.39231110)],
                    "std": [44.91483307, 46.15289307, 45.31922150],
                },
                arguments={"channel_order": "bgr"},
                metrics={},
                default=True,
                notes="Trained on Cityscapes, whose terms are those of non-commercial research.",
            )
