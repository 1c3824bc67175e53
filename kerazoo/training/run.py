"""Run a recipe: Keras `fit` with callbacks, resumable, ending in weights and a record."""

import importlib.util
import json
import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from kerazoo._checks import check_int, checked
from kerazoo._errors import counted
from kerazoo._files import write_json
from kerazoo.checkpoints.lineage import Origin, origins
from kerazoo.data.source import Source
from kerazoo.evaluation import evaluate
from kerazoo.models import ZooModel
from kerazoo.prediction import open_predictor
from kerazoo.report.curves import can_draw, draw_curves
from kerazoo.tasks.learning import Result
from kerazoo.training import distribution
from kerazoo.training import folder as names
from kerazoo.training.callbacks import save_weights
from kerazoo.training.distillation import build_teacher, find_teacher
from kerazoo.training.figures import collect_answers
from kerazoo.training.fit import Fitting, Session
from kerazoo.training.folder import RunRecord, network_facts, weights_facts
from kerazoo.training.inputs import Inputs, load_inputs, open_inputs, start_weights
from kerazoo.training.network import build_network, made_as
from kerazoo.training.optim.optimizers import add_l2, make_optimizer, use_jit, warn_of_bfloat16
from kerazoo.training.recipe import Recipe
from kerazoo.training.recipe_sections import STEPS
from kerazoo.training.transfer.layers import prepare, scale_rates
from kerazoo.training.transfer.statistics import restore_statistics, settle_statistics
from kerazoo.training.transfer.stored import StoredFit

log = logging.getLogger("kerazoo")


