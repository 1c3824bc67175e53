"""A short training of a tf_keras classifier that ends in logits."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerazoo._checks import check_int, check_number, checked
from kerazoo._errors import invalid
from kerazoo.optimize._tfmot import legacy

_log = logging.getLogger("kerazoo")


@checked("callbacks", "verbose")
def fine_tune(
    model: Any,
    batches: Any,
    steps: int,
    *,
    learning_rate: float = 1e-4,
    callbacks: Sequence[Any] = (),
    verbose: int = 0,
) -> dict[str, float]:
    """Train `model` in place with Adam, the rate falling to zero in a half cosine.

    Args:
        model: A tf_keras model that gives logits `(batch, classes)`.
        batches: A `tf.data.Dataset` of pictures `(batch, height, width, channels)` and shares of
            the classes `(batch, classes)`; started again where it ends before the last step.
        steps: Of the optimizer; 0 does nothing.
        learning_rate: At the start.
        callbacks: Of tf_keras, such as TF-MOT's `UpdatePruningStep()`.
        verbose: Of `fit`: 1 shows its own bar.

    Returns:
        `loss` and `accuracy` of the training batches, averaged over all steps; `{}` for 0 steps.

    Raises:
        ValueError: A wrong argument.
        ArithmeticError: The loss is not finite.
    """
    check_training(steps, learning_rate)
    if not hasattr(model, "compile") or not hasattr(model, "fit"):
        raise invalid("model", model, "a tf_keras model")
    if not hasattr(batches, "repeat"):
        raise invalid("batches", batches, "a tf.data.Dataset")
    if not steps:
        return {}
    keras2 = legacy().keras
    rate = keras2.optimizers.schedules.CosineDecay(learning_rate, steps)
    model.compile(
        keras2.optimizers.Adam(rate),
        keras2.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,  # XLA is slow on a CPU
    )
    history = model.fit(
        batches.repeat(), steps_per_epoch=steps, verbose=verbose, callbacks=list(callbacks)
    )
    found = {name: float(values[-1]) for name, values in history.history.items()}
    if not np.isfinite(found["loss"]):
        raise ArithmeticError(
            f"The loss is {found['loss']} after {steps} steps: try a `learning_rate` below "
            f"{learning_rate}."
        )
    _log.info("fine-tuned %s: %s", model.name, found)
    return found


def check_training(steps: Any, learning_rate: Any) -> None:
    """Raises ValueError for what `fine_tune` cannot take."""
    check_int("steps", steps, 0)
    check_number("learning_rate", learning_rate, above=0)
