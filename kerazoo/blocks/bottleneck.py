"""Residual blocks of ResNet and ResNeXt: two 3x3 convolutions, or a bottleneck of three."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras

from kerazoo._checks import checked_fields
from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import Conventions, activate, conv_bn


@checked_fields
@dataclass(frozen=True)
class Residual:
    """One row of a block table: `repeats` blocks, of which only the first has the stride.

    Attributes:
        filters: Output channels of each block.
        repeats: Number of blocks.
        stride: Of the first block, on its (first) 3x3 convolution.
        width: Channels of the 3x3 convolution of a bottleneck (1x1, 3x3, 1x1); None for the basic
            block (3x3, 3x3).
        groups: Of a bottleneck's 3x3 convolution.
    """

    filters: int
    repeats: int
    stride: int = 2
    width: int | None = None
    groups: int = 1


def residual(
    x,
    row: Residual,
    stride: int,
    conventions: Conventions,
    name: str,
):
    """One block; where shapes differ, the shortcut is a strided 1x1 convolution."""
    shortcut = x
    if stride != 1 or x.shape[-1] != row.filters:
        shortcut = conv_bn(x, row.filters, 1, conventions, f"{name}_shortcut", stride)
    if row.width is None:
        x = conv_bn(x, row.filters, 3, conventions, f"{name}_1", stride, activation="relu")
        x = conv_bn(x, row.filters, 3, conventions.passed(stride), f"{name}_2")
    else:
        x = conv_bn(x, row.width, 1, conventions, f"{name}_1", activation="relu")
        x = conv_bn(
            x,
            row.width,
            3,
            conventions,
            f"{name}_2",
            stride,
            activation="relu",
            groups=row.groups,
        )
        x = conv_bn(x, row.filters, 1, conventions, f"{name}_3")
    x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return activate(x, "relu", f"{name}_out")


def residual_stages(trunk: Trunk, rows: Sequence[Residual]) -> None:
    """Append every row to `trunk`; a row is a stage, blocks are `stage<i>_block<j>` from 1."""
    for stage, row in enumerate(rows, 1):
        for block in range(1, row.repeats + 1):
            stride = row.stride if block == 1 else 1
            name = f"stage{stage}_block{block}"
            x = residual(trunk.x, row, stride, trunk.conventions, name)
            trunk.advance(x, stride)
        trunk.tap(f"stage{stage}", trunk.x)


def max_pool(x, conventions: Conventions, name: str):
    """The 3x3 pooling with stride 2 of a stem, after a ReLU.

    Symmetric padding pads with zeros: nothing is below them there, so it equals PyTorch's padding
    with minus infinity.
    """
    padding = "same"
    if conventions.padding == "symmetric":
        x, padding = keras.layers.ZeroPadding2D(1, name=f"{name}_pad")(x), "valid"
    return keras.layers.MaxPooling2D(3, 2, padding, name=name)(x)
