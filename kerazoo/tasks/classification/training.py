"""Learning classes: targets as shares of the classes, cross-entropy, accuracy."""

from collections.abc import Sequence
from typing import Any

import keras


def encode(targets: Any, classes: Sequence[str]) -> Any:
    """Class indices `(batch,)` -> float32 shares of the classes `(batch, classes)`.

    Not indices, for the shares can be mixed: by MixUp, CutMix, a teacher.
    """
    import tensorflow as tf

    return tf.one_hot(targets, len(classes))


def loss(recipe: Any) -> keras.losses.Loss:
    """Cross-entropy of logits and shares of the classes, with label smoothing."""
    return keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=recipe.optimizer.label_smoothing
    )


def metrics() -> list[keras.metrics.Metric]:
    """Share of the pictures whose best score is that of the greatest share."""
    return [keras.metrics.CategoricalAccuracy(name="accuracy")]
