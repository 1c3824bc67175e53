"""From learned groups to plain convolutions on fewer channels."""

import collections
from collections.abc import Iterator
from dataclasses import dataclass, field

import keras
import numpy as np
from keras import ops

from kerazoo._checks import checked
from kerazoo._errors import invalid
from kerazoo._graph import Graph, Node, Ref, copied
from kerazoo._keras_graph import is_graph, layers_of
from kerazoo.deploy._channel_orders import (
    MERGES,
    absorb,
    is_plain_convolution,
    pass_through,
    reorder_filters,
)
from kerazoo.layers.flgc import FLGCConv2D
from kerazoo.layers.frozen_flgc import FrozenFLGCConv2D, GatherChannels


@checked("allow_untrained")
def freeze_groups(model: keras.Model, *, allow_untrained: bool = False) -> keras.Model:
    """A copy of `model` whose learned groups are fixed and computed as plain convolutions.

    Every `FLGCConv2D` becomes a `FrozenFLGCConv2D`: one convolution a group, on the channels of
    that group only (the duplicated ones too). The outputs stay the same; parameters and
    multiply-adds fall to the connections in use. The copy can be saved, and trained further with
    fixed groups.

    A frozen layer's filters come out sorted by group. The layers behind it take their weights in
    that order, as far as the next convolution or classifier, and an ordinary convolution in front
    of a learned one gives its filters in the order of the groups, so that those are slices. Where
    the order cannot be carried on (additions of differing orders, unknown layers, outputs), a
    `GatherChannels` restores it.

    Args:
        model: A functional or sequential model with `FLGCConv2D` layers, nested models included.
        allow_untrained: Freeze although no layer was trained.

    Returns:
        A new model of the same class; `model` is not changed.

    Raises:
        ValueError: if the model has no learned groups, is frozen already, or is untrained: none of
            its FLGC layers was ever called with `training=True` (each counts those calls in
            `training_calls`, which is saved with the weights). Also for a model that is not
            functional, or an FLGC layer inside of a wrapper.
    """
    _check(model, allow_untrained)
    frozen = _freeze(model)
    left = _layers(frozen, FLGCConv2D)
    if left:
        names = [layer.name for layer in left]
        raise invalid("model", names, "free of FLGC layers inside of other layers")
    return frozen


def _layers(model, kind) -> list:
    return [layer for layer in layers_of(model) if isinstance(layer, kind)]


def _check(model, allow_untrained: bool) -> None:
    if not is_graph(model):
        raise invalid("model", model, "a built functional or sequential Keras model")
    learned = _layers(model, FLGCConv2D)
    if not learned and _layers(model, FrozenFLGCConv2D):
        raise invalid("model", model.name, "a model whose groups are not frozen already")
    if not learned:
        raise invalid("model", model.name, "a model with FLGCConv2D layers")
    if not allow_untrained and not any(int(layer.training_calls) for layer in learned):
        raise invalid(
            "model",
            model.name,
            "trained: none of its FLGC layers was called with `training=True` "
            "(`allow_untrained=True` freezes it all the same)",
        )


def _freeze(model):
    graph = Graph.read(model)
    _Freezing(graph).run()
    frozen = graph.build(_freeze, in_training=True)
    if hasattr(model, "info"):  # models inside of models have theirs too
        frozen.info = model.info
    return frozen


@dataclass(frozen=True)
class _Filled:
    """A new layer to be called, and the weights that it then takes."""

    layer: keras.layers.Layer
    weights: list[np.ndarray]
    kwargs: dict = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.layer.name

    def emit(self, x):
        y = self.layer(x, **self.kwargs)
        self.layer.set_weights(self.weights)
        return y


