"""The ESP module of ESPNet: reduce, split into dilated branches, fuse, merge.

"ESPNet: Efficient Spatial Pyramid of Dilated Convolutions for Semantic Segmentation" (Mehta et
al., ECCV 2018), https://arxiv.org/abs/1803.06815, figure 1.
"""

import keras

from kerazoo._errors import invalid
from kerazoo._rules import is_int
from kerazoo.blocks.conventions import Conventions, batch_norm, conv
from kerazoo.layers import PReLU

DILATIONS = (1, 2, 4, 8, 16)


def bn_prelu(x, conventions: Conventions, name: str):
    """Batch norm and PReLU: `<name>_bn`, `<name>_act`."""
    return PReLU(name=f"{name}_act")(batch_norm(x, conventions, f"{name}_bn"))


def branch_widths(filters: int) -> tuple[int, ...]:
    """Channels of each branch: a fifth, and what remains goes to the first.

    >>> branch_widths(64)
    (16, 12, 12, 12, 12)

    Raises:
        ValueError: if there are fewer filters than branches.
    """
    if not is_int(filters) or filters < len(DILATIONS):
        raise invalid("filters", filters, f"an integer, at least {len(DILATIONS)}: one a branch")
    width = filters // len(DILATIONS)
    return (filters - width * (len(DILATIONS) - 1), *[width] * (len(DILATIONS) - 1))


def esp_module(
    x, filters: int, conventions: Conventions, name: str, stride: int = 1, residual: bool = True
):
    """The ESP module; with `stride=2` the reducing convolution is a 3x3 one.

    Fusion against the grid pattern of dilated kernels: each branch from the third on has all
    narrower ones added, except the first (dilation 1), which has no such pattern.

    Args:
        residual: Whether the input is added; needs stride 1 and as many channels as filters.

    Raises:
        ValueError: if `filters` is below 5, or `residual` where shapes differ.
    """
    widths = branch_widths(filters)
    if residual and (stride != 1 or x.shape[-1] != filters):
        raise invalid(
            "residual",
            residual,
            f"False for {x.shape[-1]} channels in, {filters} out and stride {stride}",
        )
    kernel_size = 1 if stride == 1 else 3
    reduced = conv(x, widths[-1], kernel_size, conventions, f"{name}_reduce", stride)
    fused = []
    for number, (width, rate) in enumerate(zip(widths, DILATIONS, strict=True), 1):
        y = conv(reduced, width, 3, conventions, f"{name}_branch{number}", dilation=rate)
        if number > 2:
            y = keras.layers.Add(name=f"{name}_branch{number}_add")([y, fused[-1]])
        fused.append(y)
    y = keras.layers.Concatenate(name=f"{name}_concat")(fused)
    if residual:
        y = keras.layers.Add(name=f"{name}_add")([x, y])
    return bn_prelu(y, conventions, name)
