"""FLGC: networks whose convolutions learn their groups, with or without duplicated channels.

"Fully Learnable Group Convolution for Acceleration of Deep Neural Networks" (Wang et al., CVPR
2019), https://arxiv.org/abs/1904.00346. The first convolution stays ordinary everywhere.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import Conventions
from kerazoo.layers import FLGCConv2D, GroupedConv2D
from kerazoo.models._constructor import constructor
from kerazoo.models.mobilenet_v2 import MobileNetV2
from kerazoo.models.resnet import RESNET14, RESNET50, TORCH, resnet_trunk


def _grouped(
    conventions: Conventions, chosen: Callable[[str], bool], make: Callable[..., Any]
) -> Conventions:
    """The same conventions with what `make` makes wherever `chosen` says so of a layer's name."""

    def substitute(arguments):
        return make(**arguments) if chosen(arguments["name"]) else None

    return replace(conventions, substitute=substitute)


def _learned(groups: int, duplicate_top: int) -> Callable[..., FLGCConv2D]:
    return lambda **arguments: FLGCConv2D(groups=groups, duplicate_top=duplicate_top, **arguments)


def _not_the_first(name: str) -> bool:
    return name != "stem_conv"


@constructor(
    ids={"flgc_resnet50": {}},
    conventions=TORCH,
    dropout_rate=0.0,
    leading=("input_shape", "groups", "duplicate_top"),
)
def FLGCResNet50(
    x,
    conventions,
    stem_strides,
    *,
    groups: int = 8,
    duplicate_top: int = 0,
    stem: str = "imagenet",
) -> Trunk:
    """ResNet-50 with learned groups in every convolution but the first.

    Source: https://arxiv.org/abs/1904.00346, section 4; block table `RESNET50`. The 1x1 and 3x3
    convolutions of the blocks are learned, those of the shortcuts among them.
    `kerazoo.deploy.freeze_groups` turns a trained network into plain convolutions, with fewer
    multiply-adds. No checkpoint is published; `weights` must be None or a file of your own.

    Args:
        groups: Of every learned convolution, at most 64.
        duplicate_top: 0, or 3 as in the extension of Motohashi and Yamauchi; see `FLGCConv2D`.
        stem: `"imagenet"` (7x7 with `stem_strides`, then pooling) or `"cifar"` (3x3, stride 1, no
            pooling, for 32x32 pictures).
    """
    make = _learned(groups, duplicate_top)
    learning = _grouped(conventions, _not_the_first, make)
    return resnet_trunk(x, learning, stem_strides, RESNET50, stem)


@constructor(
    ids={"flgc_resnet14": {}},
    conventions=TORCH,
    dropout_rate=0.0,
    leading=("input_shape", "groups", "duplicate_top"),
)
def FLGCResNet14(
    x,
    conventions,
    stem_strides,
    *,
    groups: int = 8,
    duplicate_top: int = 0,
    width: float = 1.0,
    learned: bool = True,
    stem: str = "imagenet",
) -> Trunk:
    """ResNet-14, one bottleneck a stage, with groups in every convolution but the first.

    Source of the groups: https://arxiv.org/abs/1904.00346; block table `RESNET14`, ours: the
    smallest network of ResNet-50's blocks, for studies on small machines. No checkpoint is
    published; `weights` must be None or a file of your own.

    Args:
        groups: Of every such convolution, 1 for ordinary ones.
        duplicate_top: 0, or 3 as in the extension of Motohashi and Yamauchi; see `FLGCConv2D`.
        width: Multiplies all channels.
        learned: Whether the groups are learned. Otherwise they are neighbours, as in
            `keras.layers.Conv2D(groups=...)`.
        stem: As of `FLGCResNet50`.
    """
    rows = [
        replace(row, filters=round(width * row.filters), width=round(width * (row.width or 0)))
        for row in RESNET14
    ]
    if groups > 1:
        make = _learned(groups, duplicate_top) if learned else partial(GroupedConv2D, groups=groups)
        conventions = _grouped(conventions, _not_the_first, make)
    return resnet_trunk(x, conventions, stem_strides, rows, stem, round(width * 64))


@constructor(ids={"flgc_mobilenet_v2": {}}, leading=("input_shape", "groups", "duplicate_top"))
def FLGCMobileNetV2(
    x,
    conventions,
    stem_strides,
    *,
    groups: int = 8,
    duplicate_top: int = 0,
    alpha: float = 1.0,
) -> Trunk:
    """MobileNetV2 with learned groups in the projecting 1x1 convolution of every block.

    Source: https://arxiv.org/abs/1904.00346, section 4; which convolutions are replaced as in
    github.com/Daniil-Osokin/fully-learnable-group-convolution.pytorch. `kerazoo.deploy.
    freeze_groups` turns a trained network into plain convolutions, with fewer multiply-adds.
    No checkpoint is published; `weights` must be None or a file of your own.

    Args:
        groups: Of every learned convolution; at most the channels and filters of the narrowest.
        duplicate_top: 0, or 3 as in the extension of Motohashi and Yamauchi; see `FLGCConv2D`.
        alpha: Width multiplier of MobileNetV2.
    """
    make = _learned(groups, duplicate_top)
    learning = _grouped(conventions, lambda name: name.endswith("_project_conv"), make)
    return MobileNetV2.builder(x, learning, stem_strides, alpha=alpha)
