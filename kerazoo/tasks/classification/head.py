"""The classifier on top of a network: pooling, dropout, one score a class."""

from typing import Any

import keras
import numpy as np

from kerazoo._errors import invalid
from kerazoo._keras_graph import maker
from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import output_dtype
from kerazoo.confidence import Confidence
from kerazoo.tasks.classification.confidence import measure_confidence


def head(trunk: Trunk, arguments: Any):
    """Scores `(batch, classes)`; what the network has after pooling (`trunk.head`) is between.

    Args:
        trunk: With its last map.
        arguments: `classes`, `dropout_rate` and `classifier_activation` of the constructor.
    """
    x = keras.layers.GlobalAveragePooling2D(name="avg_pool")(trunk.x)
    if trunk.head:
        x = trunk.head(x)
    if arguments.dropout_rate:
        x = keras.layers.Dropout(arguments.dropout_rate, name="dropout")(x)
    return keras.layers.Dense(
        arguments.classes,
        activation=arguments.classifier_activation,
        dtype=output_dtype(),
        name="predictions",
    )(x)


def check(model: Any, source: Any = None) -> None:
    """See `Task.check`."""
    if not getattr(model, "inputs", None):
        raise invalid("model", model.name, "functional, or sequential and built")
    shapes = [tuple(x.shape) for x in (*model.inputs, *model.outputs)]
    ranks = [len(shape) for shape in shapes]
    if source is None:
        if ranks != [4, 2] or shapes[1][1] is None:
            rule = "a classifier: one input (batch, height, width, channels), one output (batch, n)"
            raise invalid("model", shapes, rule)
        return
    if ranks != [4, 2] or shapes[1][1] != len(source.classes):
        rule = f"a classifier of the {len(source.classes)} classes of {source.name!r}"
        raise invalid("model", f"{model.name} with output shape {model.output_shape}", rule)
    if shapes[0][-1] != 3:
        raise invalid("model", f"{model.name} for {shapes[0][-1]} channels", "for RGB")


def calibrate(model: Any, answers: Any) -> Confidence:
    """Puts the temperature into the weights of the last layer; see `Task.calibrate`.

    Args:
        model: A classifier whose last layer is dense, with a softmax or without.
        answers: An `Answers` of it, on pictures that it has not learned from.
    """
    logits = np.log(np.maximum(answers.scores, np.finfo("float32").tiny))
    found = measure_confidence(logits, answers.labels)
    layer: Any = maker(model.outputs[0])
    layer.set_weights([each / found.temperature for each in layer.get_weights()])
    return found
