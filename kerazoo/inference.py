"""Running a model on batches, compiled once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kerazoo._errors import invalid
from kerazoo.preprocessing import Preprocessing


def inference_function(model: Any, batch: int | None = None) -> Callable[[Any], Any]:
    """`batch -> outputs` for a Keras model, in a graph: NumPy arrays in the model's own structure.

    `model.predict` compiles with XLA, which on a CPU takes many times longer than the pictures
    themselves and runs depthwise convolutions slower than the plain graph used here.

    Args:
        model: A Keras model with one input of pictures.
        batch: Pictures in every batch; by default any number.
    """
    import keras

    from kerazoo._keras_graph import as_inputs

    if keras.backend.backend() != "tensorflow":
        return lambda batch: keras.tree.map_structure(
            np.asarray, model.predict_on_batch(np.asarray(batch))
        )
    import tensorflow as tf

    height, width, channels = model.input_shape[1:]
    # One trace for all batches, the last and smaller one included.
    signature = [tf.TensorSpec((batch, height, width, channels), tf.float32)]
    # Without autograph: rewriting Keras' code, which is written for tracing, only takes time.
    graph = tf.function(
        lambda batch: model(as_inputs(model, batch), training=False),
        input_signature=signature,
        autograph=False,
    )
    # Now, so that threads find it made.
    forget_gradients(graph.get_concrete_function())

    def run(batch):
        with tf.init_scope():  # out of reach of a `tf.GradientTape` around: nothing is there for it
            return keras.tree.map_structure(lambda y: y.numpy(), graph(batch))

    return run


def forget_gradients(function: Any) -> None:
    """Frees a traced function's memory for the time when the function is gone.

    TensorFlow registers the own gradient of each operation that has one (swish) anew in every
    trace, by a name that only this graph knows, and for good: with it the graph stays, 12 MiB of
    MixNet-S. No gradient can be taken through the function afterwards.

    Args:
        function: A concrete function.
    """
    from tensorflow.python.framework import ops

    registry = ops.gradient_registry._registry
    graph = function.graph.as_graph_def()
    inner = [function.node_def for function in graph.library.function]
    for node in (node for nodes in (graph.node, *inner) for node in nodes):
        name = node.attr["_gradient_op_type"].s.decode() if "_gradient_op_type" in node.attr else ""
        if name.startswith("CustomGradient-"):
            registry.pop(name, None)


def picture_preprocessing(model: Any, record: Preprocessing | None = None) -> Preprocessing:
    """How whole pictures become what `model` takes.

    That is the model's own record, with the size of its input where that is fixed, and without
    the normalisation where the model does that itself (`include_preprocessing=True`).

    Args:
        model: A kerazoo model, or any Keras model together with `record`.
        record: In place of the model's own.
    """
    info = getattr(model, "info", None)
    record = record or getattr(info, "preprocessing", None)
    if record is None:
        raise invalid("preprocessing", None, f"given: model {model.name!r} does not carry its own")
    height, width = model.input_shape[1:3]
    if height and width:
        record = record.with_size((height, width))
    inside = info is not None and info.arguments.get("include_preprocessing")
    return record.without_normalisation() if inside else record


def named_outputs(outputs: Any, names: Sequence[str], network: str) -> dict[str, Any]:
    """A network's outputs under the names, and in the order, of its task.

    Args:
        outputs: A tensor or array, or several in a sequence or by name. Other names are those of a
            file that is not kerazoo's, or of Keras' layers: then the order counts.
        names: Of the task's outputs.
        network: What to call the network in a message.

    Raises:
        ValueError: There are more or fewer.
    """
    if isinstance(outputs, Mapping):
        if set(names) <= set(outputs):
            return {name: outputs[name] for name in names}
        outputs = list(outputs.values())
    elif not isinstance(outputs, list | tuple):
        outputs = [outputs]
    if len(outputs) != len(names):
        rule = f"one with the outputs {', '.join(names)}"
        raise invalid("model", f"{network} with {len(outputs)} outputs", rule)
    return dict(zip(names, outputs, strict=True))
