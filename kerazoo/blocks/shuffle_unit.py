"""The units of ShuffleNet v1 (grouped 1x1 convolutions) and v2 (half of the channels kept)."""

import keras

from kerazoo.blocks.conventions import (
    Conventions,
    activate,
    average_pool,
    conv_bn,
    depthwise_bn,
)
from kerazoo.layers import ChannelShuffle, ChannelSplit


def shuffle_unit_v1(
    x,
    filters: int,
    stride: int,
    groups: int,
    conventions: Conventions,
    name: str,
    group_first: bool = True,
):
    """ShuffleNet v1's unit (its paper's figure 2).

    The bottleneck has a quarter of `filters`. With stride 2 the pooled input is concatenated, so
    that the last convolution makes only the channels that are new.

    Args:
        group_first: Whether the first 1x1 convolution is grouped; the network's first is not.
    """
    inputs = x
    narrow = filters // 4
    x = conv_bn(
        x,
        narrow,
        1,
        conventions,
        f"{name}_compress",
        activation="relu",
        groups=groups if group_first else 1,
    )
    x = ChannelShuffle(groups, name=f"{name}_shuffle")(x)
    x = depthwise_bn(x, (3,), conventions, f"{name}_depthwise", stride)
    new = filters - inputs.shape[-1] if stride == 2 else filters
    x = conv_bn(x, new, 1, conventions, f"{name}_expand", groups=groups)
    if stride == 2:
        pooled = average_pool(inputs, conventions, f"{name}_pool")
        x = keras.layers.Concatenate(name=f"{name}_concat")([x, pooled])
    else:
        x = keras.layers.Add(name=f"{name}_add")([x, inputs])
    return activate(x, "relu", f"{name}_out")


def shuffle_unit_v2(x, filters: int, stride: int, conventions: Conventions, name: str):
    """ShuffleNet v2's unit (its paper's figure 3c and d).

    With stride 1 the first half of the channels is kept and the second transformed; with stride 2
    both branches see all of them. The channels are shuffled at the end.
    """
    half = filters // 2
    if stride == 1:
        kept, x = ChannelSplit(2, name=f"{name}_split")(x)
    else:
        kept = depthwise_bn(x, (3,), conventions, f"{name}_shortcut_depthwise", stride)
        kept = conv_bn(kept, half, 1, conventions, f"{name}_shortcut_project", activation="relu")
    x = conv_bn(x, half, 1, conventions, f"{name}_expand", activation="relu")
    x = depthwise_bn(x, (3,), conventions, f"{name}_depthwise", stride)
    x = conv_bn(x, half, 1, conventions, f"{name}_project", activation="relu")
    x = keras.layers.Concatenate(name=f"{name}_concat")([kept, x])
    return ChannelShuffle(2, name=f"{name}_shuffle")(x)
