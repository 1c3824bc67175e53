"""The output of segmentation networks: logits for every pixel."""

from typing import Any

import keras

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
