"""Makes kerazoo/checkpoints/records/*.json from a survey of what publishers say about weights.

    python tools/make_records.py UPSTREAM.json

UPSTREAM.json holds `entries`, one a published file, with the facts as found and where they were
found. What kerazoo builds, under which id, and which of them `weights="imagenet"` means, is
decided here. `own.json` (our own checkpoints) is written by hand and never touched.
"""

import argparse
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from detection_records import detection_records
from segmentation_records import segmentation_records

from kerazoo._files import write_text

RECORDS = Path(__file__).parents[1] / "kerazoo" / "checkpoints" / "records"

# First part of an id in the survey -> layout of the tensors' names, for publishers of torch files.
TORCH_LAYOUTS = {
    "timm": "timm",
    "torchvision": "torchvision",
    "sacmehta-ESPNetv2": "espnetv2",
}

SCALES = ("0.5", "1.0", "1.25", "1.5", "2.0")  # of ESPNetv2


def torchvision_name(name: str) -> str:
    """`resnext50_32x4d` -> `ResNeXt50_32X4D`."""
    return (
        name.replace("resnext", "ResNeXt")
        .replace("resnet", "ResNet")
        .replace("x4d", "X4D")
        .replace("x8d", "X8D")
    )


# Publishers of torch files: name of the architecture -> kerazoo model id.
NAMES = {
    "mixnet": {
        **{f"mixnet_{s}": f"mixnet_{s}" for s in ("s", "m", "l", "xl")},
        **{f"tf_mixnet_{s}": f"mixnet_{s}" for s in ("s", "m", "l")},
    },
    "mobilenet_v1": {f"mobilenetv1_{w}": f"mobilenet_v1_{w}" for w in ("100", "125")},
    "mobilenet_v2": {
        **{f"mobilenetv2_{w}": f"mobilenet_v2_{w}" for w in ("050", "100", "140")},
        "MobileNet_V2": "mobilenet_v2_100",
    },
    "mobilenet_v3": {
        **{
            f"mobilenetv3_{size}_{w}": f"mobilenet_v3_{size}{suffix}"
            for size in ("small", "large")
            for w, suffix in (("050", "_050"), ("075", "_075"), ("100", ""))
        },
        **{
            f"tf_mobilenetv3_{size}_{w}": f"mobilenet_v3_{size}{suffix}"
            for size in ("small", "large")
            for w, suffix in (("075", "_075"), ("100", ""), ("minimal_100", "_minimalistic"))
        },
    },
    "mnasnet": {
        "mnasnet_100": "mnasnet_b1",
        "mnasnet_small": "mnasnet_small",
        "semnasnet_075": "mnasnet_a1_075",
        "semnasnet_100": "mnasnet_a1",
        "MNASNet0_5": "mnasnet_b1_050",
        "MNASNet0_75": "mnasnet_b1_075",
        "MNASNet1_0": "mnasnet_b1",
        "MNASNet1_3": "mnasnet_b1_130",
    },
    "resnet": {
        name: name.lower()
        for lower in (
            *(f"resnet{depth}" for depth in (18, 34, 50, 101, 152)),
            *("resnext50_32x4d", "resnext101_32x4d", "resnext101_32x8d"),
        )
        for name in (lower, torchvision_name(lower))
    },
    "shufflenet_v2": {
        f"ShuffleNet_V2_X{scale}": f"shufflenet_v2_x{scale}"
        for scale in ("0_5", "1_0", "1_5", "2_0")
    },
    **{family: {} for family in ("nasnet", "resnet_v2")},  # see APPLICATIONS
    "espnetv2": {f"s={s}": f"espnetv2_s_{s.replace('.', '_')}" for s in SCALES},
    # See segmentation_records.py.
    "detection": {},  # see detection_records.py
    **{family: {} for family in ("espnet", "espnetv2_segmentation", "torchvision_segmentation")},
}

# keras.applications: file name -> alpha and size. Its V1 files write 0.75 as 7_5.
KERAS_FILES = {
    "mobilenet_v1": re.compile(r"mobilenet_(\d)_(\d+)_(\d+)_tf\.h5"),
    "mobilenet_v2": re.compile(
        r"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_([\d.]+)_(\d+)\.h5"
    ),
}

# More of keras.applications' files: file name -> model, size, and the conventions built into them.
APPLICATIONS = {
    "mobilenet_v3": {
        f"weights_mobilenet_v3_{size}_{form}_float.h5": (
            f"mobilenet_v3_{size}{suffix}", 224, "same", 1e-3
        )
        for size in ("small", "large")
        for form, suffix in (
            ("224_1.0", ""), ("224_0.75", "_075"), ("minimalistic_224_1.0", "_minimalistic")
        )
    },
    "nasnet": {
        "NASNet-mobile.h5": ("nasnet_mobile", 224, "same", 1e-3),
        "NASNet-large.h5": ("nasnet_large", 331, "same", 1e-3),
    },
    "resnet_v2": {
        f"resnet{depth}v2_weights_tf_dim_ordering_tf_kernels.h5": (
            f"resnet{depth}_v2", 224, "symmetric", 1.001e-5
        )
        for depth in (50, 101, 152)
    },
}  # fmt: skip

