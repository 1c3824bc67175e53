"""Depthwise separable convolution (MobileNetV1)."""

from collections.abc import Sequence
from dataclasses import dataclass

from kerazoo._checks import checked_fields
from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import check_kernels, conv_bn, depthwise_bn


@checked_fields
@dataclass(frozen=True)
class Separable:
    """One row of a block table: a depthwise and a 1x1 convolution, each with batch norm and act.

    Attributes:
        filters: Output channels.
        stride: Of the depthwise convolution.
        repeats: Number of blocks; only the first has the stride.
        kernels: Kernel sizes of the depthwise convolution; several make it a MixConv.
        activation: After both convolutions.
    """

    filters: int
    stride: int = 1
    repeats: int = 1
    kernels: tuple[int, ...] = (3,)
    activation: str = "relu6"

    def __post_init__(self) -> None:
        check_kernels(self.kernels)


def separable_stages(trunk: Trunk, rows: Sequence[Separable]) -> None:
    """Append every row to `trunk`; a row is a stage, blocks are `stage<i>_block<j>` from 1."""
    for stage, row in enumerate(rows, 1):
        for block in range(1, row.repeats + 1):
            name, stride = f"stage{stage}_block{block}", row.stride if block == 1 else 1
            conventions = trunk.conventions
            x = depthwise_bn(
                trunk.x, row.kernels, conventions, f"{name}_depthwise", stride, row.activation
            )
            x = conv_bn(
                x, row.filters, 1, conventions, f"{name}_pointwise", activation=row.activation
            )
            trunk.advance(x, stride)
        trunk.tap(f"stage{stage}", trunk.x)
