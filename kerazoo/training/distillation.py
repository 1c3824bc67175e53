"""Learning from a trained network as well as from the labels ("knowledge distillation").

Hinton et al., "Distilling the Knowledge in a Neural Network" (2015), at temperature 1, where the
loss against the teacher's distribution and that against the label add up to one loss against their
mean. So the teacher takes part in the input pipeline, as MixUp does, and the step stays as it is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from kerazoo._errors import invalid
from kerazoo.checkpoints.load import assign
from kerazoo.checkpoints.resolve import resolve
from kerazoo.open import find
from kerazoo.preprocessing import Preprocessing
from kerazoo.registry import create_model, get_entry


@dataclass(frozen=True)
class Teacher:
    """A trained classifier of the same classes.

    Attributes:
        predict: Batches of pictures, as the student takes them, -> shares of the classes.
        weight: Share of these in the labels.
    """

    predict: Callable[[tf.Tensor], tf.Tensor]
    weight: float

    def teach(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Labels as shares of the classes -> these with the teacher's opinion mixed in."""

        def map_batch(pictures, shares):
            opinion = tf.cast(self.predict(pictures), shares.dtype)
            return pictures, shares + self.weight * (opinion - shares)

        # One call at a time keeps the order, and leaves the other cores to the step.
        return batches.map(map_batch).prefetch(1)


def find_teacher(
    name: str, weight: float, pictures: Preprocessing, classes: Sequence[str]
) -> Teacher:
    """The teacher of a recipe, fused for the TensorFlow graph.

    Args:
        name: Anything that `kerazoo finetune` starts from: a registered id, `"hf://user/repo"`, a
            folder as `weights/*`, or that of a run.
        weight: Share of its opinion in the labels.
        pictures: How the student's pictures are prepared, normalisation included.
        classes: Their names.

    Raises:
        ValueError: No such network, one of other classes, or another backend than TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        rule = "left out on this backend: the teacher runs in tf.data (KERAS_BACKEND=tensorflow)"
        raise invalid("distillation.teacher", name, rule)
    from kerazoo.deploy import fuse

    start = find(name)
    shape = (*start.preprocessing.size, 3)
    model = create_model(
        start.model, weights=None, classes=len(classes), input_shape=shape, **start.arguments
    )
    tensors = resolve(start.weights, get_entry(start.model).weights_of).tensors()
    try:
        assign(model, tensors)
    except ValueError as error:
        rule = f"a classifier of the {len(classes)} classes that are learned"
        raise invalid("distillation.teacher", name, f"{rule}: {error}") from error
    network = fuse(model, target="tensorflow")
    translate = _translation(pictures, start.preprocessing)
    return Teacher(lambda x: network(translate(x), training=False), weight)


def _translation(given: Preprocessing, taken: Preprocessing) -> Callable[[tf.Tensor], tf.Tensor]:
    """Pictures as the student takes them -> as the teacher does, in normalisation and size."""
    scale = tf.constant([a / b for a, b in zip(given.std, taken.std, strict=True)])
    shift = tf.constant(
        [(a - b) / c for a, b, c in zip(given.mean, taken.mean, taken.std, strict=True)]
    )

    def translate(x: Any) -> tf.Tensor:
        x = tf.cast(x, "float32") * scale + shift
        if tuple(x.shape[1:3]) != tuple(taken.size):
            x = tf.image.resize(x, taken.size, antialias=True)
        return x

    return translate
