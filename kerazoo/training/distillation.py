"""Learning from a trained network as well as from the targets ("knowledge distillation").

Hinton et al., "Distilling the Knowledge in a Neural Network" (2015), at temperature 1, where the
loss against the teacher's outputs and that against the target add up to one loss against their
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
from kerazoo.checkpoints.weights import Weights
from kerazoo.deploy import fuse
from kerazoo.open import Start, find
from kerazoo.preprocessing import Preprocessing
from kerazoo.registry import create_model, get_entry
from kerazoo.tasks.task import Task


@dataclass(frozen=True)
class Teacher:
    """A trained network of the same task and classes.

    Attributes:
        predict: Batches of pictures, as the student takes them, -> encoded targets.
        weight: Share of these in the targets.
    """

    predict: Callable[[tf.Tensor], tf.Tensor]
    weight: float

    def teach(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Encoded targets -> these with the teacher's opinion mixed in."""

        def map_batch(pictures, targets):
            opinion = tf.cast(self.predict(pictures), targets.dtype)
            return pictures, targets + self.weight * (opinion - targets)

        # One call at a time keeps the order, and leaves the other cores to the step.
        return batches.map(map_batch).prefetch(1)


def find_teacher(name: str) -> tuple[Start, Weights]:
    """The network and the weights that a recipe names as the teacher; nothing is built yet."""
    start = find(name, needed=True)
    return start, resolve(start.weights, get_entry(start.model).weights_of)


def build_teacher(
    start: Start,
    weights: Weights,
    weight: float,
    task: Task,
    pictures: Preprocessing,
    classes: Sequence[str],
) -> Teacher:
    """The teacher of a recipe, fused for the TensorFlow graph.

    Args:
        start, weights: What `find_teacher` found.
        weight: Share of its opinion in the targets.
        task: Of teacher and student.
        pictures: How the student's pictures are prepared, normalisation included.
        classes: Their names.

    Raises:
        ValueError: A task that cannot be taught so, a network of another task or other classes, or
            another backend than TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        rule = "left out on this backend: the teacher runs in tf.data (KERAS_BACKEND=tensorflow)"
        raise invalid("distillation.teacher", start.name, rule)
    if not task.mixes:
        rule = f"left out: targets of {task.name} cannot be mixed with a network's outputs"
        raise invalid("distillation.teacher", start.name, rule)
    shape = (*start.preprocessing.size, 3)
    model = create_model(
        start.model, weights=None, classes=len(classes), input_shape=shape, **start.arguments
    )
    rule = f"a network for {task.name} of the {len(classes)} classes that are learned"
    if model.info.task != task.name:
        raise invalid("distillation.teacher", start.name, rule)
    try:
        assign(model, weights.tensors())
    except ValueError as error:
        raise invalid("distillation.teacher", start.name, f"{rule}: {error}") from error
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
