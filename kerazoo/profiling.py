"""Parameters and multiply-adds of a model, layer by layer."""

import math
from dataclasses import dataclass, field

from kerazoo._errors import invalid
from kerazoo._layer_facts import multiply_adds
from kerazoo._rules import is_int


@dataclass(frozen=True)
class LayerProfile:
    """One layer: its trainable parameters, multiply-adds and output shape (batch 1)."""

    name: str
    kind: str
    params: int
    macs: int
    output_shape: tuple


@dataclass(frozen=True)
class Profile:
    """What `profile` returns; `str()` of it is a table.

    Attributes:
        params: Trainable parameters (batch-norm statistics are not counted, as in papers).
        macs: Multiply-adds of convolutions and dense layers for one picture; biases,
            normalisation, activations, pooling and the product of squeeze-and-excite are left out.
        input_shape: The picture that `macs` is for.
        layers: Every layer that has parameters or multiply-adds.
    """

    params: int
    macs: int
    input_shape: tuple
    layers: tuple[LayerProfile, ...] = field(repr=False)

    def __str__(self) -> str:
        rows = [(p.name, p.kind, f"{p.params:,}", f"{p.macs:,}") for p in self.layers]
        rows = [("layer", "kind", "parameters", "multiply-adds"), *rows]
        rows.append(("total", "", f"{self.params:,}", f"{self.macs:,}"))
        width = [max(len(row[i]) for row in rows) for i in range(4)]
        return "\n".join(
            f"{a:<{width[0]}}  {b:<{width[1]}}  {c:>{width[2]}}  {d:>{width[3]}}"
            for a, b, c, d in rows
        )


def profile(model, input_shape: tuple[int, int, int] | None = None) -> Profile:
    """Count the parameters and multiply-adds of a functional model.

    Args:
        model: A built functional model.
        input_shape: `(height, width, channels)`; needed where the model's own is not fixed.

    Raises:
        ValueError: if the input shape has unknown sizes.
    """
    fixed = tuple(model.inputs[0].shape[1:])
    given = fixed if input_shape is None else input_shape
    shape = tuple(given) if isinstance(given, list | tuple) else ()
    if len(shape) != 3 or not all(is_int(n) and n > 0 for n in shape):
        raise invalid(
            "input_shape", input_shape, f"(height, width, channels); the model has {fixed}"
        )
    shapes = _output_shapes(model, (1, *shape))
    rows = []
    for layer in model.layers:
        params = sum(math.prod(v.shape) for v in layer.trainable_variables)
        macs = sum(multiply_adds(layer, s) for s in shapes.get(layer.name, ()))
        if params or macs:
            last = shapes.get(layer.name, ((),))[-1]
            rows.append(LayerProfile(layer.name, type(layer).__name__, params, macs, last))
    return Profile(sum(r.params for r in rows), sum(r.macs for r in rows), shape, tuple(rows))


def _output_shapes(model, input_shape) -> dict[str, list[tuple]]:
    """Layer name -> output shape of each of its calls, for pictures of `input_shape`."""
    if tuple(model.inputs[0].shape[1:]) == input_shape[1:]:
        from kerazoo._keras_graph import calls

        shapes: dict[str, list[tuple]] = {}
        for call in calls(model):
            output = call.outputs[0]
            shapes.setdefault(call.operation.name, []).append((1, *output.shape[1:]))
        return shapes
    return _traced_shapes(model, input_shape)


def _traced_shapes(model, input_shape) -> dict[str, list[tuple]]:
    """The same for another input size: shape inference through the graph, nothing computed."""
    import keras

    from kerazoo._keras_graph import replay

    shapes: dict[str, list[tuple]] = {}

    def watch(operation):
        def infer(*args, **kwargs):
            output = operation.compute_output_spec(*args, **kwargs)
            first = output[0] if isinstance(output, list | tuple) else output
            shapes.setdefault(operation.name, []).append(tuple(first.shape))
            return output

        return infer

    tensor = keras.KerasTensor(input_shape, dtype=model.inputs[0].dtype)
    replay(model, [tensor], watch)
    return shapes
