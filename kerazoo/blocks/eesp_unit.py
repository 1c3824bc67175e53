"""The EESP unit of ESPNetv2, its reducing form, and the long-range shortcut from the picture.

"ESPNetv2: A Light-weight, Power Efficient, and General Purpose Convolutional Neural Network"
(Mehta et al., CVPR 2019), https://arxiv.org/abs/1811.11431, figures 1c and 2.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from kerazoo._checks import check_int, checked_fields
from kerazoo._errors import invalid
from kerazoo._rules import is_int
from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import (
    Conventions,
    average_pool,
    batch_norm,
    conv,
    kernel_initializer,
    pad,
)
from kerazoo.layers import PReLU, StridedDilatedDepthwiseConv2D


@checked_fields
@dataclass(frozen=True)
class EESP:
    """One row of a table: `repeats` units, of which only the first reduces.

    Attributes:
        filters: Output channels of each unit.
        repeats: Number of units.
        stride: Of the first unit: 2 makes it the reducing form.
        receptive_field: Largest receptive field of a branch; see `dilations`.
        reduce_receptive_field: The same for the reducing unit; None: as the others.
        reinforce: Whether the picture is added after the reducing unit.
        branches: Parallel depthwise convolutions, K in the paper.
    """

    filters: int
    repeats: int = 1
    stride: int = 2
    receptive_field: int = 7
    reduce_receptive_field: int | None = None
    reinforce: bool = True
    branches: int = 4


@dataclass
class PicturePyramid:
    """The picture, pooled again and again to the sizes of the feature maps.

    How often is decided by the strides, so that unknown sizes work; every halving, pooled or
    convolved, of n rows leaves ceil(n / 2), so that the sizes agree for odd ones too.

    Attributes:
        picture: What the network takes.
        conventions: Of the padding: with "symmetric" the pooling counts the zeros around it, as
            the original does; with "same" it does not, as is TensorFlow's way.
    """

    picture: Any
    conventions: Conventions  # with nothing reached: of the picture
    levels: dict[int, Any] = field(default_factory=dict)

    def at(self, stride: int):
        """The picture at the architecture's `stride`, a power of 2; made once."""
        if stride < 1 or stride & (stride - 1):
            raise invalid("stride", stride, "a power of 2: the picture is pooled by halves")
        if stride == 1:
            return self.picture
        if stride not in self.levels:
            finer = self.at(stride // 2)
            here = self.conventions.passed(stride // 2)
            self.levels[stride] = average_pool(finer, here, f"image_{stride}_pool")
        return self.levels[stride]


def dilations(branches: int, receptive_field: int) -> tuple[int, ...]:
    """Dilation of each 3x3 branch: 1, 2, 3, … until the receptive field would pass the limit.

    A 3x3 kernel with dilation d sees 2d + 1 pixels. Branches past the limit fall back to
    dilation 1 and come first, because the fusion adds each branch to all wider ones.

    >>> dilations(4, 9), dilations(4, 7), dilations(4, 5)
    ((1, 2, 3, 4), (1, 1, 2, 3), (1, 1, 1, 2))
    """
    check_int("branches", branches)
    if not is_int(receptive_field) or receptive_field < 3 or receptive_field % 2 == 0:
        raise invalid(
            "receptive_field", receptive_field, "an odd number from 3, which a 3x3 kernel sees"
        )
    limit = (receptive_field - 1) // 2
    return tuple(sorted(d if d <= limit else 1 for d in range(1, branches + 1)))


def conv_bn_prelu(x, filters, kernel_size, conventions, name, strides=1, **kw):
    """Convolution, batch norm, PReLU: `<name>_conv`, `<name>_bn`, `<name>_act`."""
    x = conv(x, filters, kernel_size, conventions, name, strides, **kw)
    return PReLU(name=f"{name}_act")(batch_norm(x, conventions, f"{name}_bn"))


def depthwise_3x3(x, conventions: Conventions, name: str, stride: int = 1, dilation: int = 1):
    """A depthwise 3x3 convolution without bias: `<name>_conv`."""
    stride, dilation = conventions.grid(3, stride, dilation)
    common = {
        "use_bias": False,
        "depthwise_initializer": kernel_initializer(),
        "name": f"{name}_conv",
    }
    if stride > 1 and dilation > 1:
        return StridedDilatedDepthwiseConv2D(
            3, strides=stride, dilation_rate=dilation, padding=conventions.padding, **common
        )(x)
    x, padding = pad(x, 3, stride, conventions, f"{name}_pad")
    return keras.layers.DepthwiseConv2D(
        3, strides=stride, padding=padding, dilation_rate=dilation, **common
    )(x)


def _transform(x, filters: int, rates: Sequence[int], stride: int, conventions, name: str):
    """Reduce, split into dilated branches, fuse them from narrow to wide, expand."""
    branches = len(rates)
    for argument, value in (("filters", filters), ("input channels", x.shape[-1])):
        if value < 1 or value % branches:
            raise invalid(argument, value, f"a positive multiple of the {branches} branches")
    width = filters // branches
    if width % branches:
        raise invalid(
            "filters", filters, f"a multiple of {branches}**2: each branch is made in groups"
        )
    x = conv_bn_prelu(x, width, 1, conventions, f"{name}_reduce", groups=branches)
    fused = []
    for number, rate in enumerate(rates, 1):
        y = depthwise_3x3(x, conventions, f"{name}_branch{number}", stride, rate)
        if fused:
            y = keras.layers.Add(name=f"{name}_branch{number}_add")([y, fused[-1]])
        fused.append(y)
    x = keras.layers.Concatenate(name=f"{name}_merge_concat")(fused) if branches > 1 else fused[0]
    x = PReLU(name=f"{name}_merge_act")(batch_norm(x, conventions, f"{name}_merge_bn"))
    x = conv(x, filters, 1, conventions, f"{name}_expand", groups=branches)
    return batch_norm(x, conventions, f"{name}_expand_bn")


def eesp_unit(
    x,
    filters: int,
    conventions: Conventions,
    name: str,
    branches: int = 4,
    receptive_field: int = 7,
):
    """The EESP unit at stride 1; adds its input where the channels agree.

    Raises:
        ValueError: if channels or filters are no multiple of the branches, or for a receptive
            field that no 3x3 kernel has.
    """
    y = _transform(x, filters, dilations(branches, receptive_field), 1, conventions, name)
    if x.shape[-1] == filters:
        y = keras.layers.Add(name=f"{name}_add")([y, x])
    return PReLU(name=f"{name}_act")(y)


def strided_eesp(
    x,
    filters: int,
    conventions: Conventions,
    name: str,
    branches: int = 4,
    receptive_field: int = 9,
    picture=None,
):
    """The reducing EESP unit: the pooled input beside new channels, and the picture added.

    Args:
        filters: Output channels, more than the input has: the pooled ones are among them.
        picture: The picture pooled to the size of the output (`PicturePyramid`), or None.

    Raises:
        ValueError: as `eesp_unit`; if `filters` does not exceed the channels; if the picture is
            known to have another size than the output.
    """
    channels = x.shape[-1]
    if filters <= channels:
        raise invalid("filters", filters, f"more than the {channels} channels that are pooled")
    pooled = average_pool(x, conventions, f"{name}_pool")
    rates = dilations(branches, receptive_field)
    new = _transform(x, filters - channels, rates, 2, conventions, name)
    y = keras.layers.Concatenate(name=f"{name}_concat")([pooled, new])
    if picture is not None:
        _check_size(picture, y)
        z = conv_bn_prelu(picture, 3, 3, conventions.passed(2), f"{name}_image")
        z = conv(z, filters, 1, conventions, f"{name}_image_expand")
        z = batch_norm(z, conventions, f"{name}_image_expand_bn")
        y = keras.layers.Add(name=f"{name}_add")([y, z])
    return PReLU(name=f"{name}_act")(y)


def _check_size(picture, y) -> None:
    pairs = zip(picture.shape[1:3], y.shape[1:3], strict=True)
    if any(a is not None and b is not None and a != b for a, b in pairs):
        raise invalid(
            "picture",
            tuple(picture.shape),
            f"pooled to the size of the features, {tuple(y.shape[1:3])}; it may be too small",
        )


def eesp_stages(trunk: Trunk, rows: Sequence[EESP], pyramid: PicturePyramid) -> None:
    """Append every row to `trunk`; a row is a stage, blocks are named `stage<i>_block<j>`."""
    for stage, row in enumerate(rows, 1):
        for block in range(1, row.repeats + 1):
            name, conventions = f"stage{stage}_block{block}", trunk.conventions
            if block > 1 or row.stride == 1:
                x = eesp_unit(
                    trunk.x, row.filters, conventions, name, row.branches, row.receptive_field
                )
                trunk.advance(x)
                continue
            x = strided_eesp(
                trunk.x,
                row.filters,
                conventions,
                name,
                row.branches,
                row.reduce_receptive_field or row.receptive_field,
                pyramid.at(conventions.reached * 2) if row.reinforce else None,
            )
            trunk.advance(x, 2)
        trunk.tap(f"stage{stage}", trunk.x)
