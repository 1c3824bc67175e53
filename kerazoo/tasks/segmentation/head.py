"""The output of segmentation networks: logits for every pixel."""

from typing import Any

import keras

from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import output_dtype


def head(trunk: Trunk, arguments: Any):
    """Logits `(batch, height, width, classes)`, by the decoder that the network has (`trunk.head`).

    Args:
        trunk: With its maps.
        arguments: `classes`, `dropout_rate` and `classifier_activation` of the constructor; an
            activation makes of the logits what it does.
    """
    assert trunk.head is not None  # every network of this task has a decoder
    x = trunk.head(
        classes=arguments.classes, dropout_rate=arguments.dropout_rate, dtype=output_dtype()
    )
    if arguments.classifier_activation in (None, "linear"):
        return x
    return keras.layers.Activation(
        arguments.classifier_activation, dtype=output_dtype(), name="predictions_activation"
    )(x)
