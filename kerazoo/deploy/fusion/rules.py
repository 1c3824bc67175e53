"""Rewrites of a graph that keep its outputs: one function a rule; none knows a network."""

import keras
import numpy as np

from kerazoo._graph import Graph, Node, Ref
from kerazoo.deploy.fusion.linear import Affine, Linear, affine, linear
from kerazoo.layers import (
    AdaptiveAveragePooling2D,
    BilinearResize2D,
    ChannelShuffle,
    GatherChannels,
)

_L = keras.layers
_TRAINING_ONLY = (
    *(_L.Dropout, _L.SpatialDropout1D, _L.SpatialDropout2D, _L.SpatialDropout3D),
    *(_L.AlphaDropout, _L.GaussianDropout, _L.GaussianNoise, _L.ActivityRegularization),
    _L.Identity,
)
_RANDOM_PICTURES = (
    *(_L.RandomBrightness, _L.RandomContrast, _L.RandomFlip, _L.RandomRotation),
    *(_L.RandomTranslation, _L.RandomZoom),
)
# Weighted means of numbers of one channel, the weights adding up to one: these take any scale and
# shift through. An average with padding leaves the padding out of the count, except in Torch.
_MEANS = (
    *(_L.GlobalAveragePooling2D, _L.UpSampling2D, _L.Cropping2D),
    *(AdaptiveAveragePooling2D, BilinearResize2D),
)
_MAXIMA = (_L.MaxPooling2D, _L.GlobalMaxPooling2D)
_Plan = list[tuple[Node, Affine]]


def drop_training_only(graph: Graph) -> None:
    """Dropout, noise, random pictures and layers that do nothing."""
    for node in list(graph.nodes):
        if not _does_nothing(node):
            continue
        before, after = _tensor(node.refs[0]), node.outputs[0]
        if (before.shape, before.dtype) == (after.shape, after.dtype):
            graph.remove(node)


def _does_nothing(node: Node) -> bool:
    layer = node.operation
    if type(layer) in _RANDOM_PICTURES:
        # Keras records their default, `training=True`, as if the caller had said so.
        return len(node.refs) == 1 and set(node.kwargs) <= {"training"}
    if type(layer) is _L.Activation:
        return node.only is not None and layer.activation is keras.activations.linear
    return node.only is not None and type(layer) in _TRAINING_ONLY


def lower(graph: Graph) -> None:
    """Put a `Linear` in place of each layer of a known kind that is called once."""
    for node in graph.nodes:
        if node.only is not None and not node.shared:
            node.operation = linear(node.operation) or node.operation


def fold_backwards(graph: Graph) -> bool:
    """One scale and shift into the layers whose output it takes; False if none is left."""
    return _fold(graph, lambda node, change: _makers(graph.consumers, node.only, change), True)


def fold_forwards(graph: Graph) -> bool:
    """One scale and shift into the layers that take its output; False if none is left."""
    return _fold(graph, lambda node, change: _takers(graph.consumers, Ref(node), change), False)


def _fold(graph: Graph, plan_for, backwards: bool) -> bool:
    for node in graph.nodes:
        change = _affine(node)
        plan: _Plan | None = None if change is None else plan_for(node, change)
        if plan is None:
            continue
        for target, part in plan:
            old: Linear = target.operation
            target.operation = old.then(part) if backwards else old.after(part)
        graph.remove(node)
        return True
    return False


def _affine(node: Node) -> Affine | None:
    if node.only is None or node.shared:
        return None
    channels, dtype = node.outputs[0].shape[-1], _tensor(node.only).dtype
    if channels is None or dtype != node.outputs[0].dtype:  # integers stay integers in a kernel
        return None
    return affine(node.operation, channels)


def _tensor(ref: Ref):
    return ref.node.outputs[ref.index]


def _makers(consumers, ref: Ref, change: Affine) -> _Plan | None:
    """What each layer before `ref` has to take up; None if one of them cannot."""
    node, operation = ref.node, ref.node.operation
    if len(consumers[ref]) > 1 or len(node.outputs) > 1 or not node.inference:
        return None
    if isinstance(operation, Linear):
        return [(node, change)] if operation.open else None
    if isinstance(operation, _L.Concatenate | _L.Add) and _flat(node) and not node.shared:
        return _many_makers(consumers, node, change)
    if node.only is None:
        return None
    before = _before(node, node.only, change)
    return None if before is None else _makers(consumers, node.only, before)


def _many_makers(consumers, node: Node, change: Affine) -> _Plan | None:
    sizes = [_tensor(ref).shape[-1] for ref in node.refs]
    width = node.outputs[0].shape[-1]
    if type(node.operation) is _L.Add:
        # The shift comes with the first term.
        still = Affine(change.scale, np.zeros(width))
        parts = [change, *[still] * (len(sizes) - 1)]
        if any(n != width for n in sizes):
            return None
    elif type(node.operation) is _L.Concatenate:
        if node.operation.axis not in (-1, len(node.outputs[0].shape) - 1):
            return None
        ends = np.cumsum(sizes)
        parts = [change[end - n : end] for end, n in zip(ends, sizes, strict=True)]
    else:
        return None
    steps: _Plan = []
    for ref, part in zip(node.refs, parts, strict=True):
        plan = _makers(consumers, ref, part)
        if plan is None:
            return None
        steps += plan
    return steps


def _flat(node: Node) -> bool:
    """Whether the call takes one list of tensors."""
    return len(node.args) == 1 and isinstance(node.args[0], list | tuple)


def _before(node: Node, x: Ref, change: Affine) -> Affine | None:
    """What to do to a layer's input instead of its output; None if that gives other numbers."""
    layer = node.operation
    if _passes(layer, change) or (type(layer) in _MAXIMA and change.rising):
        return change
    order = _channel_order(layer, len(change.scale))
    if order is None or len(set(order)) < len(order):
        return None
    width = _tensor(x).shape[-1]
    scale, shift = np.ones(width), np.zeros(width)
    scale[order], shift[order] = change.scale, change.shift
    return Affine(scale, shift)


def _passes(layer, change: Affine) -> bool:
    """Whether scale and shift may as well come before as behind the layer."""
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        return False
    if type(layer) is _L.ZeroPadding2D:
        return change.centred
    if type(layer) is _L.AveragePooling2D:
        return layer.padding == "valid" or change.centred
    return type(layer) in _MEANS


def _channel_order(layer, channels: int) -> np.ndarray | None:
    """The input channel that each output channel is, for layers that move channels."""
    if type(layer) is GatherChannels:
        return np.array(layer.indices)
    if type(layer) is ChannelShuffle:
        return np.arange(channels).reshape(layer.groups, -1).T.ravel()
    return None


def _takers(consumers, ref: Ref, change: Affine) -> _Plan | None:
    """What each layer behind `ref` has to take up; None if one of them cannot."""
    plan: _Plan = []
    for node in consumers[ref]:
        if node is None or node.only is None:
            return None
        operation = node.operation
        if isinstance(operation, Linear):
            more = [(node, change)] if _takes(operation, change) else None
        elif _passes(operation, change):
            more = _takers(consumers, Ref(node), change)
        else:
            more = None
        if more is None:
            return None
        plan += more
    return plan or None


def _takes(operation: Linear, change: Affine) -> bool:
    # Zeros put around the shifted input are not the shift of zeros put around the input.
    return operation.takes_input and (change.centred or not operation.pads)
