"""Run a recipe: Keras `fit` with callbacks, resumable, ending in weights and a record."""

import contextlib
import importlib.util
import json
import logging
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerazoo._errors import invalid
from kerazoo._files import write_json
from kerazoo.checkpoints.load import assign
from kerazoo.checkpoints.read.tensors import read_tensors
from kerazoo.checkpoints.run_record import read_run
from kerazoo.data.source import Source
from kerazoo.evaluation import evaluate
from kerazoo.models import ZooModel
from kerazoo.preprocessing import Preprocessing
from kerazoo.registry import create_model
from kerazoo.report.curves import draw_curves
from kerazoo.training import distribution
from kerazoo.training import folder as names
from kerazoo.training.callbacks import save_weights
from kerazoo.training.fit import Session, fit
from kerazoo.training.folder import RunRecord, teacher_facts, weights_facts
from kerazoo.training.inputs import CIFAR, Inputs, open_inputs
from kerazoo.training.optim.optimizers import (
    add_l2,
    make_loss,
    make_optimizer,
    use_jit,
    warn_of_bfloat16,
)
from kerazoo.training.recipe import Recipe, load_recipe
from kerazoo.training.transfer.layers import prepare, scale_rates
from kerazoo.training.transfer.statistics import restore_statistics, settle_statistics

log = logging.getLogger("kerazoo")


# Arguments of the constructor that a run decides itself.
_DECIDED = ("weights", "classes", "input_shape", "classifier_activation", "include_top")


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
      versions, data, classes, preprocessing, start weights and teacher with their sha256, machine,
      sessions;
    - `backup/`: the state to go on from, until the run has ended.

    What happens, in this order, and where other modules take part:

    1. `kerazoo.training.distribution.start(recipe.strategy)`, before anything else;
    2. data are opened and checked, the output folder is checked, `run.json` is written;
    3. in `distribution.scope(recipe.strategy)`: the network is made with its start weights,
       `transfer.layers.prepare(model, recipe.transfer)` freezes, the optimizer is made,
       `transfer.scale_rates` and `distribution.adapt` return the one to compile with; statistics
       of folded batch norms are restored, where `transfer.restores_batch_norm` says so;
    4. the backup is restored, and Keras' `fit` runs on `distribution.batches(dataset, strategy)`;
       only where `distribution.is_chief()` are files written;
    5. with EMA, batch norms get the averaged weights' statistics (`settle_batch_norm`), which are
       not those that were watched in training; then every process measures the test split, and
       the chief writes `model.weights.h5`, `result.json`.

    Args:
        recipe: What to do, as `load_recipe` gives it.
        output: Folder of the run; made if needed.
        data_dir: Where TFDS finds prepared data, for recipes that name a TFDS set.
        sources: Data of your own in place of what the recipe names: `"train"`, `"test"` and, if
            wanted, `"validation"`, as `kerazoo.data.folder` makes them.
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
    distribution.start(recipe.strategy)
    _check(backup_every, tensorboard)
    warn_of_bfloat16(recipe)
    inputs = open_inputs(recipe, data_dir, sources)
    record = RunRecord(Path(output), run_facts(recipe, inputs), command)
    distribution.chief_does(lambda: record.check(force))
    ended = record.result is not None
    distribution.check_same("output", [ended])
    if ended:
        log.warning("The run in %s has ended already; its result is returned.", output)
        return record.result
    with scope(recipe):
        keras.utils.set_random_seed(recipe.seed)
        model = build(recipe, inputs)
        compile_model(model, recipe, inputs.steps)
        if not (record.output / names.STATE).exists():
            restore_statistics(model, recipe, inputs)
    writer = distribution.is_chief()
    if writer:
        record.begin()
        record.note(model=network_facts(model))
    bar = sys.stderr.isatty() if progress is None else progress
    session = Session(backup_every, bar, tensorboard, writer, callbacks)
    corrupt = fit(model, recipe, inputs, record, session)
    if writer and corrupt:
        record.note(skipped_pictures=corrupt)
    return finish(model, recipe, inputs, record, writer)


def _check(backup_every: int | None, tensorboard: bool) -> None:
    if backup_every is not None and (not isinstance(backup_every, int) or backup_every < 1):
        raise invalid("backup_every", backup_every, "None or a positive number of steps")
    if tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise ImportError('TensorBoard logs need: pip install "kerazoo[tensorboard]"')


