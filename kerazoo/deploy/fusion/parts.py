"""Channels that are computed apart stay apart, until a layer needs them together.

Mixed and grouped convolutions cut their input into channels and put the results together again.
Runtimes copy a feature map for each cut and each concatenation, and cannot run an activation
within the convolution when a concatenation stands between them. Here every such layer becomes
ordinary ones on parts of the channels. What treats each channel by itself (depthwise convolutions,
activations, squeeze-and-excite) is done part by part, and a grouped convolution behind takes the
parts as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from kerazoo._graph import Graph, Node, Ref
from kerazoo.deploy._channel_orders import pass_through
from kerazoo.deploy.fusion.linear import Linear, common_config
from kerazoo.layers import GroupedConv2D, GroupedPointwiseConv2D, MixConv2D, SqueezeExcite
from kerazoo.layers.mix_conv import dilation_of

_L = keras.layers
_ELEMENTWISE = (_L.Activation, _L.ReLU, _L.ZeroPadding2D)


@dataclass(frozen=True)
class _Call:
    """A layer to be made: `make()` gives it, `weights` are set once it is built."""

    name: str
    kind: type
    config: dict[str, Any]
    weights: Sequence[np.ndarray] = ()

    def emit(self, *tensors):
        layer = self.kind.from_config({**self.config, "name": self.name})
        y = layer(*tensors)
        if self.weights:
            layer.set_weights(self.weights)
        return y


@dataclass(frozen=True)
class _Split:
    """Channels cut at `edges`."""

    name: str
    edges: tuple[int, ...]

    def emit(self, x):
        return keras.ops.split(x, list(self.edges), axis=-1)


@dataclass
class _Part:
    """Some neighbouring channels of a tensor."""

    ref: Ref
    size: int


def keep_parts(graph: Graph, most_groups: int) -> None:
    """Put ordinary layers on parts of the channels in place of mixed and grouped convolutions.

    Only 1x1 grouped convolutions: those that are wider stay. To be called last: it leaves the new
    calls without shapes.

    Args:
        most_groups: Convolutions with more groups stay too.
    """
    _Rewriter(graph, most_groups).run()


class _Rewriter:
    """One walk through the calls.

    Attributes:
        most_groups: As in `keep_parts`.
        parts: Tensor -> the parts that it is computed in, if it is.
        whole: Tensor -> its parts put together, where somebody needed that.
    """

    def __init__(self, graph: Graph, most_groups: int) -> None:
        self.graph = graph
        self.most_groups = most_groups
        self.nodes: list[Node] = []
        self.parts: dict[Ref, list[_Part]] = {}
        self.whole: dict[Ref, Ref] = {}

    def run(self) -> None:
        for node in self.graph.nodes:
            parts = self._rewritten(node)
            if parts is not None:
                self.parts[Ref(node)] = parts
                continue
            node.args, node.kwargs = keras.tree.map_structure(
                self._together, (node.args, node.kwargs)
            )
            self.nodes.append(node)
        self.graph.outputs = keras.tree.map_structure(self._together, self.graph.outputs)
        self.graph.nodes = self.nodes
        self.graph.recount()

    def _rewritten(self, node: Node) -> list[_Part] | None:
        """The parts of the call's output; None if it stays one call."""
        if node.only is None or node.shared:
            return None
        operation, source = node.operation, node.only
        if isinstance(operation, Linear):
            if operation.kind is MixConv2D:
                return self._mixed(operation, source)
            groups = _pointwise_groups(operation)
            if 1 < len(groups) <= self.most_groups or (len(groups) == 1 and self._wanted(node)):
                return self._pointwise(operation, groups, source, self._wanted(node))
        if source not in self.parts:
            return None
        if isinstance(operation, Linear) and _is_depthwise(operation):
            return self._depthwise(operation, self.parts[source])
        if type(operation) in _ELEMENTWISE and pass_through(operation):
            return self._elementwise(operation, self.parts[source])
        if type(operation) is SqueezeExcite:
            return self._squeeze_excite(operation, self.parts[source])
        return None

    # Tensors in parts and together.

    def _add(self, operation, *args) -> Ref:
        node = Node(operation, args, {}, [None])
        self.nodes.append(node)
        return Ref(node)

    def _together(self, value):
        if not isinstance(value, Ref) or value not in self.parts:
            return value
        if value not in self.whole:
            name = f"{value.node.operation.name}_parts"
            self.whole[value] = self._joined(name, self.parts[value])
        return self.whole[value]

    def _joined(self, name: str, parts: list[_Part]) -> Ref:
        if len(parts) == 1:
            return parts[0].ref
        return self._add(_Call(name, _L.Concatenate, {"axis": -1}), [p.ref for p in parts])

    def _cut(self, name: str, source: Ref, sizes: Sequence[int]) -> list[_Part]:
        """The tensor in parts that have at least the edges of `sizes`; no part is joined."""
        width = int(np.sum(sizes))
        parts = self.parts.get(source) or [_Part(source, width)]
        edges, first, found = np.cumsum(sizes), 0, []
        for i, part in enumerate(parts):
            inside = [int(e) - first for e in edges if first < e < first + part.size]
            first += part.size
            if not inside:
                found.append(part)
                continue
            split = self._add(_Split(f"{name}_cut{i}", tuple(inside)), part.ref)
            widths = np.diff([0, *inside, part.size])
            found += [_Part(Ref(split.node, j), int(n)) for j, n in enumerate(widths)]
        return found

    # One method for each kind of layer.

    def _mixed(self, linear: Linear, source: Ref) -> list[_Part]:
        sizes = [k.shape[2] for k in linear.kernels]
        edges, first, done = np.cumsum(sizes), 0, []
        for i, part in enumerate(self._cut(linear.name, source, sizes)):
            last = first + part.size
            index = int(np.searchsorted(edges, first, side="right"))
            offset = first - (int(edges[index]) - sizes[index])
            kernel = linear.kernels[index][:, :, offset : offset + part.size]
            single = _one_kernel(linear, f"{linear.name}_part{i}", kernel, index)
            bias = None if linear.bias is None else linear.bias[first:last]
            done.append(_Part(self._add(replace(single, bias=bias), part.ref), part.size))
            first = last
        return done

    def _depthwise(self, linear: Linear, parts: list[_Part]) -> list[_Part]:
        first, done = 0, []
        for i, part in enumerate(parts):
            place = slice(first, first + part.size)
            name = f"{linear.name}_part{i}"
            piece = replace(
                linear,
                name=name,
                config={**linear.config, "name": name},
                kernels=[linear.kernels[0][:, :, place]],
                bias=None if linear.bias is None else linear.bias[place],
                filters=part.size,
            )
            done.append(_Part(self._add(piece, part.ref), part.size))
            first += part.size
        return done

    def _pointwise(
        self, linear: Linear, groups: list[np.ndarray], source: Ref, wanted: Sequence[int]
    ) -> list[_Part]:
        """One ordinary convolution for each group and each part that is wanted of its filters."""
        parts = self._cut(linear.name, source, [g.shape[2] for g in groups])
        edges, first, done = np.cumsum(wanted), 0, []
        for i, kernel in enumerate(groups):
            taken, width = [], 0
            while width < kernel.shape[2]:
                taken.append(parts.pop(0))
                width += taken[-1].size
            x = self._joined(f"{linear.name}_group{i}", taken)
            filters = kernel.shape[3]
            inside = [int(e) - first for e in edges if first < e < first + filters]
            for a, b in zip([0, *inside], [*inside, filters], strict=True):
                name = f"{linear.name}_part{len(done)}"
                bias = None if linear.bias is None else linear.bias[first + a : first + b]
                piece = _one_convolution(linear, name, kernel[..., a:b], bias)
                done.append(_Part(self._add(piece, x), b - a))
            first += filters
        return done

    def _elementwise(self, layer, parts: list[_Part]) -> list[_Part]:
        config = layer.get_config()
        return [
            _Part(self._add(_Call(f"{layer.name}_part{i}", type(layer), config), p.ref), p.size)
            for i, p in enumerate(parts)
        ]

    def _squeeze_excite(self, layer: SqueezeExcite, parts: list[_Part]) -> list[_Part]:
        common = {"dtype": layer.dtype_policy, "data_format": "channels_last"}
        means = [
            self._add(
                _Call(
                    f"{layer.name}_mean{i}",
                    _L.GlobalAveragePooling2D,
                    {**common, "keepdims": True},
                ),
                part.ref,
            )
            for i, part in enumerate(parts)
        ]
        sizes = [part.size for part in parts]
        mean = self._joined(
            f"{layer.name}_means", [_Part(r, n) for r, n in zip(means, sizes, strict=True)]
        )
        reduce, expand = layer.reduce.get_weights(), layer.expand.get_weights()
        config = {**common, "kernel_size": 1, "filters": layer.filters}
        config["activation"] = layer.activation
        x = self._add(_Call(f"{layer.name}_reduce", _L.Conv2D, config, reduce), mean)
        done, first = [], 0
        for i, part in enumerate(parts):
            weights = [w[..., first : first + part.size] for w in expand]
            config = {**config, "filters": part.size, "activation": layer.gate_activation}
            gate = self._add(_Call(f"{layer.name}_gate{i}", _L.Conv2D, config, weights), x)
            times = _Call(f"{layer.name}_part{i}", _L.Multiply, {"dtype": layer.dtype_policy})
            done.append(_Part(self._add(times, [part.ref, gate]), part.size))
            first += part.size
        return done

    def _wanted(self, node: Node) -> list[int]:
        """The parts that a mixed convolution behind the call will cut its output into."""
        while True:
            users = self.graph.consumers.get(Ref(node), [])
            user = users[0] if len(users) == 1 else None
            if user is None or user.only is None or user.shared:
                return []
            node, operation = user, user.operation
            if isinstance(operation, Linear):
                mixed = operation.kind is MixConv2D
                return [k.shape[2] for k in operation.kernels] if mixed else []
            if type(operation) not in _ELEMENTWISE or not pass_through(operation):
                return []


