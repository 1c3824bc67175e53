"""MobileNetV2: inverted residuals and linear bottlenecks.

"MobileNetV2: Inverted Residuals and Linear Bottlenecks" (Sandler et al., CVPR 2018),
https://arxiv.org/abs/1801.04381, table 2.
"""

from collections.abc import Sequence
from dataclasses import replace

from kerazoo._errors import invalid
from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import conv_bn
from kerazoo.blocks.inverted_residual import (
    SHORTCUTS,
    inverted_residual_stages,
    round_filters,
    scale_width,
)
from kerazoo.blocks.inverted_residual import InvertedResidual as Row
from kerazoo.models._constructor import constructor
from kerazoo.models._kernels import check_alpha, depthwise_kernels

# fmt: off
MOBILENET_V2 = (  # c, n, s, t of the paper's table
    Row(16,  1, 1, 1),
    Row(24,  2, 2, 6),
    Row(32,  3, 2, 6),
    Row(64,  4, 2, 6),
    Row(96,  3, 1, 6),
    Row(160, 3, 2, 6),
    Row(320, 1, 1, 6),
)
# fmt: on
ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
BOTTLENECKS = ("linear", "relu6")


@constructor(
    ids={
        "mobilenet_v2": {},
        **{f"mobilenet_v2_{round(alpha * 100):03d}": {"alpha": alpha} for alpha in ALPHAS},
    },
    leading=("input_shape", "alpha"),
)
def MobileNetV2(
    x,
    conventions,
    stem_strides,
    *,
    alpha: float = 1.0,
    kernel_sizes: int | Sequence[int] = 3,
    bottleneck_activation: str = "linear",
    shortcut: str = "bottleneck",
) -> Trunk:
    """MobileNetV2: 3.5 M parameters and 300 M multiply-adds at `alpha=1` (its paper's table 4).

    Source: https://arxiv.org/abs/1801.04381; block table `MOBILENET_V2`.

    Args:
        alpha: Width multiplier; widths are rounded to multiples of 8, the head's 1280 channels
            only grow with it.
        kernel_sizes: Of every depthwise layer: an odd number for plain convolutions, a list such
            as `[3, 5, 7]` for MixConv (MixConv paper, figure 4). Checkpoints have 3.
        bottleneck_activation: `"linear"`, or `"relu6"` for the ablation of the MobileNetV2 paper,
            figure 6a.
        shortcut: Where the shortcuts run: `"bottleneck"`, or for the ablation of figure 6b
            `"expansion"` (between the wide layers, as in a classical residual network) or
            `"none"`.
    """
    alpha, kernels = check_alpha(alpha), depthwise_kernels(kernel_sizes)
    if bottleneck_activation not in BOTTLENECKS:
        raise invalid("bottleneck_activation", bottleneck_activation, f"one of {BOTTLENECKS}")
    if shortcut not in SHORTCUTS:
        raise invalid("shortcut", shortcut, f"one of {SHORTCUTS}")
    rows = [
        replace(row, kernels=kernels, project_activation=bottleneck_activation, shortcut=shortcut)
        for row in scale_width(MOBILENET_V2, alpha)
    ]
    stem = conv_bn(
        x, round_filters(32, alpha), 3, conventions, "stem", stem_strides, activation="relu6"
    )
    trunk = Trunk.from_stem(stem, conventions, stem_strides)
    inverted_residual_stages(trunk, rows)
    head = round_filters(1280, max(1.0, alpha))
    trunk.finish(conv_bn(trunk.x, head, 1, trunk.conventions, "head", activation="relu6"))
    return trunk
