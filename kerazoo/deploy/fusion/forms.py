"""The form of a layer that a runtime computes fastest, with the same results."""

import math
from dataclasses import dataclass, replace

import keras
import numpy as np

from kerazoo._graph import Graph
from kerazoo.deploy.fusion.linear import Linear, common_config
from kerazoo.deploy.fusion.parts import keep_parts
from kerazoo.deploy.fusion.pools import convolve_pools
from kerazoo.deploy.fusion.prelu import shorten_prelu
from kerazoo.layers import (
    ChannelShuffle,
    ChannelSplit,
    GroupedConv2D,
    GroupedPointwiseConv2D,
    MixConv2D,
)


@dataclass(frozen=True)
class Forms:
    """What one runtime is given.

    Attributes:
        merged_mix: Mixed depthwise kernels become one of the largest size, zeros around the small,
            where that has at most so many times the multiplications; 0 leaves them apart.
        dense_groups: Up to so many groups a 1x1 convolution is made one dense one.
        dense_narrow: So is one of up to four groups that take no more channels than this each.
        dense_single: So is every grouped one with one filter for several channels, whatever its
            kernel: ONNX Runtime takes those for depthwise and fails.
        summed_branches: Sums of depthwise convolutions up to this size become one, without
            dilation; 0 leaves them.
        short_prelu: PReLU as a maximum, or as two parts where slopes exceed 1; `"convolved"` as
            1x1 depthwise convolutions and sums (`InferencePReLU`).
        parts: Mixed convolutions, and 1x1 convolutions up to so many groups, as ordinary ones on
            parts of the channels, which are put together only where they must be (`fuse_parts`);
            0 leaves them.
        shuffled_planes: Channel shuffles move planes, and splits are slices, which tf2onnx takes
            transposes past.
        convolved_pools: Average pooling of up to so many channels as depthwise convolution.
    """

    merged_mix: float
    dense_groups: int
    dense_narrow: int = 0
    dense_single: bool = False
    summed_branches: int = 0
    short_prelu: bool | str = False
    parts: int = 0
    convolved_pools: int = 0
    shuffled_planes: bool = False

    def dense(self, groups: int, channels: int) -> bool:
        """Whether a 1x1 convolution becomes a dense one; `channels` are a group's."""
        narrow = groups <= _FEW_GROUPS and channels <= self.dense_narrow
        return groups > 1 and (groups <= self.dense_groups or narrow)


_FEW_GROUPS = 4
_ALWAYS = math.inf
# Measured by benchmarks/fuse.py on two cores of an x86 server with AVX-512, 224 pixels, batch 1;
# OpenVINO's layers by benchmarks/openvino_layers.py:
# * TensorFlow, MixNet-S: 1.1x as fast as built with split kernels and groups, 1.6x with either of
#   merged and dense, 1.9x with both. MixNet has two groups. ShuffleNet's three are as fast by group
#   as dense and ESPNetv2's four slower when dense (batch 8): those stay.
# * TensorFlow, ESPNetv2 s=1.0, batch 1 and 8: folded alone 1.1x as fast as built and 1.1x; with
#   branches summed 1.1x and 1.3x; with PReLU as a maximum as well 1.4x and 1.8x (less where slopes
#   exceed 1).
# * OpenVINO, ONNX Runtime and LiteRT have PReLU as an operation of their own. OpenVINO joins it to
#   the convolution before it: ESPNetv2 is 1.05x as fast as with a maximum.
# * LiteRT in int8 has it too, but without a fast kernel: ESPNetv2 is several times as fast with
#   PReLU as convolutions. As a maximum it loses most of its accuracy. Branches summed are slower.
# * OpenVINO, ESPNetv2 s=1.0: 1.15x with branches summed. Its average pooling of three channels
#   makes it rearrange the picture twice: 1.2x with that as convolution. Wider ones are as fast.
# * OpenVINO has kernels for groups, and MixNet-L is 1.1x as fast with them; but for up to 16
#   channels a group they are slow. With those dense, MixNet-S is 1.05x as fast, -M 1.1x, -L 1.03x.
# * OpenVINO, MixNet: merged kernels save two copies and a separate activation, which pays up to
#   (3, 5, 7, 9), 2.0 times the multiplications: 1.03x to 1.06x at batch 1, nothing at batch 16,
#   1.05x to 1.14x in int8. More gains nothing. Parts gain nothing there.
# * LiteRT, MixNet-S: 0.6x with merged kernels, 0.95x split and dense, 1.1x in parts (MixNet-L
#   too). ShuffleNet's three groups and ESPNetv2's four are slower in parts and stay.
# * ONNX Runtime, MixNet-S: 1.2x with merged kernels, by group or dense.
_LITERT = Forms(merged_mix=0, dense_groups=1, parts=2)
TARGETS = {
    "tensorflow": Forms(merged_mix=_ALWAYS, dense_groups=2, summed_branches=9, short_prelu=True),
    "openvino": Forms(
        merged_mix=2.1, dense_groups=1, dense_narrow=16, summed_branches=9, convolved_pools=4
    ),
    "onnx": Forms(merged_mix=_ALWAYS, dense_groups=2, dense_single=True, shuffled_planes=True),
    "litert": _LITERT,
    "litert_int8": replace(_LITERT, short_prelu="convolved"),
}


