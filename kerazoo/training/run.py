"""Run a recipe: Keras `fit` with callbacks, resumable, ending in weights and a record."""

import json
import logging
import os
import time
from pathlib import Path

import keras
import numpy as np

from kerazoo.preprocessing import Preprocessing
from kerazoo.training import cifar
from kerazoo.training.recipe import Recipe

log = logging.getLogger("kerazoo")

# The usual constants of CIFAR-10 (mean and standard deviation of the training pixels), and
# TensorFlow's way to decode and round, which is how TFDS reads the pictures for training.
CIFAR = Preprocessing(
    size=(32, 32),
    crop_fraction=1.0,
    interpolation="bilinear",
    rounding="round",
    mean=(0.4914, 0.4822, 0.4465),
    std=(0.247, 0.2435, 0.2616),
)


def train(
    recipe: Recipe,
    output: str | Path,
    data_dir: str | None = None,
    start: str | Path | None = None,
) -> dict:
    """Train as `recipe` says and leave everything under `output`.

    A run that was killed goes on at the last finished epoch when it is called again with the same
    `output`. Left there: `recipe.json`, `log.csv` (one line an epoch), `model.weights.h5` and
    `result.json` with the accuracy on the whole test split.

    Args:
        recipe: What to do.
        output: Folder of the run; made if needed.
        data_dir: Where TFDS finds the prepared data.
        start: Weights to start from, such as `model.weights.h5` of a run before; default: random.

    Returns:
        The contents of `result.json`.
    """
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(recipe.seed)
    (output / "recipe.json").write_text(json.dumps(recipe.to_dict(), indent=1) + "\n")
    pictures, labels = cifar.load(recipe.data.name, recipe.data.train, data_dir)
    test = cifar.load(recipe.data.name, recipe.data.test, data_dir)
    model = _build(recipe, pictures.shape[1:], int(labels.max()) + 1, start)
    steps = len(pictures) // recipe.batch_size
    _compile(model, recipe, steps)
    make = {"preprocessing": CIFAR, "batch_size": recipe.batch_size, "seed": recipe.seed}
    started = time.time()
    model.fit(
        cifar.batches(pictures, labels, train=True, **make),
        validation_data=cifar.batches(*test, train=False, **make),
        epochs=recipe.epochs,
        callbacks=_callbacks(output),
        verbose=2,
    )
    return finish(model, recipe, output, test, time.time() - started)


def _build(recipe: Recipe, shape, classes: int, start):
    from kerazoo.registry import create_model

    return create_model(
        recipe.model,
        weights=start and str(start),
        input_shape=tuple(shape),
        classes=classes,
        # The loss works on logits; the weights are those of the softmax model.
        classifier_activation=None,
        **recipe.arguments,
    )


def _compile(model, recipe: Recipe, steps: int) -> None:
    settings = recipe.optimizer
    warmup = int(settings.warmup_epochs * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        warmup_target=settings.learning_rate,
        warmup_steps=warmup,
        decay_steps=recipe.epochs * steps - warmup,
    )
    optimizer = keras.optimizers.SGD(
        schedule, settings.momentum, nesterov=True, weight_decay=settings.weight_decay or None
    )
    # Shrinking batch-norm scales and biases only changes the effective rate.
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    model.compile(
        optimizer,
        _loss(settings.label_smoothing),
        metrics=["accuracy"],
        jit_compile=False,  # XLA on CPU is several times slower than the graph
    )


def _loss(smoothing: float):
    smooth = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)

    def loss(labels, logits):
        labels = keras.ops.reshape(keras.ops.cast(labels, "int32"), (-1,))
        return smooth(keras.ops.one_hot(labels, logits.shape[-1]), logits)

    return loss


def _callbacks(output: Path) -> list:
    return [
        keras.callbacks.BackupAndRestore(output / "backup"),
        keras.callbacks.CSVLogger(output / "log.csv", append=(output / "backup").exists()),
        keras.callbacks.TerminateOnNaN(),
    ]


def finish(model, recipe: Recipe, output: Path, test, seconds: float) -> dict:
    """Measure on the test split and leave weights and `result.json` under `output`."""
    labels = test[1]
    batches = cifar.batches(*test, CIFAR, recipe.batch_size, train=False, seed=0)
    predicted = np.argmax(model.predict(batches, verbose=0), -1)
    result = {
        "test_accuracy": float(np.mean(predicted == labels)),
        "test_pictures": len(labels),
        "steps": int(model.optimizer.iterations) if getattr(model, "optimizer", None) else 0,
        "seconds_of_last_session": round(seconds),
    }
    partial = output / ".model.weights.h5"
    model.save_weights(partial)
    os.replace(partial, output / "model.weights.h5")
    (output / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    log.info("test accuracy %.4f on %d pictures", result["test_accuracy"], len(labels))
    return result