class _Freezing:
    """Rewrites the calls of a graph from first to last.

    Attributes:
        orders: Of the channels of a tensor, where it is not the old one: new channel i is old
            channel `order[i]`.
        wanted: Filter orders of plain convolutions that make the groups behind them slices.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.orders: dict[Ref, np.ndarray] = {}
        self.wanted = dict(_wanted_filter_orders(graph))
        self._nodes: list[Node] = []
        self._gathered: dict[tuple[Ref, bytes], Ref] = {}
        self._names: collections.Counter[str] = collections.Counter()
        self._frozen: dict[int, tuple[_Filled, np.ndarray | None]] = {}

    def run(self) -> None:
        for node in self.graph.nodes:
            order = self._rewrite(node)
            self._nodes.append(node)
            if order is not None:
                self.orders[Ref(node)] = order
        self.graph.outputs = keras.tree.map_structure(self._restored, self.graph.outputs)
        self.graph.nodes = self._nodes
        self.graph.recount()

    def _rewrite(self, node: Node) -> np.ndarray | None:
        """Changes one call, and returns the order of its channels, None for the old one."""
        x = None if node.shared else node.only
        if isinstance(node.operation, FLGCConv2D):
            return self._freeze(node, x or self._restored(node.refs[0]))
        if type(node.operation) in MERGES and isinstance(node.args[0], list | tuple):
            return self._merge(node)
        if x is not None and (found := self._follow(node, x)):
            node.operation, order = found
            return order
        node.args, node.kwargs = keras.tree.map_structure(self._restored, (node.args, node.kwargs))
        return None

    def _freeze(self, node: Node, x: Ref) -> np.ndarray | None:
        key = id(node.operation)
        if key not in self._frozen:
            self._frozen[key] = _frozen_layer(node.operation, self.orders.get(x))
        node.operation, order = self._frozen[key]
        node.args, node.kwargs = (x,), {}
        return order

    def _follow(self, node: Node, x: Ref) -> tuple[_Filled, np.ndarray | None] | None:
        """A layer whose weights take or make another order of channels; None for others."""
        layer, order, wanted = node.operation, self.orders.get(x), self.wanted.get(node)
        change, out = (absorb(layer), wanted) if absorb(layer) else (pass_through(layer), order)
        if change is None or (order is None and wanted is None):
            return None
        weights = layer.get_weights()
        weights = weights if order is None else change(weights, order)
        weights = weights if wanted is None else reorder_filters(weights, wanted)
        return _Filled(copied(layer), weights, node.kwargs), out

    def _merge(self, node: Node) -> np.ndarray | None:
        """All in the order of the first that has one of its own, as one of two must move."""
        tensors = node.args[0]
        orders = (self.orders[x] for x in tensors if x in self.orders)
        target = next(orders, None) if len({_channels(x) for x in tensors}) == 1 else None
        node.args = ([self._in_order(x, target) for x in tensors],)
        return target

    def _restored(self, x):
        return self._in_order(x, None) if isinstance(x, Ref) else x

    def _in_order(self, x: Ref, target: np.ndarray | None) -> Ref:
        """`x` with its channels in the order `target`, None for the old one."""
        order = self.orders.get(x)
        if order is None and target is None:
            return x
        back = np.arange(_channels(x)) if order is None else np.argsort(order)
        return self._gather(x, back if target is None else back[target])

    def _gather(self, x: Ref, indices: np.ndarray) -> Ref:
        if (indices == np.arange(len(indices))).all():
            return x
        key = (x, indices.tobytes())
        if key not in self._gathered:
            name = f"{x.node.operation.name}_reordered"
            self._names[name] += 1
            name += f"_{self._names[name]}" if self._names[name] > 1 else ""
            old = x.node.outputs[x.index]
            layer = GatherChannels(indices.tolist(), dtype=old.dtype, name=name)
            self._nodes.append(Node(layer, (x,), {}, [old]))
            self._gathered[key] = Ref(self._nodes[-1])
        return self._gathered[key]


def _channels(x: Ref) -> int:
    return x.node.outputs[x.index].shape[-1]


def _wanted_filter_orders(graph: Graph) -> Iterator[tuple[Node, np.ndarray]]:
    for node in graph.nodes:
        layer, behind = node.operation, node
        if not isinstance(layer, FLGCConv2D) or any(layer.assignment().duplicated):
            continue
        while not behind.shared and behind.only and len(graph.consumers[behind.only]) == 1:
            behind = behind.only.node
            if is_plain_convolution(behind.operation) and not behind.shared:
                yield behind, _grouped_order(layer)
            if pass_through(behind.operation) is None:
                break


def _live_groups(layer) -> list[tuple[list[int], list[int]]]:
    """Channels and filters of every group that has both."""
    found = layer.assignment()
    pairs = [(list(found.inputs(g)), list(rows)) for g, rows in enumerate(found.filters)]
    return [(channels, rows) for channels, rows in pairs if channels and rows]


def _grouped_order(layer) -> np.ndarray:
    """Input channels group by group, those without use last."""
    used = [c for channels, _ in _live_groups(layer) for c in channels]
    unused = sorted(set(range(layer.kernel.shape[2])) - set(used))
    return np.array(used + unused)


def _frozen_layer(layer, order) -> tuple[_Filled, np.ndarray | None]:
    """The frozen layer, and the order of its filters (None if unchanged)."""
    kernel = ops.convert_to_numpy(layer.kernel)
    place = np.arange(kernel.shape[2]) if order is None else np.argsort(order)
    groups = [(sorted(c, key=lambda i: place[i]), rows) for c, rows in _live_groups(layer)]
    live = [f for _, rows in groups for f in rows]
    constant = sorted(set(range(layer.filters)) - set(live))
    out = np.array(live + constant)
    frozen = FrozenFLGCConv2D(
        [[int(place[c]) for c in channels] for channels, _ in groups],
        [len(rows) for _, rows in groups],
        kernel_size=layer.kernel_size,
        strides=layer.strides,
        padding=layer.padding,
        dilation_rate=layer.dilation_rate,
        constant_filters=len(constant),
        use_bias=layer.use_bias,
        activation=layer.activation,
        kernel_initializer=layer.kernel_initializer,
        bias_initializer=layer.bias_initializer,
        dtype=layer.dtype_policy,
        name=layer.name,
    )
    weights = [kernel[:, :, channels][..., rows] for channels, rows in groups]
    if layer.use_bias:
        weights.append(ops.convert_to_numpy(layer.bias)[out])
    unchanged = (out == np.arange(layer.filters)).all()
    return _Filled(frozen, weights), None if unchanged else out
