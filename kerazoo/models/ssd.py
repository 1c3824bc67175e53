"""SSD: boxes from the maps of any classification network, by ordinary convolutions.

"SSD: Single Shot MultiBox Detector" (Liu et al., ECCV 2016), https://arxiv.org/abs/1512.02325; on
MobileNets as in TensorFlow's Object Detection API (github.com/tensorflow/models,
`research/object_detection`, configurations `ssd_mobilenet_v1_coco`, `ssd_mobilenet_v2_coco`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.ssd import Predictor
from kerazoo.models._backbones import build_backbone, extra_rows, maps_of, own_arguments
from kerazoo.models.ssdlite import EXTRAS, attach, detector, rules_for


def _ssd(
    x,
    conventions,
    stem_strides,
    backbone,
    arguments,
    rules,
    anchors,
    finest,
    *,
    alpha=1.0,
    kernel=3,
    separable_extras=False,
) -> Trunk:
    trunk = build_backbone(backbone, x, conventions, stem_strides, **own_arguments(arguments))
    maps = maps_of(trunk, finest)
    extras = extra_rows(EXTRAS, alpha, separable=separable_extras)
    predictors = [Predictor(kernel, separable=False)] * (len(maps) + len(extras))
    return attach(trunk, x, maps, extras, predictors, rules_for(rules, finest), anchors)


@detector(
    ids={"ssd": {}},
    leading=("input_shape",),
    defaults={"weights": None, "classifier_activation": None},
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
    return _ssd(x, conventions, stem_strides, backbone, backbone_arguments, rules, anchors, finest)


@detector(
    ids={
        "ssd_mobilenet_v1": {},
        "ssd_mobilenet_v1_075": {"alpha": 0.75},
        "ssd_mobilenet_v1_100": {"alpha": 1.0},
    },
    leading=("input_shape", "alpha"),
    size=300,
    defaults={"weights": None, "classifier_activation": None},
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
    place = (x, conventions, stem_strides)
    return _ssd(*place, "mobilenet_v1", own, rules, anchors, finest, alpha=alpha, kernel=1)


@detector(
    ids={"ssd_mobilenet_v2": {}, "ssd_mobilenet_v2_100": {"alpha": 1.0}},
    leading=("input_shape", "alpha"),
    size=300,
    defaults={"weights": None, "classifier_activation": None},
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
    return _ssd(
        x,
        conventions,
        stem_strides,
        "mobilenet_v2",
        own,
        rules,
        anchors,
        finest,
        alpha=alpha,
        separable_extras=True,
    )
