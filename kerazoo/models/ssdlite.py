"""SSDLite: boxes from the maps of any classification network, by separable convolutions.

"MobileNetV2: Inverted Residuals and Linear Bottlenecks" (Sandler et al., CVPR 2018),
https://arxiv.org/abs/1801.04381, section 6.2; details as in TensorFlow's Object Detection API
(github.com/tensorflow/models, `research/object_detection`).
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import Conventions
from kerazoo.blocks.ssd import ExtraMap, Predictor, extra_map
from kerazoo.models._backbones import build_backbone, extra_rows, maps_of, own_arguments
from kerazoo.models._constructor import constructor
from kerazoo.tasks.detection.head import LAYERS, SSDHead, chosen_rules

EXTRAS = (512, 256, 256, 128)  # channels of the maps after the backbone's


def attach(
    trunk: Trunk,
    picture: Any,
    maps: Sequence[Any],
    extras: Sequence[ExtraMap],
    predictors: Sequence[Predictor],
    rules: str,
    anchors: Any,
) -> Trunk:
    """Gives a backbone the head of a detector.

    Args:
        trunk: The backbone.
        picture: What it starts from.
        maps: Its maps that are read, finest first.
        extras: The further maps.
        predictors: One for each of both.
        rules, anchors: As for `chosen_rules`.
    """

    def grow() -> list[Any]:
        found, conventions = list(maps), trunk.conventions
        for number, row in enumerate(extras, 1):
            found.append(extra_map(found[-1], row, conventions, f"extra{number}"))
            conventions = conventions.passed(row.stride)
        return found

    trunk.head = SSDHead(picture, grow, predictors, trunk.conventions, chosen_rules(rules, anchors))
    return trunk


def given_or(given: Any, default: Any) -> Any:
    """What was given, whatever it is; the default where that is None."""
    return default if given is None else given


def rules_for(rules: str | None, finest: int) -> str:
    """TensorFlow's, for as many maps as there are, where nobody says."""
    return given_or(rules, "tensorflow" if finest == 16 else "tensorflow_stride_8")


class Wanted(NamedTuple):
    """What a user may say of every SSD on a backbone; see `SSDLite`."""

    rules: str | None
    anchors: Any
    finest: int


def on_backbone(
    place: tuple[Any, Conventions, int],
    backbone: str,
    arguments: Mapping[str, Any] | None,
    wanted: Wanted,
    *,
    alpha: float = 1.0,
    predictor: Predictor | None = None,
    separable: bool = True,
) -> Trunk:
    """A network with the head of a detector.

    Args:
        place: The picture, conventions and strides of the stem, as builders get them.
        backbone: Id of the network.
        arguments: Of it.
        wanted: What the user said.
        alpha: Width of the further maps.
        predictor: What reads each map; by default that of SSDLite.
        separable: Whether the further maps are made by separable convolutions.
    """
    rules, anchors, finest = wanted
    trunk = build_backbone(backbone, *place, **own_arguments(arguments))
    maps, extras = maps_of(trunk, finest), extra_rows(EXTRAS, alpha, separable=separable)
    predictors = [predictor or Predictor()] * (len(maps) + len(extras))
    return attach(trunk, place[0], maps, extras, predictors, rules_for(rules, finest), anchors)


detector = partial(
    constructor,
    size=320,
    dropout_rate=0.0,
    head=LAYERS,
    dilates=False,
    task="detection",
    classes=80,
    leading=("input_shape",),
    defaults={"weights": None, "classifier_activation": None},
)


