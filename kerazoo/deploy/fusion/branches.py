"""Sums of parallel depthwise convolutions as one convolution."""

from dataclasses import dataclass

import keras
import numpy as np

from kerazoo._graph import Graph, Ref, unpadded
from kerazoo.deploy.fusion.linear import Linear, common_config
from kerazoo.layers import StridedDilatedDepthwiseConv2D


@dataclass(frozen=True)
class _Branch:
    """A depthwise convolution of odd size, its kernel with the dilation's zeros written out.

    Attributes:
        source: What it reads, before any padding.
        grid: Stride and padding rule: branches of one grid have their centres on the same pixels.
    """

    source: Ref
    grid: tuple[int, str]
    kernel: np.ndarray
    bias: np.ndarray | None
    config: dict


def sum_branches(graph: Graph, largest: int) -> None:
    """Put one depthwise convolution in place of each sum of several on the same input.

    Sums of sums too: in an EESP unit (`kerazoo/blocks/eesp_unit.py`) each branch then has the
    kernels of all narrower ones within its own, and nothing is added any more.

    Args:
        largest: Sizes above it stay, since the zeros of a dilated kernel are computed as well.
    """
    found = {}
    for node in graph.nodes:
        if type(node.operation) is keras.layers.Add and not node.shared:
            branches = _branches(Ref(node))
            if branches and len({(b.source, b.grid) for b in branches}) == 1:
                found[node] = branches
    for node, branches in found.items():
        if max(b.kernel.shape[0] for b in branches) <= largest:
            graph.replace(node, _summed(node.operation.name, branches), (branches[0].source,))
    graph.prune()


def _branches(ref: Ref) -> list[_Branch] | None:
    """The convolutions whose sum the tensor is; None if it is anything else."""
    node = ref.node
    if isinstance(node.operation, Linear):
        branch = _branch(node)
        return branch and [branch]
    if type(node.operation) is not keras.layers.Add or not node.inference:
        return None
    found: list[_Branch] = []
    for ref in node.refs:
        part = _branches(ref)
        if part is None:
            return None
        found += part
    return found


def _branch(node) -> _Branch | None:
    linear: Linear = node.operation
    if linear.kind not in (keras.layers.DepthwiseConv2D, StridedDilatedDepthwiseConv2D):
        return None
    (kernel,) = linear.kernels
    strides, dilations = (linear.config[key] for key in ("strides", "dilation_rate"))
    sides = (kernel.shape[:2], strides, dilations)
    if not linear.open or kernel.shape[3] != 1 or any(len(set(pair)) > 1 for pair in sides):
        return None
    written, stride = _written_out(kernel, dilations[0]), strides[0]
    size = written.shape[0]
    if size % 2 == 0:
        return None
    source, rule = node.only, linear.config["padding"]
    if rule == "valid":
        source, zeros = unpadded(source)
        if source is node.only or zeros != size // 2:
            return None
        rule = "symmetric"
    if stride == 1:
        rule = "same"  # both rules agree
    elif rule == "same" and size < stride:
        return None  # TensorFlow puts the centre of such a kernel elsewhere
    return _Branch(source, (stride, rule), written, linear.bias, common_config(linear.config))


def _written_out(kernel: np.ndarray, dilation: int) -> np.ndarray:
    size = (kernel.shape[0] - 1) * dilation + 1
    written = np.zeros((size, size, *kernel.shape[2:]))
    written[::dilation, ::dilation] = kernel
    return written


def _summed(name: str, branches: list[_Branch]) -> Linear:
    size = max(b.kernel.shape[0] for b in branches)
    channels = branches[0].kernel.shape[2]
    kernel = np.zeros((size, size, channels, 1))
    for branch in branches:
        margin = (size - branch.kernel.shape[0]) // 2
        place = slice(margin, size - margin)
        kernel[place, place] += branch.kernel
    biases = [b.bias for b in branches if b.bias is not None]
    stride, rule = branches[0].grid
    config = {
        **branches[0].config,
        "name": name,
        "kernel_size": size,
        "strides": stride,
        "padding": "valid" if rule == "symmetric" else "same",
    }
    return Linear(
        *(keras.layers.DepthwiseConv2D, name, config, [kernel]),
        bias=np.sum(biases, axis=0) if biases else None,
        filters=channels,
        zeros=size // 2 if rule == "symmetric" else 0,
    )