# Where keras.applications has no file of a width. MixNet: Google's own weights, ported by timm.
DEFAULTS = {
    "timm/tf_mixnet_s.in1k",
    "timm/tf_mixnet_m.in1k",
    "timm/tf_mixnet_l.in1k",
    "timm/mixnet_xl.ra_in1k",
    "timm/mobilenetv1_125.ra4_e3600_r224_in1k",
    *(f"timm/mobilenetv3_small_{w}.lamb_in1k" for w in ("050", "075", "100")),
    "timm/mobilenetv3_large_100.ra_in1k",
    "timm/tf_mobilenetv3_large_075.in1k",
    *(f"timm/tf_mobilenetv3_{size}_minimal_100.in1k" for size in ("small", "large")),
    "timm/mnasnet_100.rmsp_in1k",
    "timm/mnasnet_small.lamb_in1k",
    *(f"timm/semnasnet_{w}.rmsp_in1k" for w in ("075", "100")),
    *(f"torchvision/MNASNet{w}.IMAGENET1K_V1" for w in ("0_5", "0_75", "1_3")),
    *(f"timm/resnet{depth}.a1_in1k" for depth in (18, 34, 50)),
    *(f"timm/resnet{depth}.a1h_in1k" for depth in (101, 152)),
    "timm/resnext50_32x4d.a1h_in1k",
    "timm/resnext101_32x4d.gluon_in1k",
    "torchvision/ResNeXt101_32X8D.IMAGENET1K_V2",
    *(f"torchvision/ShuffleNet_V2_X{s}.IMAGENET1K_V1" for s in ("0_5", "1_0", "1_5", "2_0")),
    *(f"sacmehta-ESPNetv2/imagenet-s{s}" for s in SCALES),
}


def pinned(entry: dict[str, Any]) -> tuple[str | None, list[dict[str, str]]]:
    """Revision and digests that may be relied on: what the publisher itself printed.

    A digest known only from another repository (`seen_in`) or of another file than the one we
    fetch (`of`) is no pin, and a short commit cannot be asked for by its full name.
    """
    confirmed = entry.get("confirmed") or {}
    revision = confirmed.get("revision") or ""
    listed = entry["filename"] in (confirmed.get("files") or {})
    digests = [
        {"kind": item["kind"], "value": item["value"]}
        for item in entry["integrity"]
        if item["kind"] in ("sha256", "sha256_prefix", "md5", "git_blob_sha1")
        and "seen_in" not in item
        and item.get("of", entry["filename"]) == entry["filename"]
    ]
    return (revision if len(revision) == 40 and listed else None), digests


def licence(entry: dict[str, Any]) -> tuple[str, bool, str]:
    """SPDX-like id, whether commercial use is forbidden, and the survey's remark on it."""
    name, _, remark = entry["licence"].partition(" (")
    remark = remark.rstrip(")")
    if remark == "from memory":
        remark = "not stated with the file; the licence of keras.applications' source"
    return name, "-nc" in name, f"Licence: {remark}." if remark else ""


# The survey has no figures for these; https://keras.io/api/applications prints them.
KERAS_TOP1 = {
    "nasnet_mobile": 74.4,
    "nasnet_large": 82.5,
    "resnet50_v2": 76.0,
    "resnet101_v2": 77.2,
    "resnet152_v2": 78.0,
}


def metrics(entry: dict[str, Any], size: int) -> dict[str, Any]:
    """Published accuracy at the size that the record's preprocessing has."""
    reported = entry.get("reported")
    if not reported:
        return {}
    value = next(v for v in reported["values"] if v.get("img_size", size) == size)
    known = {key: value[key] for key in ("top1", "top5") if key in value}
    return {**known, "size": size, "source": reported["source"]}


def remarks(entry: dict[str, Any], size: int) -> str:
    """Published figures at another size, which the record's preprocessing does not show."""
    values = (entry.get("reported") or {}).get("values", [])
    return " ".join(
        f"At {v['img_size']} pixels, crop {v['crop_pct']}: top-1 {v['top1']}, top-5 {v['top5']}."
        for v in values
        if v.get("img_size", size) != size
    )


def torch_preprocessing(entry: dict[str, Any]) -> dict[str, Any]:
    """timm gives the crop as a fraction, torchvision as the side before it."""
    given = entry["preprocessing"]
    size = given["input_size"]
    if "resize_shorter_side" in given:
        crop = size[0] / given["resize_shorter_side"]
    else:
        crop = given["crop_pct"]
    return {
        "size": size, "crop_fraction": crop, "antialias": True, "rounding": "floor",
        "interpolation": re.split(r",| \(", given["interpolation"])[0],
        "mean": given["mean"], "std": given["std"],
    }  # fmt: skip


def keras_preprocessing(size: int) -> dict[str, Any]:
    """x / 127.5 - 1, and the crop of TF-slim's evaluation."""
    return {
        "size": [size, size], "crop_fraction": 0.875, "antialias": True, "rounding": "round",
        "interpolation": "bilinear", "mean": [0.5] * 3, "std": [0.5] * 3,
    }  # fmt: skip