@detector(
    ids={"ssdlite": {}},
)
def SSDLite(
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
    """SSDLite on any classification network.

    Source: https://arxiv.org/abs/1801.04381, section 6.2. Read are the map that the first block of
    stride 32 expands to (of networks without expansions the last one of stride 16), the last map,
    and four further ones, each half as high and wide as the one before. Pictures of any height and
    width, but fixed: 300, 320, 512, or not square.

    Args:
        backbone: Id of the network: `"mobilenet_v2"`, `"mixnet_s"`, ….
        backbone_arguments: Of that network, such as `{"kernel_sizes": [3, 5, 7]}`.
        rules: What the outputs mean: a name of `kerazoo.tasks.detection.rules.RULE_SETS`. Default:
            the checkpoint's, else TensorFlow's.
        anchors: In place of those of the rules: `SSDAnchors`, `TensorFlowAnchors` or
            `FittedAnchors` of `kerazoo.tasks.detection.anchors`, or one as a dict.
        finest: Stride of the first map, 16, or 8 for small things, which costs a map more.
    """
    place, wanted = (x, conventions, stem_strides), Wanted(rules, anchors, finest)
    return on_backbone(place, backbone, backbone_arguments, wanted)


@detector(
    ids={"ssdlite_mobilenet_v1": {}},
    leading=("input_shape", "alpha"),
)
def SSDLiteMobileNetV1(
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
    """SSDLite on MobileNetV1: 5.1 M parameters, 1.3 B multiply-adds (its paper's table 6).

    Source: https://arxiv.org/abs/1801.04381; see `SSDLite`.

    Args:
        alpha: Width multiplier, of the further maps too.
        kernel_sizes: Of the backbone's depthwise layers, as for `MobileNetV1` (MixConv paper, table
            1: 3, 5, 7, `[3, 5]`, `[3, 5, 7]`).
        rules: As for `SSDLite`.
        anchors: As for `SSDLite`.
        finest: As for `SSDLite`.
    """
    own = {"alpha": alpha, "kernel_sizes": kernel_sizes}
    place, wanted = (x, conventions, stem_strides), Wanted(rules, anchors, finest)
    return on_backbone(place, "mobilenet_v1", own, wanted, alpha=alpha)


@detector(
    ids={
        "ssdlite_mobilenet_v2": {},
        "ssdlite_mobilenet_v2_100": {"alpha": 1.0},
        "ssdlite_mobilenet_v2_140": {"alpha": 1.4},
    },
    leading=("input_shape", "alpha"),
)
def SSDLiteMobileNetV2(
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
    """SSDLite on MobileNetV2: 4.3 M parameters, 0.8 B multiply-adds (its paper's table 6).

    Source: https://arxiv.org/abs/1801.04381; see `SSDLite`.

    Args:
        alpha: Width multiplier, of the further maps too.
        kernel_sizes: Of the backbone's depthwise layers, as for `MobileNetV2` (MixConv paper, table
            1: 3, 5, 7, `[3, 5]`, `[3, 5, 7]`).
        rules: As for `SSDLite`.
        anchors: As for `SSDLite`.
        finest: As for `SSDLite`.
    """
    own = {"alpha": alpha, "kernel_sizes": kernel_sizes}
    place, wanted = (x, conventions, stem_strides), Wanted(rules, anchors, finest)
    return on_backbone(place, "mobilenet_v2", own, wanted, alpha=alpha)


@detector(
    ids={"ssdlite320_mobilenet_v3_large": {}},
    conventions=Conventions("symmetric", 1e-3, 0.97),
    classes=90,
)
def SSDLite320MobileNetV3Large(
    x, conventions, stem_strides, *, rules: str | None = None, anchors: Any = None
) -> Trunk:
    """SSDLite on MobileNetV3-Large with a tail of half the width: 3.4 M parameters, 583 M
    multiply-adds (torchvision's own figures).

    Source: https://github.com/pytorch/vision, `models/detection/ssdlite.py`, after
    https://arxiv.org/abs/1905.02244, section 6.3.

    Args:
        rules: As for `SSDLite`; default: torchvision's.
        anchors: As for `SSDLite`.
    """
    trunk = build_backbone("mobilenet_v3_large", x, conventions, stem_strides, reduced_tail=True)
    maps, extras = maps_of(trunk, 16), extra_rows(EXTRAS)
    predictors = [Predictor()] * (len(maps) + len(extras))
    return attach(trunk, x, maps, extras, predictors, given_or(rules, "torchvision"), anchors)


# Inverted residuals without a shortcut, whose expansion narrows.
PYTORCH_SSD_EXTRAS = (
    ExtraMap(512, 256, activation="linear"),
    ExtraMap(256, 128, activation="linear"),
    ExtraMap(256, 128, activation="linear"),
    ExtraMap(64, 64, activation="linear"),
)


@detector(
    ids={"mb2_ssd_lite": {}},
    size=300,
    conventions=Conventions("symmetric", 1e-5, 0.9),
    classes=20,
)
def MB2SSDLite(
    x, conventions, stem_strides, *, rules: str | None = None, anchors: Any = None
) -> Trunk:
    """The SSDLite on MobileNetV2 of pytorch-ssd: 3.4 M parameters, 661 M multiply-adds.

    Source: https://github.com/qfgaohao/pytorch-ssd, `mobilenet_v2_ssd_lite.py`. It differs from
    TensorFlow's in the further maps, which end without an activation, and in the last predictors,
    which are plain 1x1 convolutions.

    Args:
        rules: As for `SSDLite`; default: pytorch-ssd's.
        anchors: As for `SSDLite`.
    """
    trunk = build_backbone("mobilenet_v2", x, conventions, stem_strides)
    maps = maps_of(trunk, 16)
    lite, last = Predictor(depthwise_bias=True), Predictor(1, separable=False)
    predictors = [lite] * (len(maps) + len(PYTORCH_SSD_EXTRAS) - 1) + [last]
    chosen = given_or(rules, "pytorch_ssd")
    return attach(trunk, x, maps, PYTORCH_SSD_EXTRAS, predictors, chosen, anchors)
