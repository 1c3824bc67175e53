"""From learned groups to plain convolutions on fewer channels."""

import keras
import numpy as np
from keras import ops

from kerazoo._errors import invalid
from kerazoo.deploy._channel_orders import (
    MERGES,
    absorb,
    is_plain_convolution,
    pass_through,
    reorder_filters,
)
from kerazoo.layers.flgc import FLGCConv2D
from kerazoo.layers.frozen_flgc import FrozenFLGCConv2D, GatherChannels


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
    return [layer for layer in model._flatten_layers() if isinstance(layer, kind)]


def _check(model, allow_untrained: bool) -> None:
    if not _is_graph(model):
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


def _is_graph(layer) -> bool:
    return hasattr(layer, "_nodes_by_depth") or (
        isinstance(layer, keras.Sequential) and layer.built
    )


def _freeze(model):
    if isinstance(model, keras.Sequential):
        model = keras.Model(model.inputs, model.outputs, name=model.name)
    rewrite = _Rewriter(model)
    frozen = keras.models.clone_model(
        model, clone_function=lambda layer: layer, call_function=rewrite
    )
    if hasattr(model, "info"):  # models inside of models have theirs too
        frozen.info = model.info
    return frozen


class _Rewriter:
    """Called for every layer of the old graph in turn with the tensors of the new one.

    The order of a new tensor's channels, where it is not the old one: new channel i is old channel
    `order[i]`.
    """

    def __init__(self, model):
        self.nodes = [
            node for level in model._nodes_by_depth.values() for node in level if not node.is_input
        ]
        self.outputs = {id(x) for x in model.outputs}
        self.ends = {n.operation.name for n in self.nodes if self._is_output(n)}
        calls = [n.operation.name for n in self.nodes]
        self.shared = {name for name in calls if calls.count(name) > 1}
        self.wanted = self._wanted_filter_orders()
        self.orders: dict[int, tuple] = {}  # with the tensor, lest its id be used again
        self.gathered: dict[tuple, tuple] = {}
        self.names: dict[str, int] = {}
        self.frozen: dict[str, tuple] = {}
        self.copies: dict[str, keras.layers.Layer] = {}

    def _is_output(self, node) -> bool:
        return any(id(x) in self.outputs for x in node.outputs)

    def __call__(self, layer, *args, **kwargs):
        x = args[0] if len(args) == 1 else None
        if type(layer) in MERGES and isinstance(x, list | tuple):
            y, order = self._merge(layer, list(x))
        elif self._follows_orders(layer, x, kwargs):
            y, order = self._follow(layer, x, kwargs)
        else:
            args, kwargs = keras.tree.map_structure(self._restored, (args, kwargs))
            y, order = self._plain(layer, args, kwargs)
        if order is None:
            return y
        self.orders[id(y)] = (y, order)
        return self._restored(y) if layer.name in self.ends else y

    def _follows_orders(self, layer, x, kwargs) -> bool:
        tensors = keras.tree.flatten(kwargs)
        return (
            isinstance(x, keras.KerasTensor)
            and layer.name not in self.shared
            and not any(isinstance(t, keras.KerasTensor) for t in tensors)
        )

    def _follow(self, layer, x, kwargs):
        """Layers whose weights can take or make another order of channels."""
        order = self._order(x)
        if isinstance(layer, FLGCConv2D):
            return self._frozen(layer, x, order)
        wanted = self.wanted.get(layer.name)
        change, out = (absorb(layer), wanted) if absorb(layer) else (pass_through(layer), order)
        if change is None or (order is None and wanted is None):
            return self._plain(layer, (self._restored(x),), kwargs)
        weights = layer.get_weights()
        weights = weights if order is None else change(weights, order)
        weights = weights if wanted is None else reorder_filters(weights, wanted)
        copy = _copy(layer)
        y = copy(x, **kwargs)
        copy.set_weights(weights)
        return y, out

    def _plain(self, layer, args, kwargs):
        """Any layer, on channels in their old order; a frozen one for learned groups."""
        if not isinstance(layer, keras.layers.Layer):
            return layer(*args, **kwargs), None
        if isinstance(layer, FLGCConv2D):
            y, order = self._frozen(layer, args[0], None)
            return (y if order is None else self._gather(y, np.argsort(order))), None
        if layer.name not in self.copies:
            nested = _is_graph(layer) and _layers(layer, FLGCConv2D)
            self.copies[layer.name] = _freeze(layer) if nested else _copy(layer)
            y = self.copies[layer.name](*args, **kwargs)
            if not nested:
                self.copies[layer.name].set_weights(layer.get_weights())
            return y, None
        return self.copies[layer.name](*args, **kwargs), None

    def _merge(self, layer, tensors):
        """All in the order of the first that has one of its own, as one of two must move."""
        orders = [self._order(x) for x in tensors]
        widths = {x.shape[-1] for x in tensors}
        target = next((o for o in orders if o is not None), None) if len(widths) == 1 else None
        moved = [self._in_order(x, target) for x in tensors]
        return self.copies.setdefault(layer.name, _copy(layer))(moved), target

    def _frozen(self, layer, x, order):
        if layer.name in self.frozen:
            frozen, out = self.frozen[layer.name]
            return frozen(x), out
        frozen, weights, out = _frozen_layer(layer, order)
        y = frozen(x)
        frozen.set_weights(weights)
        self.frozen[layer.name] = (frozen, out)
        return y, out

    def _order(self, x):
        return self.orders.get(id(x), (x, None))[1]

    def _restored(self, x):
        return self._in_order(x, None) if isinstance(x, keras.KerasTensor) else x

    def _in_order(self, x, target):
        """`x` with its channels in the order `target`, None for the old one."""
        order = self._order(x)
        if order is None and target is None:
            return x
        back = np.arange(x.shape[-1]) if order is None else np.argsort(order)
        return self._gather(x, back if target is None else back[target])

    def _gather(self, x, indices):
        if (indices == np.arange(len(indices))).all():
            return x
        key = (id(x), indices.tobytes())
        if key not in self.gathered:
            name = f"{x._keras_history.operation.name}_reordered"
            self.names[name] = number = self.names.get(name, 0) + 1
            name += f"_{number}" if number > 1 else ""
            layer = GatherChannels(indices.tolist(), dtype=x.dtype, name=name)
            # With the input, lest its id be used again.
            self.gathered[key] = (layer(x), x)
        return self.gathered[key][0]

    def _wanted_filter_orders(self) -> dict[str, np.ndarray]:
        """Filter orders of plain convolutions that make the groups behind them slices."""
        consumers: dict[int, int] = {}
        for node in self.nodes:
            for x in node.input_tensors:
                consumers[id(x)] = consumers.get(id(x), 0) + 1
        producers = {id(x): node for node in self.nodes for x in node.outputs}
        wanted = {}
        for node in self.nodes:
            layer = node.operation
            if not isinstance(layer, FLGCConv2D) or any(layer.assignment().duplicated):
                continue
            while node is not None and node.operation.name not in self.shared:
                x = node.input_tensors[0]
                node = producers.get(id(x)) if consumers[id(x)] == 1 else None
                if node is None or id(x) in self.outputs or node.operation.name in self.shared:
                    break
                if is_plain_convolution(node.operation):
                    wanted[node.operation.name] = _grouped_order(layer)
                    break
                if pass_through(node.operation) is None:
                    break
        return wanted


def _copy(layer):
    return type(layer).from_config(layer.get_config())


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


def _frozen_layer(layer, order):
    """The frozen layer, its weights, and the order of its filters (None if unchanged)."""
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
    return frozen, weights, None if (out == np.arange(layer.filters)).all() else out