@checked("recipe", "output", "data_dir", "sources", "force", "command")
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
    - `best.weights.h5`: the same of the epoch with the best validation;
    - `result.json`: the task's figure on the whole test split; `log.csv`: one line an epoch;
      `curves.png`;
    - `recipe.json`: the recipe; `run.json`: that and everything else to run it again: command,
      versions, data, classes, preprocessing, start weights and teacher with their sha256, the
      lineage of the start (`kerazoo.checkpoints.lineage`), machine, sessions;
    - `backup/`: the state to go on from, until the run has ended.

    What happens, in this order, and where other modules take part:

    1. `kerazoo.training.distribution.start(recipe.strategy)`, before anything else;
    2. start weights and data are found and checked, and the output folder is compared with them;
       then the pictures that fit are read into memory, and the teacher is made;
    3. in `distribution.scope(recipe.strategy)`: the network is made with its start weights,
       `transfer.layers.prepare(model, recipe.transfer)` freezes, the optimizer is made,
       `transfer.scale_rates` and `distribution.adapt` return the one to compile with; statistics
       of folded batch norms are restored, where `transfer.restores_batch_norm` says so, and
       `run.json` is written;
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
            wanted, `"validation"`, as the readers in `kerazoo.data` make them.
        backup_every: Also back up after every so many steps, not only after every epoch.
        force: Throw away what another recipe left in `output`.
        progress: Whether to show the steps of an epoch on stderr; by default as a bar where that
            is a terminal, and elsewhere as a line every half minute.
        tensorboard: Also write TensorBoard logs under `output/tensorboard`.
        command: What the user typed, for `run.json` and `command.txt`.
        callbacks: Further Keras callbacks, called after ours.

    Returns:
        The contents of `result.json`: the task's figure as `test_<name>` (a share in [0, 1] where
        it is read in percent), `test_pictures`, `steps`, `seconds_of_last_session`,
        `skipped_pictures`: how many of the training and the test split could not be decoded, and
        `figures`: all that the task measures.

    Raises:
        ValueError: Before the first step: a wrong recipe, data, start weights, or an `output`
            that holds another run or that another process trains in.
        ArithmeticError: The loss became NaN or infinite.
        PictureError: A picture cannot be decoded (with `data.on_corrupt = "fail"`).
        ImportError: A missing optional package; the message names the extra.
        KeyboardInterrupt: Ctrl-C, once the present step is done and its state saved; the next call
            goes on from there (`kerazoo.training.interrupts`).
    """
    distribution.start(recipe.strategy)
    check_session(progress, backup_every, tensorboard, callbacks)
    warn_of_bfloat16(recipe)
    run = Run(recipe, output, data_dir, sources=sources, command=command)
    with distribution.chief_holds(Path(output)):
        run.open(force)
        if run.ended:
            log.warning("The run in %s has ended already; its result is returned.", output)
            result = run.record.result
            assert result is not None  # that is what `ended` says
            return result
        run.load()
        run.build()
        run.compile()
        run.begin()
        run.fit(Session(backup_every, progress, tensorboard, run.writer, callbacks))
        return run.finish()


class Run:
    """A recipe on its way to a folder with weights.

    The methods are called in the order in which they stand here; `train` is all of them.

    Args:
        recipe: What to do.
        output: Folder of the run.
        data_dir: Where TFDS finds prepared data.
        sources: Data of your own in place of what the recipe names.
        command: What the user typed.

    Attributes:
        inputs: The data, once they are opened.
        record: The folder.
        ended: Whether the folder has the result of this very run.
        writer: Whether this process writes files.
        model: The network, once it is built; its outputs are those that the loss works on.
    """

    @checked("recipe", "output", "data_dir", "sources", "command")
    def __init__(
        self,
        recipe: Recipe,
        output: str | os.PathLike,
        data_dir: str | os.PathLike | None = None,
        *,
        sources: Mapping[str, Source] | None = None,
        command: str | None = None,
    ) -> None:
        self.recipe, self._output, self._command = recipe, Path(output), command
        self._data_dir, self._sources = data_dir, sources
        self._corrupt: dict[str, str] = {}
        self.inputs: Inputs
        self.record: RunRecord
        self.model: ZooModel
        self.ended, self.writer = False, distribution.is_chief()

    @checked("force")
    def open(self, force: bool = False) -> None:
        """Finds start weights, teacher and data, and compares the folder with them.

        Nothing is built or read into memory yet: what is wrong is told at once.

        Args:
            force: Throw away another run in the folder instead of refusing.

        Raises:
            ValueError: A wrong recipe, data or weights, or a folder that holds something else.
        """
        teacher = self.recipe.distillation.teacher
        self._weights, trunk = start_weights(self.recipe), self.recipe.transfer.trunk
        self._trunk = find_teacher(trunk) if trunk is not None else None
        self._teacher = find_teacher(teacher) if teacher is not None else None
        self.inputs = open_inputs(self.recipe, self._data_dir, self._sources, self._weights)
        self.record = RunRecord(self._output, self.facts(), self._command)
        distribution.chief_does(lambda: self.record.check(force))
        self.ended = self.record.result is not None
        distribution.check_same("output", [self.ended])

    def facts(self) -> dict[str, Any]:
        """What makes a run what it is; a folder holds one run."""
        facts = {
            "recipe": self.recipe.to_dict(),
            "data": self.inputs.describe(),
            "classes": list(self.inputs.classes),
            "preprocessing": self.inputs.preprocessing.to_dict(),
            "weights": weights_facts(self._weights),
            "teacher": _network_facts(self._teacher),
            "trunk": _network_facts(self._trunk),
        }
        facts["lineage"] = [each.to_dict() for each in self._lineage(facts)]
        return json.loads(json.dumps(facts))

    def _lineage(self, facts: Mapping[str, Any]) -> tuple[Origin, ...]:
        """Start weights, trunk, and what they came from."""
        trunk = self._trunk[1] if self._trunk else None
        parts = {"network": ("weights", self._weights), "trunk": ("trunk", trunk)}
        found: list[Origin] = []
        for part, (name, weights) in parts.items():
            if weights is not None:
                found += origins(weights, facts[name].get("sha256"), part)
        return tuple(found)

    def load(self) -> None:
        """Reads into memory what fits, and makes the teacher.

        Raises:
            ValueError: Targets or a teacher that do not fit the classes.
            PictureError: A picture that is kept in memory cannot be decoded.
        """
        self.inputs = inputs = load_inputs(self.recipe, self.inputs)
        if self._teacher is not None:
            weight = self.recipe.distillation.weight
            given = (inputs.task, inputs.pictures, inputs.classes)
            teacher = build_teacher(*self._teacher, weight, *given)
            self.inputs = replace(inputs, teacher=teacher)

    def build(self) -> None:
        """Makes the network with its start weights.

        Raises:
            ValueError, TypeError: A model, argument or weights that do not exist or fit.
        """
        self.model = build_network(self.recipe, self.inputs, self._weights, self._trunk)

    def compile(self) -> None:
        """Freezes layers, and compiles with the recipe's optimizer and the task's loss."""
        recipe, task, model = self.recipe, self.inputs.task, self.model
        with made_as(recipe):
            optimizer = make_optimizer(recipe, self.inputs.steps)
            prepare(model, recipe.transfer)
            optimizer = scale_rates(optimizer, model, recipe.transfer)
            optimizer = distribution.adapt(model, optimizer, recipe.strategy)
            add_l2(model, recipe.optimizer.l2)
            loss, jit = task.loss(recipe, model, self.inputs.train), use_jit(recipe)
            model.compile(optimizer, loss, metrics=task.metrics(), jit_compile=jit)
            model.optimizer.build(model.trainable_variables)
            if not (self.record.output / names.STATE).exists():
                restore_statistics(model, recipe, self.inputs)

    def begin(self) -> None:
        """Writes everything that is known before the first step."""
        if self.writer:
            self.record.begin()
            self.record.note(model=network_facts(self.model, self.inputs.task))

    def fit(self, session: Session) -> None:
        """Goes on from the backup to the last epoch, or fits the head to stored features."""
        given = (self.model, self.recipe, self.inputs, self.record)
        stored = self.recipe.transfer.head != STEPS
        fitting = StoredFit(*given, session.writer) if stored else Fitting(*given, session)
        self._corrupt = fitting.run()
        if self.writer and self._corrupt:
            self.record.note(skipped_pictures=self._corrupt)

    def finish(self) -> dict[str, Any]:
        """Measures on the test split, and leaves weights, curves and `result.json`.

        Returns:
            The contents of `result.json`.
        """
        recipe, inputs, model = self.recipe, self.inputs, self.model
        optimizer = getattr(model, "optimizer", None)
        if optimizer is not None:
            # With EMA the average counts. `fit` left it there, unless the run was killed after it.
            optimizer.finalize_variable_values(model.trainable_variables)
        if recipe.strategy == "data_parallel":
            model = distribution.local_copy(model)
        if optimizer is not None and recipe.optimizer.ema:
            settle_statistics(model, recipe, inputs)
        pictures = {"batch_size": recipe.batch_size, "on_corrupt": recipe.data.on_corrupt}
        predictor = open_predictor(model)  # one graph for both
        if inputs.task.ships_thresholds:
            answers = collect_answers(predictor, inputs.validation, **pictures)
            confidence = inputs.task.calibrate(model, answers)
            model.info = replace(model.info, confidence=confidence)
        found = evaluate(predictor, inputs.test, **pictures)
        monitor = inputs.task.monitor
        result = {
            f"test_{monitor.name}": round(found.headline, 6),
            "test_pictures": found.count,
            "steps": int(keras.ops.convert_to_numpy(optimizer.iterations)) if optimizer else 0,
            "seconds_of_last_session": round(self.record.seconds),
            "skipped_pictures": len(self._corrupt) + inputs.test.count - found.count,
            "figures": {k: v for k, v in found.to_dict().items() if k not in ("count", "seconds")},
        }
        if self.writer:
            if (known := model.info.confidence) is not None:
                self.record.note(confidence=known.to_dict())
            self._write(model, result, found)
        value = monitor.shown(found.headline)
        pictures_of = counted(found.count, "picture")
        log.info("test %s %s on %s: %s", monitor.name, value, pictures_of, found)
        return result

    def _write(self, model: ZooModel, result: Mapping[str, Any], found: Result) -> None:
        output = self.record.output
        save_weights(model, output / names.WEIGHTS)
        if (output / names.LOG).exists():
            draw_curves(output / names.LOG, output / names.CURVES, self.inputs.task.monitor)
        if can_draw():
            found.draw(output)
        self.record.note()
        write_json(output / names.RESULT, result)
        shutil.rmtree(output / names.BACKUP, ignore_errors=True)


@checked("progress", "tensorboard", "callbacks")
def check_session(
    progress: bool | None = None,
    backup_every: int | None = None,
    tensorboard: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> None:
    """Complains of what `train` cannot take, before there is a folder."""
    check_int("backup_every", backup_every, optional=True)
    if tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise ImportError('TensorBoard logs need: pip install "kerazoo[tensorboard]"')


def _network_facts(found: tuple[Any, Any] | None) -> dict[str, Any] | None:
    """Of a network that was found beside the start weights."""
    return None if found is None else {"model": found[0].model, **weights_facts(found[1])}
