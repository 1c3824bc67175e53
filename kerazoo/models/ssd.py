"""SSD: boxes from the maps of any classification network, by ordinary convolutions.

"SSD: Single Shot MultiBox Detector" (Liu et al., ECCV 2016), https://arxiv.org/abs/1512.02325; on
MobileNets as in TensorFlow's Object Detection API (github.com/tensorflow/models,
`research/object_detection`, configurations `ssd_mobilenet_v1_coco`, `ssd_mobilenet_v2_coco`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.ssd import Predictor
from kerazoo.models.ssdlite import Wanted, detector, on_backbone

PLAIN, POINTWISE = Predictor(3, separable=False), Predictor(1, separable=False)


@detector(
    ids={"ssd": {}},
)
def SSD(
    x,
    conventions,
    stem_strides,
    *,
    backbone: str,
    backbone_arguments: Mapping[str, Any] | None = None,
    rules: str | None = None,
    anchors: Any = None,
    finest: int = 16,
) -> Trunk:
    """SSD on any classification network: 3x3 convolutions read six maps.

    Source: https://arxiv.org/abs/1512.02325. On MobileNetV2 at 320 pixels what is beyond the
    backbone has 14.8 M parameters and 1.26 B multiply-adds (MobileNetV2's paper, table 5).

    Args:
        backbone: As for `SSDLite`.
        backbone_arguments: As for `SSDLite`.
        rules: As for `SSDLite`.
        anchors: As for `SSDLite`.
        finest: As for `SSDLite`.
    """
    place, wanted = (x, conventions, stem_strides), Wanted(rules, anchors, finest)
    how = {"predictor": PLAIN, "separable": False}
    return on_backbone(place, backbone, backbone_arguments, wanted, **how)


@detector(
    ids={
        "ssd_mobilenet_v1": {},
        "ssd_mobilenet_v1_075": {"alpha": 0.75},
        "ssd_mobilenet_v1_100": {"alpha": 1.0},
    },
    leading=("input_shape", "alpha"),
    size=300,
)
def SSDMobileNetV1(
    x,
    conventions,
    stem_strides,
    *,
    alpha: float = 1.0,
    kernel_sizes: int | Sequence[int] = 3,
    rules: str | None = None,
    anchors: Any = None,
    finest: int = 16,
) -> Trunk:
    """SSD on MobileNetV1 with 1x1 predictors: 6.8 M parameters, 1.2 B multiply-adds.

    Source: https://github.com/tensorflow/models, `ssd_mobilenet_v1_coco`; at 90 classes, as there.

    Args:
        alpha: Width multiplier, of the further maps too.
        kernel_sizes: Of the backbone's depthwise layers, as for `MobileNetV1`.
        rules: As for `SSDLite`.
        anchors: As for `SSDLite`.
        finest: As for `SSDLite`.
    """
    own = {"alpha": alpha, "kernel_sizes": kernel_sizes}
    place, wanted = (x, conventions, stem_strides), Wanted(rules, anchors, finest)
    how = {"alpha": alpha, "predictor": POINTWISE, "separable": False}
    return on_backbone(place, "mobilenet_v1", own, wanted, **how)


@detector(
    ids={"ssd_mobilenet_v2": {}, "ssd_mobilenet_v2_100": {"alpha": 1.0}},
    leading=("input_shape", "alpha"),
    size=300,
)
def SSDMobileNetV2(
    x,
    conventions,
    stem_strides,
    *,
    alpha: float = 1.0,
    kernel_sizes: int | Sequence[int] = 3,
    rules: str | None = None,
    anchors: Any = None,
    finest: int = 16,
) -> Trunk:
    """SSD on MobileNetV2 with 3x3 predictors: 16.8 M parameters, 1.9 B multiply-adds.

    Source: https://github.com/tensorflow/models, `ssd_mobilenet_v2_coco`; at 90 classes, as there.
    Its further maps are separable, its predictors are not.

    Args:
        alpha: Width multiplier, of the further maps too.
        kernel_sizes: Of the backbone's depthwise layers, as for `MobileNetV2`.
        rules: As for `SSDLite`.
        anchors: As for `SSDLite`.
        finest: As for `SSDLite`.
    """
    own = {"alpha": alpha, "kernel_sizes": kernel_sizes}
    place, wanted = (x, conventions, stem_strides), Wanted(rules, anchors, finest)
    return on_backbone(place, "mobilenet_v2", own, wanted, alpha=alpha, predictor=PLAIN)
