"""A Keras 3 model as a tf_keras model with the same weights, and its weights back."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerazoo._checks import checked
from kerazoo._errors import invalid
from kerazoo._graph import Graph
from kerazoo._keras_graph import input_structure, is_graph, layers_of
from kerazoo.deploy.learned_groups import freeze_groups
from kerazoo.layers import FLGCConv2D
from kerazoo.optimize._tfmot import Legacy, legacy
from kerazoo.optimize.lowering import RULES, TRAINING_ONLY, Home, Make


@dataclass(frozen=True)
class Bridge:
    """Both forms of one network.

    Attributes:
        model: The `tf_keras` model.
        origin: The Keras 3 model that it was made of: a copy, which takes trained weights back.
        homes: Where each variable of `origin` is in `model`.
    """

    model: Any
    origin: keras.Model
    homes: tuple[Home, ...]

    def take_back(self, trained: Any) -> keras.Model:
        """The Keras 3 model with the weights of a trained tf_keras model.

        Args:
            trained: `model`, or a copy with layers of the same names, as TF-MOT's
                `strip_pruning` and `strip_clustering` give.

        Returns:
            `origin`. The model that was given to `to_tf_keras` is not touched.
        """
        values = [home.read(trained) for home in self.homes]  # all or nothing
        for home, value in zip(self.homes, values, strict=True):
            home.variable.assign(value)
        return self.origin


def to_tf_keras(model: keras.Model) -> Bridge:
    """Rebuild a Keras 3 model in Keras 2 (`tf_keras`), which TF-MOT works on.

    Layers of kerazoo become primitive ones: mixed and grouped convolutions one convolution a
    group between slices and a concatenation, squeeze-and-excite its pooling, convolutions and
    multiplication, activations inside of layers a layer of their own. Learned groups are frozen
    first. Random changes of pictures and noise, which act in training only, are left out; dropout
    stays. Outputs are equal to rounding, at most 1e-5 of the largest.

    Args:
        model: A built functional or sequential model in float32 with channels last, on the
            TensorFlow backend or any other.

    Returns:
        The tf_keras model, and the way back.

    Raises:
        ImportError: The extra `[tfmot]` is not installed.
        ValueError: for a model that is not functional or not in float32, and for layers that
            cannot be lowered: their names and classes are listed.
    """
    _check(model)
    packages = legacy()
    if any(isinstance(layer, FLGCConv2D) for layer in layers_of(model)):
        origin = freeze_groups(model, allow_untrained=True)
    else:
        origin = copied_model(model)
    unknown = sorted(set(_unknown(origin)))
    if unknown:
        raise invalid("model", ", ".join(unknown), "made of layers that can be lowered to tf_keras")
    lowering = _Lowering(packages)
    graph = Graph.read(origin)
    inputs = [
        packages.keras.Input(batch_shape=x.shape, dtype=x.dtype, name=node.operation.name)
        for node in graph.inputs
        for x in node.outputs
    ]
    outputs = lowering.run(graph, inputs, "")
    of_input = {id(n.outputs[0]): x for n, x in zip(graph.inputs, inputs, strict=True)}
    struct = keras.tree.map_structure(lambda x: of_input[id(x)], input_structure(origin))
    rebuilt = packages.keras.Model(struct, outputs, name=model.name)
    _check_homes(origin, lowering.homes)
    return Bridge(rebuilt, origin, tuple(lowering.homes.values()))


def copied_model(model: keras.Model) -> keras.Model:
    """A copy with layers and weights of its own; of the same class where that is possible."""
    copy = Graph.read(model).build(copied_model)
    if hasattr(model, "info"):
        copy.info = model.info
    return copy


def _check(model) -> None:
    if not isinstance(model, keras.Model) or not is_graph(model):
        raise invalid("model", model, "a built functional or sequential Keras 3 model")
    wrong = [
        f"{layer.name} ({type(layer).__name__})"
        for layer in layers_of(model)
        if layer.dtype_policy.compute_dtype != "float32"
        or getattr(layer, "quantization_mode", None)
        or getattr(layer, "lora_enabled", False)
        or getattr(layer, "data_format", None) == "channels_first"
    ]
    if wrong:
        rule = "of float32 layers with channels last, neither quantised nor with LoRA"
        raise invalid("model", ", ".join(wrong), rule)


def _unknown(model) -> list[str]:
    """Calls that no rule is for."""
    found = []
    for node in Graph.read(model).nodes:
        operation = node.operation
        if is_graph(operation):
            found += _unknown(operation)
        known = is_graph(operation) or type(operation) in RULES
        if not known or not (node.inference or type(operation) in TRAINING_ONLY):
            found.append(f"{operation.name} ({type(operation).__name__})")
    return found


def _check_homes(model, homes: dict[int, Home]) -> None:
    lost = [v.path for v in model.weights if id(v) not in homes]
    if lost:  # a rule forgot a weight
        raise RuntimeError(f"variables without a place in tf_keras: {', '.join(lost)}")


class _Lowering:
    """One pass over the calls of a model, those of models inside it included."""

    def __init__(self, packages: Legacy):
        self.packages = packages
        self.made: dict[str, Any] = {}
        self.homes: dict[int, Home] = {}

    def run(self, graph: Graph, inputs: list, prefix: str):
        tensors = {node: [x] for node, x in zip(graph.inputs, inputs, strict=True)}

        def put(value):
            return tensors[value.node][value.index] if hasattr(value, "node") else value

        for node in graph.nodes:
            args = keras.tree.map_structure(put, node.args)
            kwargs = {k: v for k, v in node.kwargs.items() if k not in ("training", "mask")}
            (x,) = (*args, *(keras.tree.map_structure(put, v) for v in kwargs.values()))
            tensors[node] = keras.tree.flatten(self._call(node.operation, x, prefix))
        return keras.tree.map_structure(put, graph.outputs)

    def _call(self, operation, x, prefix: str):
        name = prefix + operation.name
        if is_graph(operation):
            return self.run(Graph.read(operation), keras.tree.flatten(x), f"{name}_")
        make = Make(self.packages, name, self.made, self.homes)
        return RULES[type(operation)](operation, x, make)


@checked("bridge")
def largest_difference(bridge: Bridge, x: Any) -> float:
    """The largest difference of any output of the two models, over that output's largest value."""
    ours = keras.tree.flatten(bridge.origin(x, training=False))
    theirs = keras.tree.flatten(bridge.model(x, training=False))
    pairs = [
        (keras.ops.convert_to_numpy(a), np.asarray(b)) for a, b in zip(ours, theirs, strict=True)
    ]
    return max(float(np.abs(a - b).max() / np.abs(a).max()) for a, b in pairs)
