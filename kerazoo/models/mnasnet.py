"""MnasNet: mobile networks found by a search that measures latency on a phone.

"MnasNet: Platform-Aware Neural Architecture Search for Mobile" (Tan et al., CVPR 2019),
https://arxiv.org/abs/1807.11626, figure 7; rows B1 and small as in the authors' code,
tensorflow/tpu `models/official/mnasnet/mnasnet_models.py`.
"""

from typing import Any

from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import conv_bn
from kerazoo.blocks.inverted_residual import InvertedResidual as Row
from kerazoo.blocks.inverted_residual import (
    inverted_residual_stages,
    round_filters,
    scale_width,
)
from kerazoo.models._constructor import constructor
from kerazoo.models._kernels import check_alpha

# fmt: off
_RE: dict[str, Any] = {"activation": "relu"}  # plain ReLU, not ReLU6

MNASNET_A1 = (  # filters, repeats, stride, expansion, kernels
    Row(16,  1, 1, 1, (3,), **_RE),
    Row(24,  2, 2, 6, (3,), **_RE),
    Row(40,  3, 2, 3, (5,), **_RE, squeeze=0.25),
    Row(80,  4, 2, 6, (3,), **_RE),
    Row(112, 2, 1, 6, (3,), **_RE, squeeze=0.25),
    Row(160, 3, 2, 6, (5,), **_RE, squeeze=0.25),
    Row(320, 1, 1, 6, (3,), **_RE),
)

MNASNET_B1 = (
    Row(16,  1, 1, 1, (3,), **_RE),
    Row(24,  3, 2, 3, (3,), **_RE),
    Row(40,  3, 2, 3, (5,), **_RE),
    Row(80,  3, 2, 6, (5,), **_RE),
    Row(96,  2, 1, 6, (3,), **_RE),
    Row(192, 4, 2, 6, (5,), **_RE),
    Row(320, 1, 1, 6, (3,), **_RE),
)

MNASNET_SMALL = (
    Row(8,   1, 1, 1, (3,), **_RE),
    Row(16,  1, 2, 3, (3,), **_RE),
    Row(16,  2, 2, 6, (3,), **_RE),
    Row(32,  4, 2, 6, (5,), **_RE, squeeze=0.25),
    Row(32,  3, 1, 6, (3,), **_RE, squeeze=0.25),
    Row(88,  3, 2, 6, (5,), **_RE, squeeze=0.25),
    Row(144, 1, 1, 6, (3,), **_RE),
)
# fmt: on


def _mnasnet(x, conventions, stem_strides, blocks, stem_filters: int, alpha: float = 1.0) -> Trunk:
    alpha = check_alpha(alpha)
    stem_filters = round_filters(stem_filters, alpha)
    stem = conv_bn(x, stem_filters, 3, conventions, "stem", stem_strides, activation="relu")
    trunk = Trunk.from_stem(stem, conventions, stem_strides)
    inverted_residual_stages(trunk, scale_width(blocks, alpha))
    # The head keeps its 1280 channels, whatever the width.
    trunk.finish(conv_bn(trunk.x, 1280, 1, trunk.conventions, "head", activation="relu"))
    return trunk


@constructor(
    ids={"mnasnet_a1": {}, "mnasnet_a1_075": {"alpha": 0.75}}, leading=("input_shape", "alpha")
)
def MnasNetA1(x, conventions, stem_strides, *, alpha: float = 1.0) -> Trunk:
    """MnasNet-A1: 3.9 M parameters, 312 M multiply-adds (its paper's table 1 and figure 7).

    With squeeze-and-excite; top-1 75.2 % in the paper. Source: https://arxiv.org/abs/1807.11626;
    block table `MNASNET_A1`.

    Args:
        alpha: Width multiplier; widths are rounded to multiples of 8. Published: 1.0, 0.75.
    """
    return _mnasnet(x, conventions, stem_strides, MNASNET_A1, 32, alpha)


@constructor(
    ids={
        "mnasnet_b1": {},
        **{f"mnasnet_b1_{round(a * 100):03d}": {"alpha": a} for a in (0.5, 0.75, 1.3)},
    },
    leading=("input_shape", "alpha"),
)
def MnasNetB1(x, conventions, stem_strides, *, alpha: float = 1.0) -> Trunk:
    """MnasNet-B1: 4.4 M parameters, 314 M multiply-adds (`mnasnet_b1` in the authors' code).

    Without squeeze-and-excite; top-1 74.5 % with the authors' code. Source:
    https://arxiv.org/abs/1807.11626; block table `MNASNET_B1`.

    Args:
        alpha: Width multiplier; widths are rounded to multiples of 8. Published: 1.0, 0.5, 0.75
            and 1.3.
    """
    return _mnasnet(x, conventions, stem_strides, MNASNET_B1, 32, alpha)


@constructor(ids={"mnasnet_small": {}})
def MnasNetSmall(x, conventions, stem_strides) -> Trunk:
    """MnasNet-small: 2.0 M parameters, 68 M multiply-adds (`mnasnet_small` in the authors' code).

    Source: https://arxiv.org/abs/1807.11626; block table `MNASNET_SMALL`.
    """
    return _mnasnet(x, conventions, stem_strides, MNASNET_SMALL, 8)
