"""MobileNetV1: depthwise separable convolutions.

"MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications" (Howard et
al., 2017), https://arxiv.org/abs/1704.04861, table 1.
"""

from collections.abc import Sequence
from dataclasses import replace

from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import conv_bn
from kerazoo.blocks.inverted_residual import round_filters
from kerazoo.blocks.separable import Separable as Row
from kerazoo.blocks.separable import separable_stages
from kerazoo.models._constructor import constructor
from kerazoo.models._kernels import check_alpha, depthwise_kernels

# fmt: off
MOBILENET_V1 = (
    Row(64,   1),
    Row(128,  2, repeats=2),
    Row(256,  2, repeats=2),
    Row(512,  2, repeats=6),
    Row(1024, 2, repeats=2),  # the paper's table gives the second one stride 2 too: a misprint
)
# fmt: on
ALPHAS = (0.25, 0.5, 0.75, 1.0, 1.25)


@constructor(
    ids={
        "mobilenet_v1": {},
        **{f"mobilenet_v1_{round(alpha * 100):03d}": {"alpha": alpha} for alpha in ALPHAS},
    },
    leading=("input_shape", "alpha"),
    dropout_rate=1e-3,
)
def MobileNetV1(
    x, conventions, stem_strides, *, alpha: float = 1.0, kernel_sizes: int | Sequence[int] = 3
) -> Trunk:
    """MobileNetV1: 4.2 M parameters and 569 M multiply-adds at `alpha=1` (its paper's table 4).

    Source: https://arxiv.org/abs/1704.04861; block table `MOBILENET_V1`.

    Args:
        alpha: Width multiplier; widths are rounded to multiples of 8.
        kernel_sizes: Of every depthwise layer: an odd number for plain convolutions, a list such
            as `[3, 5, 7]` for MixConv (MixConv paper, figure 4). Checkpoints have 3.
    """
    alpha, kernels = check_alpha(alpha), depthwise_kernels(kernel_sizes)
    rows = [
        replace(row, filters=round_filters(row.filters, alpha), kernels=kernels)
        for row in MOBILENET_V1
    ]
    stem = conv_bn(
        x, round_filters(32, alpha), 3, conventions, "stem", stem_strides, activation="relu6"
    )
    trunk = Trunk.from_stem(stem, conventions, stem_strides)
    separable_stages(trunk, rows)
    return trunk
