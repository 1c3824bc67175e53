"""A Keras network as a TensorFlow graph in which weights are constants."""

import errno
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from kerazoo._errors import invalid
from kerazoo.inference import forget_gradients, named_outputs

INPUT = "image"
_PLUMBING = {"Const", "Identity", "NoOp", "Placeholder"}


def frozen_graph(
    model: Any, outputs: Sequence[str], finish: Callable[[dict], dict] | None = None
) -> Any:
    """`image (batch, height, width, channels) -> [output, …]`, a concrete function.

    Converters fold constants; weights that are still variables they read at every run, which has
    made LiteRT and OpenVINO files several times slower.

    Args:
        model: The network.
        outputs: Names of its outputs, in order; so are their nodes called in the graph.
        finish: Further outputs by name, made of these; they come behind them.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    from kerazoo._keras_graph import as_inputs

    def run(image):
        return model(as_inputs(model, image), training=False)

    def call(image):
        found = named_outputs(run(image), outputs, model.name)
        found = {name: tf.cast(y, tf.float32) for name, y in found.items()}
        if finish:
            found |= finish(found)
        # A list, since TensorFlow puts the keys of a dict into an order of its own.
        return [tf.identity(y, name=name) for name, y in found.items()]

    spec = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name=INPUT)
    # Keras' own code is written for tracing: rewriting it with autograph only takes time.
    traced = tf.function(call, autograph=False).get_concrete_function(spec)
    forget_gradients(traced)
    return convert_variables_to_constants_v2(traced)


def outputs_of(graph: Any, image: Any, outputs: Sequence[str]) -> dict[str, Any]:
    """The graph's results by name."""
    import tensorflow as tf

    return dict(zip(outputs, tf.nest.flatten(graph(image)), strict=True))


def saved_graph(graph: Any, outputs: Sequence[str]) -> tempfile.TemporaryDirectory:
    """The graph alone as a SavedModel, for LiteRT's converter, in a folder that goes when unused.

    Given concrete functions, that converter would lose the names of inputs and outputs. What
    TensorFlow makes of a dilated convolution, it only recognises for a fixed batch: there it gets
    one picture (LiteRT's interpreter can be resized to any number all the same).
    """
    import tensorflow as tf

    nodes = graph.graph.as_graph_def().node
    batch = 1 if any(node.op == "SpaceToBatchND" for node in nodes) else None
    spec = tf.TensorSpec((batch, *graph.inputs[0].shape[1:]), tf.float32, name=INPUT)
    return _saved(lambda image: outputs_of(graph, image, outputs), [spec])


def saved_finish(
    finish: Callable[[dict], dict], graph: Any, outputs: Sequence[str]
) -> tempfile.TemporaryDirectory:
    """What a function makes of the graph's outputs for one picture, likewise; without the graph."""
    import tensorflow as tf

    specs = [
        tf.TensorSpec((1, *each.shape[1:]), tf.float32, name=name)
        for name, each in zip(outputs, graph.outputs, strict=True)
    ]
    return _saved(lambda *given: finish(dict(zip(outputs, given, strict=True))), specs)


def _saved(function: Callable, specs: Sequence[Any]) -> tempfile.TemporaryDirectory:
    import tensorflow as tf

    folder = tempfile.TemporaryDirectory()
    module = tf.Module()
    module.run = tf.function(function, input_signature=specs, autograph=False)
    save_module(module, {"serving_default": module.run}, folder.name)
    return folder


def save_module(module: Any, signatures: dict[str, Any], folder: str | Path) -> None:
    """`tf.saved_model.save` without gradients, which frozen graphs do not have.

    Raises:
        OSError: It cannot be written: TensorFlow's own errors are of another kind.
    """
    import tensorflow as tf

    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    try:
        tf.saved_model.save(module, str(folder), signatures=signatures, options=options)
    except tf.errors.OpError as error:  # the disk is full, ...
        raise OSError(errno.EIO, error.message, str(folder)) from error


def cannot_lower(
    graph: Any, layers: Iterable[str], title: str, message: str, ops: Iterable[str] = ()
) -> ValueError:
    """The complaint about operations that a format does not have, with the layers they are from.

    Args:
        graph: The frozen graph.
        layers: Names of the model's layers.
        title: Of the format.
        message: What its converter said; operations are looked for in it.
        ops: Operations that are known to be missing, in place of that.
    """
    nodes = [node for node in graph.graph.as_graph_def().node if node.op not in _PLUMBING]
    missing = set(ops) or {n.op for n in nodes if re.search(rf"\b{n.op}\b", message)}
    if not missing:
        first = next((line for line in message.splitlines() if line.strip()), "no reason given")
        return invalid("model", "this model", f"one that {title} can hold; its converter: {first}")
    own, found = set(layers), {}
    for node in (n for n in nodes if n.op in missing):
        found.setdefault(_layer(node.name, own), set()).add(node.op)
    shown = ", ".join(f"{layer} ({', '.join(sorted(of))})" for layer, of in found.items())
    rule = f"of layers that can be lowered to operations of {title}"
    return invalid("model", shown or ", ".join(sorted(missing)), rule)


def _layer(node: str, own: set[str]) -> str:
    """The innermost layer among a node's scopes; Keras numbers the scopes of later calls."""
    for scope in reversed(node.split("/")):
        for name in (scope, re.sub(r"_\d+$", "", scope)):
            if name in own:
                return name
    return node
