"""Run a recipe: Keras `fit` with callbacks, resumable, ending in weights and a record."""

import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerazoo.data.sources import Source
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
    output: str | os.PathLike,
    data_dir: str | os.PathLike | None = None,
    *,
    sources: Mapping[str, Source] | None = None,
    backup_every: int | None = None,
    force: bool = False,
    progress: bool | None = None,
    tensorboard: bool = False,
    command: str | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, Any]:
    """Train as `recipe` says and leave everything under `output`.

    A run that was killed goes on at the last finished epoch (or the last backup within one, see
    `backup_every`) when it is called again with the same recipe and `output`; its weights at the
    end are those of a run that was not killed, to float tolerance.

    Left under `output`:

    - `model.weights.h5`: the final weights (with EMA: the average), for
      `create_model(weights=...)`; `load_trained(output)` makes the network of them, with class
      names and preprocessing;
    - `best.weights.h5`: the same of the epoch with the highest validation accuracy;
    - `result.json`: accuracy on the whole test split; `log.csv`: one line an epoch; `curves.png`;
    - `recipe.json`: the recipe; `run.json`: that and everything else to run it again: command,
      versions, data, classes, preprocessing, start weights and their sha256, machine, sessions;
    - `backup/`: the state to go on from, until the run has ended.

    What happens, in this order, and where other modules take part:

    1. `kerazoo.training.distribution.start(recipe.strategy)`, unless that is `"none"`, before
       anything else;
    2. data are opened and checked, the output folder is checked, `run.json` is written;
    3. in `distribution.scope(recipe.strategy)`: the network is made with its start weights,
       `kerazoo.training.transfer.prepare(model, recipe.transfer)` freezes, the optimizer is made,
       `transfer.scale_rates(optimizer, model, recipe.transfer)` returns the one to compile with
       (both are called where `recipe.transfer.active`);
    4. the backup is restored, and Keras' `fit` runs on `distribution.batches(dataset, strategy)`;
       only where `distribution.is_chief()` are files written;
    5. the test split is measured, and `model.weights.h5` and `result.json` are written.

    Args:
        recipe: What to do, as `load_recipe` gives it.
        output: Folder of the run; made if needed.
        data_dir: Where TFDS finds prepared data, for recipes that name a TFDS set.
        sources: Data of your own in place of what the recipe names: `"train"`, `"test"` and, if
            wanted, `"validation"`, as `kerazoo.data.files` makes them.
        backup_every: Also back up after every so many steps, not only after every epoch.
        force: Throw away what another recipe left in `output`.
        progress: A bar for the steps of an epoch; by default where stdout is a terminal,
            otherwise one line an epoch.
        tensorboard: Also write TensorBoard logs under `output/tensorboard`.
        command: What the user typed, for `run.json` and `command.txt`.
        callbacks: Further Keras callbacks, called after ours.

    Returns:
        The contents of `result.json`: `test_accuracy` in [0, 1], `test_pictures`, `steps`,
        `seconds_of_last_session`.

    Raises:
        ValueError: Before the first step: a wrong recipe, data, start weights, or an `output`
            that holds another run.
        ArithmeticError: The loss became NaN or infinite.
        PictureError: A picture cannot be decoded (with `data.on_corrupt = "fail"`).
        ImportError: A missing optional package; the message names the extra.
    """
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(recipe.seed)
    (output / "recipe.json").write_text(json.dumps(recipe.to_dict(), indent=1) + "\n")
    pictures, labels = cifar.load(recipe.data.name, recipe.data.train, data_dir)
    test = cifar.load(recipe.data.name, recipe.data.test, data_dir)
    model = _build(recipe, pictures.shape[1:], int(labels.max()) + 1, recipe.weights)
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
        schedule,
        0.9 if settings.momentum is None else settings.momentum,
        nesterov=True,
        weight_decay=settings.weight_decay or None,
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
