"""Going through a functional model's graph without keeping a map longer than it is needed.

Keras keeps every tensor of a call until the last layer has answered. Where layers run one by one
(the torch backend, and calls outside of a compiled function on the others) that holds the maps of
the whole network at once: every layer writes into memory that was never touched before, which on
a CPU costs as much as small layers themselves.
"""

from collections.abc import Callable
from typing import Any

import keras


class Steps:
    """The nodes of a model's graph in Keras' order, and what is no longer needed after each."""

    def __init__(self, model: keras.Model) -> None:
        by_depth = model._nodes_by_depth
        nodes = [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]
        last: dict[int, int] = {}
        for at, node in enumerate(nodes):
            for tensor in (*node.outputs, *node.input_tensors):
                last[id(tensor)] = at
        for tensor in model.outputs:
            last.pop(id(tensor), None)
        over: list[list[int]] = [[] for _ in nodes]
        for tensor, at in last.items():
            over[at].append(tensor)
        self._steps = list(zip(nodes, over, strict=True))

    def run(
        self, model: keras.Model, inputs: Any, operation_fn: Callable, call_fn: Callable | None
    ) -> Any:
        """`keras.Function._run_through_graph`, but for what it keeps.

        Args:
            model: Whose graph it is.
            inputs: What the model is called with.
            operation_fn: Layer -> what is called in its place.
            call_fn: Calls that, where it is not called as it is.

        Raises:
            ValueError: An output does not follow from the inputs that were given.
        """
        known = {id(x): y for x, y in zip(model.inputs, keras.tree.flatten(inputs), strict=False)}
        for node, over in self._steps:
            if node.operation and not node.is_input and _computable(node, known):
                args, kwargs = node.arguments.fill_in(known)
                if call_fn is None:
                    found = operation_fn(model._get_operation_for_node(node))(*args, **kwargs)
                else:
                    found = call_fn(operation_fn(node.operation), *args, **kwargs)
                found = keras.tree.flatten(found)
                known.update((id(x), y) for x, y in zip(node.outputs, found, strict=False))
                del args, kwargs, found
            for tensor in over:
                known.pop(tensor, None)
        lacking = [tensor.name for tensor in model.outputs if id(tensor) not in known]
        if lacking:
            raise ValueError(f"Outputs that do not follow from the inputs: {', '.join(lacking)}")
        outputs = [known[id(tensor)] for tensor in model.outputs]
        return keras.tree.pack_sequence_as(model._outputs_struct, outputs)


def _computable(node: Any, known: dict[int, Any]) -> bool:
    return all(id(tensor) in known for tensor in node.input_tensors)