def _pointwise_groups(linear: Linear) -> list[np.ndarray]:
    """The kernel of each group of a 1x1 convolution; empty for other layers."""
    if linear.zeros:
        return []
    if linear.kind is GroupedPointwiseConv2D:
        return linear.kernels
    if linear.kind not in (GroupedConv2D, _L.Conv2D):
        return []
    (kernel,) = linear.kernels
    steps = np.ravel([linear.config["strides"], linear.config["dilation_rate"]])
    if kernel.shape[:2] != (1, 1) or (steps != 1).any():
        return []
    return np.split(kernel, linear.config["groups"], axis=-1)


def _is_depthwise(linear: Linear) -> bool:
    return linear.kind is _L.DepthwiseConv2D and linear.kernels[0].shape[3] == 1


def _one_convolution(linear: Linear, name: str, kernel, bias) -> Linear:
    config = {
        **common_config(linear.config),
        "name": name,
        "filters": kernel.shape[3],
        "kernel_size": 1,
        "padding": "valid",
        "activation": linear.config.get("activation", "linear"),
    }
    return Linear(_L.Conv2D, name, config, [kernel], bias, kernel.shape[3])


def _one_kernel(mixed: Linear, name: str, kernel, index: int) -> Linear:
    """The depthwise convolution that `MixConv2D` runs for one of its kernel sizes."""
    size, strides = mixed.config["kernel_sizes"][index], mixed.config["strides"]
    dilation = dilation_of(size, mixed.config["dilated"], mixed.config["dilation_rate"])
    symmetric = mixed.config["padding"] == "symmetric" and strides > 1
    config = {
        **common_config(mixed.config),
        "name": name,
        "kernel_size": kernel.shape[0],
        "strides": strides,
        "padding": "valid" if symmetric else "same",
        "dilation_rate": dilation,
    }
    zeros = size // 2 if symmetric else 0
    return Linear(_L.DepthwiseConv2D, name, config, [kernel], None, kernel.shape[2], zeros)
