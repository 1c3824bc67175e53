"""Repositories in timm's format: what their `config.json` says, in our terms."""

from collections.abc import Mapping
from typing import Any

from kerazoo.checkpoints.weights import check_facts, prepared
from kerazoo.preprocessing import Preprocessing


def is_timm(config: Any) -> bool:
    """Whether a `config.json` is one that timm's `push_to_hf_hub` writes."""
    return (
        isinstance(config, Mapping)
        and isinstance(config.get("architecture"), str)
        and isinstance(config.get("pretrained_cfg"), Mapping)
    )


def describe_timm(config: Mapping[str, Any], address: str) -> dict[str, Any]:
    """Fields of `resolve.Weights` from timm's `config.json`.

    timm keeps padding and batch-norm epsilon in the architecture: names that begin with `tf_` have
    TensorFlow's (`timm/models/_efficientnet_builder.py`, `resolve_bn_args`), others PyTorch's.

    Raises:
        ValueError: A value is of another kind, or asks for more than `kerazoo._bounds` grants; the
            message names `address`.
    """
    record = config["pretrained_cfg"]
    # timm writes 0 for a network without classifier.
    classes = config.get("num_classes", record.get("num_classes")) or None
    labels = config.get("label_names") or ("imagenet" if classes == 1000 else None)
    check_facts(address, {"classes": classes, "labels": labels})
    architecture = config["architecture"]
    from_tensorflow = architecture.startswith("tf_")
    return {
        "origin": f"timm's `{architecture}`",
        "classes": classes,
        "labels": tuple(labels) if isinstance(labels, list) else labels,
        "preprocessing": prepared(address, _preprocessing, record),
        "padding": "same" if from_tensorflow else "symmetric",
        "batch_norm_epsilon": 1e-3 if from_tensorflow else 1e-5,
    }


def _preprocessing(record: Mapping[str, Any]) -> Preprocessing:
    return Preprocessing(
        size=tuple(record.get("input_size", (3, 224, 224))[1:]),
        crop_fraction=record.get("crop_pct", 0.875),
        interpolation=record.get("interpolation", "bicubic"),
        mean=record.get("mean", (0.485, 0.456, 0.406)),
        std=record.get("std", (0.229, 0.224, 0.225)),
    )