def record(entry: dict[str, Any], **own: Any) -> dict[str, Any]:
    """The JSON form of `kerazoo.checkpoints.records.Checkpoint`."""
    size = own["preprocessing"]["size"][0]
    revision, digests = pinned(entry)
    name, non_commercial, remark = licence(entry)
    notes = " ".join(filter(None, (remark, remarks(entry, size))))
    return {
        "id": entry["id"], "task": "classification", "dataset": "imagenet", "classes": 1000,
        "labels": "imagenet", "location": entry["location"], "filename": entry["filename"],
        "revision": revision, "integrity": digests, "licence": name,
        "non_commercial": non_commercial, "metrics": metrics(entry, size), "arguments": {},
        "default": entry["id"] in DEFAULTS, "notes": notes, **own,
    }  # fmt: skip


def torch_records(family: str, entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Records of the files of timm, torchvision and authors who use PyTorch."""
    for entry in entries:
        layout = TORCH_LAYOUTS.get(entry["id"].split("/")[0])
        model = NAMES[family].get(entry["variant"])
        # Of the other data sets, some with thousands of classes, we have no label sets.
        if layout is None or model is None or entry["dataset"] != "ImageNet-1k":
            continue
        state = entry["state_dict"]
        yield record(
            entry,
            model=model,
            source="hub" if entry["source"] == "huggingface_hub" else "url",
            layout=layout,
            padding={"tensorflow_same": "same", "symmetric": "symmetric"}[state["padding"]],
            batch_norm_epsilon=state["bn_eps"],
            preprocessing=torch_preprocessing(entry),
        )


def keras_records(family: str, entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Records of keras.applications' files with their classifier."""
    pattern = KERAS_FILES.get(family)
    for entry in entries:
        match = (
            entry["id"].startswith("keras/") and pattern and pattern.fullmatch(entry["filename"])
        )
        if not match:
            continue
        if family == "mobilenet_v1":
            alpha, size = f"{match[1]}.{match[2]}", int(match[3])
            alpha = alpha if alpha == "1.0" else f"0.{match[1]}{match[2]}".rstrip("0")
        else:
            alpha, size = match[1], int(match[2])
        yield record(
            entry,
            id=f"keras/{family}_{alpha}_{size}",
            model=f"{family}_{round(float(alpha) * 100):03d}",
            source="url",
            layout="keras",
            padding="same",
            batch_norm_epsilon=1e-3,
            preprocessing=keras_preprocessing(size),
            default=True,
        )


# What it is, where it comes from, how it is used, how good it is.
ORDER = (
    *("id", "model", "task", "dataset", "classes", "labels", "default"),
    *("source", "location", "filename", "revision", "integrity", "licence", "non_commercial"),
    *("layout", "padding", "batch_norm_epsilon", "preprocessing", "arguments"),
    *("metrics", "notes"),
)


def keras_metrics(model: str, size: int) -> dict[str, Any]:
    """The published accuracy where the survey has none."""
    if model not in KERAS_TOP1:
        return {}
    source = "https://keras.io/api/applications"
    return {"metrics": {"top1": KERAS_TOP1[model], "size": size, "source": source}}


def application_records(family: str, entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Records of the files in `APPLICATIONS`."""
    for entry in entries:
        found = APPLICATIONS.get(family, {}).get(entry.get("filename"))
        if not entry["id"].startswith("keras/") or found is None:
            continue
        model, size, padding, epsilon = found
        yield record(
            entry,
            id=f"keras/{model}_{size}",
            model=model,
            **keras_metrics(model, size),
            source="url",
            layout="keras",
            padding=padding,
            batch_norm_epsilon=epsilon,
            preprocessing=keras_preprocessing(size),
            default=family != "mobilenet_v3",  # timm's are the defaults there
        )


MAKERS: tuple[Callable[..., Iterator[dict[str, Any]]], ...] = (
    torch_records,
    keras_records,
    application_records,
    lambda family, entries: segmentation_records(family, entries, record),
    lambda family, entries: detection_records(family, entries, record),
)


def dump(records: list[dict[str, Any]]) -> str:
    """JSON with one field a line, so that a change of one fact is a change of one line."""
    blocks = []
    for entry in records:
        lines = (f"   {json.dumps(key)}: {json.dumps(entry[key])}" for key in ORDER)
        blocks.append("  {\n" + ",\n".join(lines) + "\n  }")
    return '{\n "checkpoints": [\n' + ",\n".join(blocks) + "\n ]\n}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("upstream", type=Path, help="survey of published files (JSON)")
    entries = json.loads(parser.parse_args().upstream.read_text("utf-8"))["entries"]
    for family in NAMES:
        records = [r for make in MAKERS for r in make(family, entries)]
        write_text(RECORDS / f"{family}.json", dump(records))
        print(f"{family}: {len(records)} records")


if __name__ == "__main__":
    main()
