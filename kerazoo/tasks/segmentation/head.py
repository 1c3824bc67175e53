"""The output of segmentation networks: logits for every pixel."""

from typing import Any

import keras

from kerazoo._errors import invalid
from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import output_dtype


def head(trunk: Trunk, arguments: Any):
    """Logits `(batch, height, width, classes)`, by the decoder that the network has (`trunk.head`);
    of a network with an auxiliary head a dict of both.

    Args:
        trunk: With its maps.
        arguments: `classes`, `dropout_rate` and `classifier_activation` of the constructor; an
            activation makes of the logits what it does.
    """
    assert trunk.head is not None  # every network of this task has a decoder
    x = trunk.head(
        classes=arguments.classes, dropout_rate=arguments.dropout_rate, dtype=output_dtype()
    )
    activation = arguments.classifier_activation
    if activation in (None, "linear"):
        return x
    if isinstance(x, dict):
        return {key: _activated(y, activation, f"{key}_activation") for key, y in x.items()}
    return _activated(x, activation, "predictions_activation")


def _activated(x, activation: Any, name: str):
    return keras.layers.Activation(activation, dtype=output_dtype(), name=name)(x)


def logits_of(model: Any) -> Any:
    """The output tensor with the classes; an auxiliary one is beside it where there is a dict."""
    outputs = model.output
    return outputs["logits"] if isinstance(outputs, dict) and "logits" in outputs else outputs


def check(model: Any, source: Any = None) -> None:
    """See `Task.check`."""
    if not getattr(model, "inputs", None):
        raise invalid("model", model.name, "functional, or sequential and built")
    output = logits_of(model)
    shapes = [tuple(x.shape) for x in (*model.inputs, *keras.tree.flatten(output))]
    wanted = None if source is None else len(source.classes)
    fits = [len(shape) for shape in shapes] == [4, 4] and (shapes[1][-1] or 0) > 1
    if not fits or wanted not in (None, shapes[1][-1]):
        rule = "a segmenter: one input and one output (batch, height, width, n), n from 2"
        if source is not None:
            rule = f"a segmenter of the {wanted} classes of {source.name!r}"
        raise invalid("model", f"{model.name} with shapes {shapes}", rule)
    if source is not None and shapes[0][-1] != 3:
        raise invalid("model", f"{model.name} for {shapes[0][-1]} channels", "for RGB")
