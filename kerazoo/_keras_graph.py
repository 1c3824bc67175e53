"""The calls of a functional model as Keras records them, in attributes that are not public.

They are named in this module alone; `_graph` makes of them what can be rewritten.
"""

import weakref
from collections.abc import Callable, Iterator
from typing import Any

import keras


def is_graph(layer) -> bool:
    """Whether the layer is a model whose calls Keras has recorded."""
    functional = isinstance(layer, keras.Model) and hasattr(layer, "_nodes_by_depth")
    return functional or (isinstance(layer, keras.Sequential) and layer.built)


def _functional(model: keras.Model) -> Any:
    """Keras keeps the graph of a sequential model in a model inside of it."""
    return model._functional if isinstance(model, keras.Sequential) else model


def calls(model: keras.Model) -> Iterator[Any]:
    """Keras' records of a functional model's calls, none before those that it needs.

    Each has `operation`, `arguments`, `input_tensors` and `outputs`.
    """
    for _, level in sorted(_functional(model)._nodes_by_depth.items(), reverse=True):
        yield from (node for node in level if not node.is_input)


def maker(tensor: Any) -> Any:
    """The operation whose call gave a Keras tensor."""
    return tensor._keras_history.operation


def feeds(model: keras.Model) -> dict[int, list[Any]]:
    """Id of an operation -> the operations whose results it takes, within one functional model."""
    found: dict[int, list[Any]] = {}
    for call in calls(model):
        found.setdefault(id(call.operation), []).extend(map(maker, call.input_tensors))
    return found


def input_structure(model: keras.Model) -> Any:
    """The inputs as the model was made of them: a tensor, or a list or dict of tensors."""
    return _functional(model)._inputs_struct


def as_inputs(model: keras.Model, tensor: Any) -> Any:
    """One tensor in the structure of the model's input: alone, in a list, or by name.

    `keras.Model(base.inputs, …)` takes a list, and warns where it gets a tensor.
    """
    if not is_graph(model):
        return tensor
    return keras.tree.map_structure(lambda _: tensor, input_structure(model))


def replay(model: keras.Model, tensors: list, operation_fn: Callable[[Any], Callable]) -> Any:
    """Goes through all calls of a functional model again.

    Args:
        model: The model.
        tensors: In place of its inputs.
        operation_fn: Operation -> what is called in its place, with the tensors of this time.

    Returns:
        What the calls of the outputs gave.
    """
    return _functional(model)._run_through_graph(tensors, operation_fn=operation_fn)


def layers_of(model) -> Iterator[keras.layers.Layer]:
    """Every layer, those inside of models inside too."""
    return model._flatten_layers(include_self=False)


def remember_original(outputs: Any, model: keras.Model) -> Any:
    """Mark the tensors that a model's graph, gone through again, gave: they are of a copy of it.

    `keras.models.clone_model` makes the copy of its class from inputs and outputs, and says nothing
    of the original. It goes through the graph by `_run_through_graph`, as do symbolic calls.
    """
    for tensor in keras.tree.flatten(outputs):
        if isinstance(tensor, keras.KerasTensor):
            tensor._kerazoo_original = weakref.ref(model)
    return outputs


def cloned_from(outputs: Any) -> Any:
    """The model whose graph gave these tensors when it was gone through again, or None."""
    found = getattr(keras.tree.flatten(outputs)[0], "_kerazoo_original", lambda: None)
    return found()
