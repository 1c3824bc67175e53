"""A functional model as a list of calls that can be rewritten, and back again."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras

from kerazoo._errors import invalid
from kerazoo._initial_values import late_values
from kerazoo._keras_graph import _functional, calls, input_structure, is_graph, maker


@dataclass(frozen=True)
class Ref:
    """One output of a call, in place of the Keras tensor."""

    node: "Node"
    index: int = 0


@dataclass(eq=False)
class Node:
    """One call of one operation.

    Attributes:
        operation: A Keras layer or operation, or an object with `name` and `emit(tensor)`.
        args, kwargs: Of the call, with `Ref`s for tensors.
        outputs: What it returned in the old model, for shapes and dtypes.
        shared: Whether the operation is called more than once in the model.
    """

    operation: Any
    args: tuple
    kwargs: dict
    outputs: list
    shared: bool = False

    @property
    def refs(self) -> list[Ref]:
        """Every tensor that goes in, as often as it goes in."""
        return [x for x in keras.tree.flatten((self.args, self.kwargs)) if isinstance(x, Ref)]

    @property
    def inference(self) -> bool:
        """Whether the call leaves to the caller of the model whether it trains, and has no mask."""
        return not any(
            value is not None and value is not False
            for name, value in self.kwargs.items()
            if name in ("training", "mask")
        ) and all(name in ("training", "mask", "inputs") for name in self.kwargs)

    @property
    def only(self) -> Ref | None:
        """The tensor of a call that takes one and nothing else."""
        plain = len(self.args) == 1 and isinstance(self.args[0], Ref) and self.inference
        return self.args[0] if plain and len(self.refs) == 1 else None


@dataclass
class Graph:
    """All calls of a model, none before those that it needs.

    Attributes:
        outputs: As the model gives them out, with `Ref`s for tensors.
        consumers: Who takes each tensor, once for every time it is taken; None: the model gives it
            out.
        copies: The new layer for each old one, by `id`.
    """

    model: keras.Model
    inputs: list[Node]
    nodes: list[Node]
    outputs: Any
    consumers: dict[Ref, list[Node | None]] = field(default_factory=dict)
    copies: dict[int, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, model: keras.Model) -> "Graph":
        """The calls of a built functional model."""
        inputs = [Node(maker(x), (), {}, [x]) for x in model.inputs]
        refs = {id(x): Ref(node) for x, node in zip(model.inputs, inputs, strict=True)}

        def refer(value):
            is_tensor = isinstance(value, keras.KerasTensor)
            return refs[id(value)] if is_tensor else value

        nodes = []
        for call in calls(model):
            args, kwargs = keras.tree.map_structure(
                refer, (call.arguments.args, call.arguments.kwargs)
            )
            node = Node(call.operation, tuple(args), dict(kwargs), list(call.outputs))
            refs |= {id(x): Ref(node, i) for i, x in enumerate(call.outputs)}
            nodes.append(node)
        called = [id(node.operation) for node in nodes]
        for node in nodes:
            node.shared = called.count(id(node.operation)) > 1
        graph = cls(
            model,
            inputs,
            nodes,
            keras.tree.map_structure(refer, _functional(model)._outputs_struct),
        )
        graph.recount()
        return graph

    def recount(self) -> None:
        """Find out anew who takes each tensor."""
        self.consumers = {}
        taken = [(ref, node) for node in self.nodes for ref in node.refs]
        taken += [(ref, None) for ref in keras.tree.flatten(self.outputs)]
        for ref, user in taken:
            self.consumers.setdefault(ref, []).append(user)

    def remove(self, node: Node) -> None:
        """Leave out a call; its one input takes the place of its one output."""
        (source,) = node.refs
        users = self.consumers.pop(Ref(node), [])
        self._release(node)
        self.consumers[source] += users
        self.nodes.remove(node)

        def follow(value):
            return source if value == Ref(node) else value

        for user in users:
            if user is None:
                self.outputs = keras.tree.map_structure(follow, self.outputs)
            else:
                user.args, user.kwargs = keras.tree.map_structure(follow, (user.args, user.kwargs))

    def replace(self, node: Node, operation, args: tuple) -> None:
        """Another operation on other tensors in place of a call."""
        self._release(node)
        node.operation, node.args, node.kwargs = operation, args, {}
        for ref in node.refs:
            self.consumers.setdefault(ref, []).append(node)

    def prune(self) -> None:
        """Leave out calls whose results nobody takes."""
        for node in reversed(list(self.nodes)):
            if not any(self.consumers.get(Ref(node, i)) for i in range(len(node.outputs))):
                self._release(node)
                self.nodes.remove(node)

    def _release(self, node: Node) -> None:
        for ref in set(node.refs):
            self.consumers[ref] = [user for user in self.consumers[ref] if user is not node]

    @late_values()  # layers are copied, and then take the values of those they are copies of
    def build(
        self, nested: Callable[[keras.Model], keras.Model], *, in_training: bool = False
    ) -> keras.Model:
        """A new model of the same class with new layers.

        Args:
            nested: Gives what takes the place of a model inside.
            in_training: Whether it does so too for models that are called with `training=True`.
        """
        made: dict[Ref, Any] = {}
        for node in self.inputs:
            (x,) = node.outputs
            name = node.operation.name
            made[Ref(node)] = keras.Input(batch_shape=x.shape, dtype=x.dtype, name=name)
        tensors = {id(node.outputs[0]): made[Ref(node)] for node in self.inputs}

        def put(value):
            return made[value] if isinstance(value, Ref) else value

        for node in self.nodes:
            args, kwargs = keras.tree.map_structure(put, (node.args, node.kwargs))
            inside = is_graph(node.operation) and (in_training or self._never_trains(node))
            called = self._call(node, args, kwargs, nested if inside else None)
            outputs = keras.tree.flatten(called)
            made |= {Ref(node, i): y for i, y in enumerate(outputs)}
        inputs = keras.tree.map_structure(lambda x: tensors[id(x)], input_structure(self.model))
        outputs = keras.tree.map_structure(put, self.outputs)
        return _class(self.model)(inputs, outputs, name=self.model.name)

    def _call(self, node: Node, args, kwargs, nested):
        operation = node.operation
        if not isinstance(operation, keras.Operation):
            return operation.emit(*args)
        if not isinstance(operation, keras.layers.Layer):
            return operation(*args, **kwargs)  # without state: every model may use it
        copy = self.copies.get(id(operation))
        if copy is not None:
            return copy(*args, **kwargs)
        if nested is not None:
            copy = self.copies[id(operation)] = nested(operation)
            return copy(*args, **kwargs)
        copy = self.copies[id(operation)] = copied(operation)
        outputs = copy(*args, **kwargs)
        take_weights(copy, operation)
        return outputs

    def _never_trains(self, call: Node) -> bool:
        return all(node.inference for node in self.nodes if node.operation is call.operation)


def unpadded(ref: Ref) -> tuple[Ref, int]:
    """The tensor inside of zeros, and how many there are on each side; 0 if sides differ."""
    node = ref.node
    layer = node.operation
    if type(layer) is keras.layers.ZeroPadding2D and node.only is not None:
        sides = {n for side in layer.padding for n in side}
        if len(sides) == 1 and layer.data_format == "channels_last":
            return node.only, sides.pop()
    return ref, 0


def copied(layer):
    """A new layer of the same configuration; the layer itself if it cannot be copied."""
    try:
        return type(layer).from_config(layer.get_config())
    except Exception as error:  # whatever a foreign layer raises
        if not layer.variables:
            return layer
        raise _uncopyable(layer) from error


def take_weights(copy, layer) -> None:
    if copy is layer:
        return
    try:
        copy.set_weights(layer.get_weights())
    except ValueError as error:
        raise _uncopyable(layer) from error


def _uncopyable(layer) -> ValueError:
    return invalid(
        "model",
        f"{layer.name} ({type(layer).__name__})",
        "of layers that can be copied through `get_config()` and `set_weights()`",
    )


def _class(model) -> type:
    """The model's own class where it can be made of inputs, outputs and a name."""
    if isinstance(model, keras.Sequential):
        return keras.Model
    try:
        inspect.signature(type(model)).bind("inputs", "outputs", name="name")
    except TypeError:
        return keras.Model
    return type(model)