@contextlib.contextmanager
def scope(recipe: Recipe) -> Iterator[None]:
    """Within it, layers are made with the recipe's dtype policy and on its devices."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.dtype)
    try:
        with distribution.scope(recipe.strategy):
            yield
    finally:
        keras.config.set_dtype_policy(before)


def run_facts(recipe: Recipe, inputs: Inputs) -> dict[str, Any]:
    """What makes a run what it is; a folder holds one run."""
    facts = {
        "recipe": recipe.to_dict(),
        "data": inputs.describe(),
        "classes": list(inputs.classes),
        "preprocessing": inputs.preprocessing.to_dict(),
        "weights": weights_facts(recipe.model, recipe.weights),
        "teacher": teacher_facts(recipe),
    }
    return json.loads(json.dumps(facts))


def network_facts(model: ZooModel) -> dict[str, Any]:
    """What rebuilds the network: start weights bring conventions that no recipe mentions."""
    arguments = model.info.arguments | {"classifier_activation": "softmax"}
    return {
        "architecture": model.info.architecture,
        "arguments": arguments,
        "parameters": model.count_params(),
        "trainable_parameters": sum(int(np.prod(v.shape)) for v in model.trainable_variables),
    }


def build(recipe: Recipe, inputs: Inputs) -> ZooModel:
    """The network of a recipe with its start weights; its outputs are logits.

    Raises:
        ValueError, TypeError: A model, argument or weights that do not exist or fit.
    """
    for name in _DECIDED:
        if name in recipe.arguments:
            rule = "left out: the run decides it (start weights are the recipe's `weights`)"
            raise invalid(f"arguments.{name}", recipe.arguments[name], rule)
    size = (None, None) if recipe.resolution else inputs.preprocessing.size
    model = create_model(
        recipe.model,
        weights=recipe.weights,
        input_shape=(*size, 3),
        classes=len(inputs.classes),
        # The loss works on logits; the weights are those of the softmax model.
        classifier_activation=None,
        **recipe.arguments,
    )
    model.info = replace(
        model.info, preprocessing=inputs.preprocessing, labels=tuple(inputs.classes)
    )
    return model


def compile_model(model: ZooModel, recipe: Recipe, steps: int) -> None:
    """Freezes, and compiles with the recipe's optimizer.

    Args:
        model: As `build` made it.
        recipe: What to do.
        steps: Batches in an epoch.
    """
    optimizer = make_optimizer(recipe, steps)
    prepare(model, recipe.transfer)
    optimizer = scale_rates(optimizer, model, recipe.transfer)
    optimizer = distribution.adapt(model, optimizer, recipe.strategy)
    add_l2(model, recipe.optimizer.l2)
    model.compile(
        optimizer,
        make_loss(recipe),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=use_jit(recipe),
    )
    model.optimizer.build(model.trainable_variables)


def finish(
    model: ZooModel, recipe: Recipe, inputs: Inputs, record: RunRecord, writer: bool = True
) -> dict[str, Any]:
    """Measures on the test split, and leaves weights, curves and `result.json`.

    Args:
        model: As it is after the last epoch.
        recipe, inputs, record: Of the run.
        writer: Whether this process writes files.

    Returns:
        The contents of `result.json`.
    """
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None:
        # With EMA the average counts. `fit` has put it there, unless the run was killed after it.
        optimizer.finalize_variable_values(model.trainable_variables)
    if recipe.strategy == "data_parallel":
        model = distribution.local_copy(model)
    if optimizer is not None and recipe.optimizer.ema:
        settle_statistics(model, recipe, inputs)
    found = evaluate(
        model, inputs.test, batch_size=recipe.batch_size, on_corrupt=recipe.data.on_corrupt
    )
    result = {
        "test_accuracy": round(found.top1 / 100, 6),
        "test_pictures": found.count,
        "steps": int(keras.ops.convert_to_numpy(optimizer.iterations)) if optimizer else 0,
        "seconds_of_last_session": round(record.seconds),
    }
    if writer:
        output = record.output
        save_weights(model, output / names.WEIGHTS)
        if (output / names.LOG).exists():
            draw_curves(output / names.LOG, output / names.CURVES)
        record.note()
        write_json(output / names.RESULT, result)
        shutil.rmtree(output / names.BACKUP, ignore_errors=True)
    log.info("test accuracy %.4f on %d pictures", result["test_accuracy"], found.count)
    return result


def load_trained(output: str | os.PathLike, best: bool = False) -> ZooModel:
    """The network that a run left, with softmax outputs, class names and preprocessing.

    Args:
        output: Folder of the run.
        best: Of the epoch with the highest validation accuracy, in place of the last.

    Raises:
        FileNotFoundError: There are no such weights in the folder.
    """
    output = Path(output)
    path = output / (names.BEST if best else names.WEIGHTS)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file `{path}`. Received: `output={str(output)!r}`")
    run = read_run(output)
    if run is None:  # of the trainer before 0.2, which knew CIFAR alone
        recipe = load_recipe(json.loads((output / names.RECIPE).read_text(encoding="utf-8")))
        facts = {"architecture": recipe.model, "arguments": {"classes": 10, **recipe.arguments}}
        run = {"model": facts, "classes": None, "preprocessing": CIFAR.to_dict()}
    preprocessing = Preprocessing.from_dict(run["preprocessing"])
    facts = run["model"]["arguments"] | {"input_shape": (*preprocessing.size, 3)}
    model = create_model(run["model"]["architecture"], weights=None, **facts)
    assign(model, read_tensors(path), str(path))
    labels = tuple(run["classes"]) if run["classes"] else None
    model.info = replace(
        model.info, preprocessing=preprocessing, labels=labels, checkpoint=str(path)
    )
    return model
