"""The inverted residual (MobileNetV2) with everything MixNet, MnasNet and MobileNetV3 added."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import keras

from kerazoo._checks import check_choice, check_number, checked, checked_fields
from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import (
    Conventions,
    activate,
    batch_norm,
    check_kernels,
    conv,
    depthwise_bn,
    kernel_initializer,
)
from kerazoo.layers import GroupedPointwiseConv2D, SqueezeExcite

SHORTCUTS = ("bottleneck", "expansion", "none")


@checked_fields
@dataclass(frozen=True)
class InvertedResidual:
    """One row of a block table: `repeats` blocks, of which only the first has the stride.

    Attributes:
        filters: Output channels of each block.
        repeats: Number of blocks.
        stride: Of the first block.
        expansion: Width of the depthwise layer over the block's input; 1 means no expansion layer
            (but see `expand_always`).
        kernels: Kernel sizes of the depthwise layer; several make it a MixConv.
        expand_groups, project_groups: Groups of the two 1x1 convolutions.
        squeeze: Squeeze-and-excite width over the channels that `squeeze_from` names; 0 for none.
        activation: After expansion and depthwise layer, and in squeeze-and-excite unless
            `squeeze_activation` is given.
        new_stage: False where a row continues the stage of the row above it.
        project_activation: After the projection; MobileNetV2's "linear bottleneck" has none.
        shortcut: One of `SHORTCUTS`: where the input is added, if anywhere.
        squeeze_from: `"input"` (MixNet, MnasNet: the block's input, rounded down) or `"expanded"`
            (MobileNetV3: the depthwise layer's channels, rounded to a multiple of 8).
        squeeze_activation: In squeeze-and-excite; None for `activation`.
        gate_activation: Of the squeeze-and-excite gate.
        expand_always: Whether there is an expansion layer at `expansion=1` too (FBNet).
    """

    filters: int
    repeats: int = 1
    stride: int = 1
    expansion: float = 6
    kernels: tuple[int, ...] = (3,)
    expand_groups: int = 1
    project_groups: int = 1
    squeeze: float = 0.0
    activation: str = "relu6"
    new_stage: bool = True
    project_activation: str = "linear"
    shortcut: str = "bottleneck"
    squeeze_from: str = "input"
    squeeze_activation: str | None = None
    gate_activation: str = "sigmoid"
    expand_always: bool = False

    def __post_init__(self) -> None:
        check_choice("shortcut", self.shortcut, SHORTCUTS)
        check_choice("squeeze_from", self.squeeze_from, ("input", "expanded"))
        check_number("expansion", self.expansion, above=0)
        check_number("squeeze", self.squeeze, least=0)
        check_kernels(self.kernels)


@checked("filters", "multiplier", "divisor")
def round_filters(filters: float, multiplier: float = 1.0, divisor: int = 8) -> int:
    """Nearest multiple of `divisor`, never more than 10 % below: the rule of all mobile families.

    Source: tensorflow/models `slim/nets/mobilenet/mobilenet.py`, `_make_divisible`.
    """
    if multiplier == 1.0 and filters == int(filters):
        return int(filters)
    scaled = filters * multiplier
    rounded = max(divisor, int(scaled + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * scaled else rounded


@checked("rows", "multiplier")
def scale_width(rows: Sequence[InvertedResidual], multiplier: float) -> list[InvertedResidual]:
    """The same table with every width multiplied and rounded."""
    return [replace(row, filters=round_filters(row.filters, multiplier)) for row in rows]


def _pointwise(x, filters, groups, conventions, name):
    if groups == 1:
        return conv(x, filters, 1, conventions, name)
    return GroupedPointwiseConv2D(
        filters, groups, kernel_initializer=kernel_initializer(), name=f"{name}_conv"
    )(x)


def _squeeze_excite(x, channels: int, row: InvertedResidual, name: str):
    if row.squeeze_from == "expanded":
        width = round_filters(x.shape[-1], row.squeeze)
    else:
        width = max(1, int(channels * row.squeeze))
    return SqueezeExcite(
        width,
        activation=row.squeeze_activation or row.activation,
        gate_activation=row.gate_activation,
        kernel_initializer=kernel_initializer(),
        name=f"{name}_se",
    )(x)


def inverted_residual(
    x, row: InvertedResidual, stride: int, conventions: Conventions, name: str, wide=None
):
    """Expand, convolve depthwise, squeeze and excite, project; add the shortcut where shapes agree.

    Args:
        wide: Output of the previous block's depthwise layer, for `shortcut="expansion"`.

    Returns:
        The block's output, what its depthwise layer takes, and what that gives.
    """
    inputs, channels = x, x.shape[-1]
    if row.expansion != 1 or row.expand_always:
        expanded = channels * row.expansion
        if row.expansion != int(row.expansion):  # MobileNetV3; others never round here
            expanded = round_filters(channels, row.expansion)
        x = _pointwise(x, int(expanded), row.expand_groups, conventions, f"{name}_expand")
        x = batch_norm(x, conventions, f"{name}_expand_bn")
        x = activate(x, row.activation, f"{name}_expand_act")
    if row.shortcut == "expansion" and wide is not None and wide.shape == x.shape:
        x = keras.layers.Add(name=f"{name}_add")([wide, x])
    expanded = x
    x = depthwise_bn(x, row.kernels, conventions, f"{name}_depthwise", stride, row.activation)
    wide = x
    if row.squeeze:
        x = _squeeze_excite(x, channels, row, name)
    x = _pointwise(x, row.filters, row.project_groups, conventions, f"{name}_project")
    x = batch_norm(x, conventions, f"{name}_project_bn")
    x = activate(x, row.project_activation, f"{name}_project_act")
    if row.shortcut == "bottleneck" and stride == 1 and channels == row.filters:
        x = keras.layers.Add(name=f"{name}_add")([inputs, x])
    return x, expanded, wide


def inverted_residual_stages(trunk: Trunk, rows: Sequence[InvertedResidual]) -> None:
    """Append every row to `trunk`; blocks are named `stage<i>_block<j>`, counted from 1.

    What a block with a stride convolves is tapped as `stride_<n>_expansion`, after its own n: the
    last and widest map of that stride, which SSDLite takes.
    """
    stage = block = 0
    wide = None
    for row in rows:
        if row.new_stage:
            stage, block = stage + 1, 0
        for repeat in range(row.repeats):
            block += 1
            stride = row.stride if repeat == 0 else 1
            name = f"stage{stage}_block{block}"
            before, above = trunk.x, trunk.stride
            x, expanded, wide = inverted_residual(
                trunk.x, row, stride, trunk.conventions, name, wide
            )
            trunk.advance(x, stride)
            if trunk.stride > above and expanded is not before:
                trunk.tap(f"stride_{above}_expansion", expanded, above)
        trunk.tap(f"stage{stage}", trunk.x)