_BY_PLANES = {ChannelShuffle: {"planes": True}, ChannelSplit: {"sliced": True}}


def choose_forms(graph: Graph, forms: Forms) -> None:
    """Put every layer that the runtime likes better in another form into that."""
    if forms.short_prelu:
        shorten_prelu(graph, convolved=forms.short_prelu == "convolved")
    if forms.convolved_pools:
        convolve_pools(graph, forms.convolved_pools)
    for node in graph.nodes:
        if isinstance(node.operation, Linear):
            node.operation = chosen(node.operation, forms)
        elif forms.shuffled_planes and type(node.operation) in _BY_PLANES:
            config = node.operation.get_config() | _BY_PLANES[type(node.operation)]
            node.operation = type(node.operation).from_config(config)
    if forms.parts:
        keep_parts(graph, forms.parts)


def chosen(linear: Linear, forms: Forms) -> Linear:
    """The same sum in the form for the runtime."""
    if linear.kind is MixConv2D:
        return _merged(linear) if _merges(linear, forms.merged_mix) else _split(linear)
    if linear.kind in (GroupedConv2D, keras.layers.Conv2D):
        *size, channels, _ = linear.kernels[0].shape
        groups = linear.config["groups"]
        dense = size == [1, 1] and forms.dense(groups, channels)
        single = 1 < groups == linear.filters and channels > 1
        dense = dense or (forms.dense_single and single)
        return _dense(linear) if dense else linear
    if linear.kind is GroupedPointwiseConv2D:
        channels = max(kernel.shape[2] for kernel in linear.kernels)
        return _dense_pointwise(linear) if forms.dense(len(linear.kernels), channels) else linear
    return linear


def _merges(linear: Linear, most: float) -> bool:
    """Whether merging is exact and has at most `most` times the multiplications."""
    largest = max(linear.config["kernel_sizes"])
    if linear.filters * largest**2 > most * sum(k.size for k in linear.kernels):
        return False
    # TensorFlow's rule puts the centre of a kernel smaller than the stride elsewhere.
    strides, padding = linear.config["strides"], linear.config["padding"]
    aligned = padding == "symmetric" or min(linear.config["kernel_sizes"]) >= strides
    return aligned and not linear.config["dilated"]


def _split(linear: Linear) -> Linear:
    return replace(linear, config={**linear.config, "implementation": "split"})


def _merged(linear: Linear) -> Linear:
    sizes, strides = linear.config["kernel_sizes"], linear.config["strides"]
    largest = max(sizes)
    kernel = np.zeros((largest, largest, linear.filters, 1))
    first = 0
    for size, part in zip(sizes, linear.kernels, strict=True):
        margin, last = (largest - size) // 2, first + part.shape[2]
        place = slice(margin, largest - margin)
        kernel[place, place, first:last] = part
        first = last
    symmetric = linear.config["padding"] == "symmetric" and strides > 1
    config = {
        **common_config(linear.config),
        "kernel_size": largest,
        "strides": strides,
        "padding": "valid" if symmetric else "same",
        "dilation_rate": linear.config["dilation_rate"],
    }
    zeros = largest // 2 if symmetric else 0
    return replace(
        linear, kind=keras.layers.DepthwiseConv2D, config=config, kernels=[kernel], zeros=zeros
    )


def _dense(linear: Linear) -> Linear:
    (kernel,) = linear.kernels
    parts = np.split(kernel, linear.config["groups"], axis=-1)
    config = {**linear.config, "groups": 1}
    return replace(linear, kind=keras.layers.Conv2D, config=config, kernels=[_diagonal(parts)])


def _dense_pointwise(linear: Linear) -> Linear:
    config = {
        **common_config(linear.config),
        "filters": linear.filters,
        "kernel_size": 1,
        "padding": "valid",
    }
    kernels = [_diagonal(linear.kernels)]
    return replace(linear, kind=keras.layers.Conv2D, config=config, kernels=kernels)


def _diagonal(parts: list[np.ndarray]) -> np.ndarray:
    """The kernels of all groups in one, with zeros between channels of different groups."""
    widths = np.array([p.shape[2:] for p in parts])
    dense = np.zeros((*parts[0].shape[:2], *widths.sum(0)))
    ends = widths.cumsum(0)
    for part, (c, f), (channel, filter) in zip(parts, widths, ends, strict=True):
        dense[:, :, channel - c : channel, filter - f : filter] = part
    return dense
