"""What segmentation networks on a backbone have in common."""

from typing import Any

from kerazoo.blocks._trunk import Trunk
from kerazoo.models._backbones import find_backbone, map_named

V3 = "mobilenet_v3"
# Batch norm of a head: torchvision's, whatever the backbone has.
HEAD: dict[str, Any] = {"batch_norm_epsilon": 1e-5, "batch_norm_momentum": 0.9}
FACTS: dict[str, Any] = {
    "leading": ("input_shape", "backbone"),
    "size": 512,
    "conventions": None,
    "task": "segmentation",
    "classes": 21,
    "defaults": {"weights": None, "classifier_activation": None, "output_stride": 16},
}


def dilated(backbone: str) -> dict[str, Any]:
    """Arguments of a backbone that make its dilation that of the trained networks.

    Raises:
        ValueError: There is no such classifier.
    """
    find_backbone(backbone)
    return {"dilate_strided": True} if backbone.startswith(V3) else {}


def coarse_map(trunk: Trunk, backbone: str, name: str | None) -> Any:
    """The map that the decoder begins from; see `LRASPP`'s `high_feature`."""
    if name is not None:
        return map_named(trunk, "high_feature", name)
    return trunk.x if backbone.startswith(V3) else trunk.features[max(trunk.features)]
