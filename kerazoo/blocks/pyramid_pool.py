"""The efficient pyramid pool of EdgeNets: one map seen at several sizes by depthwise kernels.

"DiCENet: Dimension-wise Convolutions for Efficient Networks" (Mehta et al., TPAMI 2020),
https://arxiv.org/abs/1906.03516, section 4.2; details as in github.com/sacmehta/EdgeNets (commit
2b232d3), `nn_layers/efficient_pyramid_pool.py`.
"""

from collections.abc import Sequence

import keras

from kerazoo._checks import check_int
from kerazoo.blocks.conventions import Conventions, conv
from kerazoo.blocks.eesp_unit import conv_bn_prelu, depthwise_3x3
from kerazoo.blocks.esp_module import bn_prelu
from kerazoo.layers import AdaptiveAveragePooling2D, BilinearResize2D, ChannelShuffle

LEAST = 5  # rows and columns of the smallest map


def efficient_pyramid_pool(
    x,
    filters: int | None,
    width: int,
    conventions: Conventions,
    name: str,
    scales: Sequence[float] = (2.0, 1.5, 1.0, 0.5, 0.1),
):
    """Project, convolve at several sizes, bring back to one size, merge, expand.

    Larger sizes are interpolated, corners aligned, and pooled back; smaller ones are pooled, and
    interpolated back.

    Args:
        filters: Output channels, after which come batch norm and PReLU; None leaves the last 1x1
            convolution to the caller.
        width: Channels of the projection.
        conventions: Of the layers; the padding at stride 1 is the same by both.
        scales: Size of each branch against that of `x`; at least 5 pixels a side.

    Raises:
        ValueError: for a width that is no positive integer.
    """
    check_int("width", width)
    x = conv_bn_prelu(x, width, 1, conventions, f"{name}_project")
    branches = []
    for number, scale in enumerate(scales, 1):
        branch = f"{name}_branch{number}"
        y = x
        if scale > 1:
            y = BilinearResize2D(scale, LEAST, align_corners=True, name=f"{branch}_enlarge")(y)
        elif scale < 1:
            y = AdaptiveAveragePooling2D(scale, LEAST, name=f"{branch}_shrink")(y)
        y = depthwise_3x3(y, conventions, branch)
        if scale > 1:
            y = AdaptiveAveragePooling2D(name=f"{branch}_shrink")([y, x])
        elif scale < 1:
            y = BilinearResize2D(align_corners=True, name=f"{branch}_enlarge")([y, x])
        branches.append(y)
    y = keras.layers.Concatenate(name=f"{name}_concat")(branches)
    y = bn_prelu(y, conventions, f"{name}_merge")
    y = ChannelShuffle(len(branches), name=f"{name}_shuffle")(y)
    y = conv_bn_prelu(y, width, 3, conventions, f"{name}_mix", groups=width)
    if filters is None:
        return y
    return bn_prelu(conv(y, filters, 1, conventions, f"{name}_expand"), conventions, name)
