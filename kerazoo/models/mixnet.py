"""MixNet: mobile networks with mixed depthwise kernels.

"MixConv: Mixed Depthwise Convolutional Kernels" (Tan & Le, BMVC 2019),
https://arxiv.org/abs/1907.09595, figure 5; row by row as in the authors' code,
tensorflow/tpu `models/official/mnasnet/mixnet/mixnet_builder.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kerazoo._errors import invalid
from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import conv_bn
from kerazoo.blocks.inverted_residual import InvertedResidual as Row
from kerazoo.blocks.inverted_residual import (
    inverted_residual_stages,
    round_filters,
    scale_width,
)
from kerazoo.models._constructor import constructor

# fmt: off
_S: dict[str, Any] = {"activation": "silu"}  # swish in stages 3 to 6

MIXNET_S = (
    Row(16,  1, 1, 1, (3,),              activation="relu"),
    Row(24,  1, 2, 6, (3,),              2, 2, activation="relu"),
    Row(24,  1, 1, 3, (3,),              2, 2, activation="relu", new_stage=False),
    Row(40,  1, 2, 6, (3, 5, 7),         1, 1, squeeze=0.5, **_S),
    Row(40,  3, 1, 6, (3, 5),            2, 2, squeeze=0.5, **_S, new_stage=False),
    Row(80,  1, 2, 6, (3, 5, 7),         1, 2, squeeze=0.25, **_S),
    Row(80,  2, 1, 6, (3, 5),            1, 2, squeeze=0.25, **_S, new_stage=False),
    Row(120, 1, 1, 6, (3, 5, 7),         2, 2, squeeze=0.5, **_S),
    Row(120, 2, 1, 3, (3, 5, 7, 9),      2, 2, squeeze=0.5, **_S, new_stage=False),
    Row(200, 1, 2, 6, (3, 5, 7, 9, 11),  1, 1, squeeze=0.5, **_S),
    Row(200, 2, 1, 6, (3, 5, 7, 9),      1, 2, squeeze=0.5, **_S, new_stage=False),
)

MIXNET_M = (
    Row(24,  1, 1, 1, (3,),              activation="relu"),
    Row(32,  1, 2, 6, (3, 5, 7),         2, 2, activation="relu"),
    Row(32,  1, 1, 3, (3,),              2, 2, activation="relu", new_stage=False),
    Row(40,  1, 2, 6, (3, 5, 7, 9),      1, 1, squeeze=0.5, **_S),
    Row(40,  3, 1, 6, (3, 5),            2, 2, squeeze=0.5, **_S, new_stage=False),
    Row(80,  1, 2, 6, (3, 5, 7),         1, 1, squeeze=0.25, **_S),
    Row(80,  3, 1, 6, (3, 5, 7, 9),      2, 2, squeeze=0.25, **_S, new_stage=False),
    Row(120, 1, 1, 6, (3,),              1, 1, squeeze=0.5, **_S),
    Row(120, 3, 1, 3, (3, 5, 7, 9),      2, 2, squeeze=0.5, **_S, new_stage=False),
    Row(200, 1, 2, 6, (3, 5, 7, 9),      1, 1, squeeze=0.5, **_S),
    Row(200, 3, 1, 6, (3, 5, 7, 9),      1, 2, squeeze=0.5, **_S, new_stage=False),
)
# fmt: on


def scale_depth(rows: Sequence[Row], multiplier: float) -> list[Row]:
    """The same table with the repeats of every stage multiplied.

    A stage is rounded as a whole and then shared out from its last row to its first, so that the
    first row, which carries the stride, is repeated last (timm `_efficientnet_builder.py`,
    `_scale_stage_depth`).
    """
    stages: list[list[Row]] = []
    for row in rows:
        if row.new_stage or not stages:
            stages.append([])
        stages[-1].append(row)
    scaled = []
    for stage in stages:
        old = sum(row.repeats for row in stage)
        new = max(1, round(old * multiplier))
        shares = []
        for row in reversed(stage):
            share = max(1, round(row.repeats / old * new))
            shares.append(replace(row, repeats=share))
            old, new = old - row.repeats, new - share
        scaled += reversed(shares)
    return scaled


def _mixnet(
    x, conventions, stem_strides, blocks, stem_filters, head_filters=1536, width=1.0, depth=1.0
) -> Trunk:
    rows = scale_depth(scale_width(blocks, width), depth)
    stem_filters = round_filters(stem_filters, width)
    stem = conv_bn(x, stem_filters, 3, conventions, "stem", stem_strides, activation="relu")
    trunk = Trunk.from_stem(stem, conventions, stem_strides)
    inverted_residual_stages(trunk, rows)
    # The head keeps its width: its 1536 channels are not scaled (mixnet_builder.py, feature_size).
    trunk.finish(conv_bn(trunk.x, head_filters, 1, trunk.conventions, "head", activation="relu"))
    return trunk


@constructor(ids={"mixnet_s": {}})
def MixNetS(x, conventions, stem_strides) -> Trunk:
    """MixNet-S: 4.1 M parameters, 256 M multiply-adds (MixConv paper, table 2 and figure 5a).

    Source: https://arxiv.org/abs/1907.09595; block table `MIXNET_S`.
    """
    return _mixnet(x, conventions, stem_strides, MIXNET_S, 16)


@constructor(ids={"mixnet_m": {}}, dropout_rate=0.25)
def MixNetM(x, conventions, stem_strides) -> Trunk:
    """MixNet-M: 5.0 M parameters, 360 M multiply-adds (MixConv paper, table 2 and figure 5b).

    Source: https://arxiv.org/abs/1907.09595; block table `MIXNET_M`.
    """
    return _mixnet(x, conventions, stem_strides, MIXNET_M, 24)


@constructor(ids={"mixnet_l": {}}, dropout_rate=0.25)
def MixNetL(x, conventions, stem_strides) -> Trunk:
    """MixNet-L: MixNet-M with 1.3 times the width (MixConv paper, section 4.3).

    Source: https://arxiv.org/abs/1907.09595; block table `MIXNET_M`.
    """
    return _mixnet(x, conventions, stem_strides, MIXNET_M, 24, width=1.3)


@constructor(ids={"mixnet_xl": {}}, dropout_rate=0.25)
def MixNetXL(x, conventions, stem_strides) -> Trunk:
    """MixNet-XL: MixNet-M with 1.6 times the width and 1.2 times the depth (timm's variant).

    Source: https://github.com/huggingface/pytorch-image-models, `mixnet_xl`; block table
    `MIXNET_M`.
    """
    return _mixnet(x, conventions, stem_strides, MIXNET_M, 24, width=1.6, depth=1.2)


@constructor(ids={"mixnet": {}})
def MixNet(
    x,
    conventions,
    stem_strides,
    *,
    blocks: Sequence[Row | Mapping],
    stem_filters: int = 16,
    head_filters: int = 1536,
    width: float = 1.0,
    depth: float = 1.0,
) -> Trunk:
    """A MixNet from one's own block table.

    Args:
        blocks: Rows as `kerazoo.blocks.InvertedResidual` (or dicts of its fields); see
            `kerazoo.models.mixnet.MIXNET_S` for the paper's.
        stem_filters: Channels of the first convolution, before `width`.
        head_filters: Channels of the last 1x1 convolution; not scaled.
        width: Factor on all widths, rounded to multiples of 8.
        depth: Factor on the repeats of every stage.
    """
    for name, value in (("width", width), ("depth", depth)):
        if not isinstance(value, int | float) or value <= 0:
            raise invalid(name, value, "a positive number")
    if not blocks:
        raise invalid("blocks", blocks, "a non-empty list of `InvertedResidual` rows")
    rows = [row if isinstance(row, Row) else Row(**row) for row in blocks]
    rows = [replace(row, kernels=tuple(row.kernels)) for row in rows]
    return _mixnet(x, conventions, stem_strides, rows, stem_filters, head_filters, width, depth)
