"""The calls of Keras' `fit` that make up a run, from wherever it stands."""

import logging
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from kerazoo.training import callbacks as ours
from kerazoo.training import distribution
from kerazoo.training import folder as names
from kerazoo.training.folder import RunRecord
from kerazoo.training.inputs import Inputs, fit_batches, validation_batches
from kerazoo.training.interrupts import StopWhenAsked, asked_to_stop
from kerazoo.training.measure import Measure, measured_apart
from kerazoo.training.optim.optimizers import recipe_schedule
from kerazoo.training.recipe import Recipe
from kerazoo.training.reports import Expect, Report, phase_of
from kerazoo.training.state import Position, load_state, read_position

log = logging.getLogger("kerazoo")


@dataclass(frozen=True)
class Session:
    """How this process takes part in a run; nothing of it changes the weights.

    Attributes:
        every: Steps between backups; None for after epochs alone.
        bar: Whether to show the steps of an epoch; None for a bar on a terminal, lines elsewhere.
        tensorboard: Whether to write TensorBoard logs.
        writer: Whether it is this process that writes files.
        further: Callbacks of the user.
    """

    every: int | None = None
    bar: bool | None = False
    tensorboard: bool = False
    writer: bool = True
    further: Sequence[keras.callbacks.Callback] = ()


@dataclass(frozen=True)
class Leg:
    """One call of `fit`: epochs `first` to `last`, the first of them from `step` on."""

    first: int
    last: int
    step: int
    size: int | None


def legs(recipe: Recipe, position: Position) -> list[Leg]:
    """What is left to do: a leg for every size of pictures, and one for a broken epoch."""
    if recipe.patience is not None and position.waited >= recipe.patience and not position.step:
        return []
    found, epoch, step = [], position.epoch, position.step
    for end, size in recipe.stages():
        if step and epoch < end:
            found.append(Leg(epoch, epoch + 1, step, size))
            epoch, step = epoch + 1, 0
        if epoch < end:
            found.append(Leg(epoch, end, 0, size))
            epoch = end
    return found


@dataclass
class Fitting:
    """The legs of a run, one after the other.

    Args:
        model: Compiled.
        recipe: What to do.
        inputs: The data.
        record: The folder.
        session: How this process takes part.
    """

    model: Any
    recipe: Recipe
    inputs: Inputs
    record: RunRecord
    session: Session
    _watch: ours.Watch = field(init=False)

    def run(self) -> dict[str, str]:
        """Goes on from the backup to the last epoch.

        Returns:
            Name -> reason of the pictures that could not be decoded.

        Raises:
            FloatingPointError: The loss became NaN or infinite.
            PictureError: A picture cannot be decoded, with `data.on_corrupt = "fail"`.
            Interrupted: Ctrl-C; the state is saved.
        """
        state, corrupt = self.record.output / names.STATE, {}
        start = load_state(self.model, state)
        if start == Position() and self.recipe.weights and measured_apart(self.inputs.task):
            start = self._judged()
        distribution.check_same("backup", [start.epoch, start.step])
        if self.session.writer:
            self.record.session(from_epoch=start.epoch, from_step=start.step)
        for i, leg in enumerate(legs(self.recipe, start)):
            if i:
                if self._watch.is_over:
                    break
                distribution.chief_does(lambda: None)  # the last backup is complete
                # `fit` leaves the averaged weights (EMA) in the model: training goes on with its
                # own.
                averaged = self.recipe.optimizer.ema
                start = load_state(self.model, state) if averaged else read_position(state)
            corrupt |= self._one(leg, start)
        for name, reason in corrupt.items():
            log.warning("Skipped %s: %s", name, reason)
        return corrupt

    def _judged(self) -> Position:
        """Measures the start weights: an epoch has to be better than they are to be the best."""
        phase = phase_of(self.record.output)
        what = f"{phase}: measuring the start" if phase else "measuring the start"
        measure = Measure(self.recipe, self.inputs, None, what, self.session.bar)
        measure.set_model(self.model)
        found, monitor = measure.measured(), self.inputs.task.monitor
        figure = found[f"val_{monitor.name}"]
        if math.isnan(figure):  # there is nothing to measure it by
            return Position()
        if self.session.writer:
            ours.save_weights(self.model, self.record.output / names.BEST)
            self.record.note(start={name: round(value, 6) for name, value in found.items()})
        log.info("%s of the start: %s", monitor.name, monitor.shown(figure))
        return Position(best=figure, best_loss=found["val_loss"])

    def _one(self, leg: Leg, start: Position) -> dict[str, str]:
        recipe, inputs = self.recipe, self.inputs
        data = fit_batches(recipe, inputs, leg.first, leg.step, leg.size, model=self.model)
        batches = distribution.batches(data.batches, recipe.strategy)
        validation = None
        if not measured_apart(inputs.task):
            watched = validation_batches(recipe, inputs, self.model)
            validation = distribution.batches(watched, recipe.strategy)
        # A graph of its own for every size: one for all would know none of them.
        self.model.make_train_function(force=True)
        # On JAX it is the scope, not the network, that knows of other devices.
        scope = distribution.scope(recipe.strategy)
        with scope, data.naming_corrupt(), asked_to_stop() as asked, warnings.catch_warnings():
            # Of a validation split that lost corrupt pictures; training data have no end.
            warnings.filterwarnings("ignore", "Your input ran out of data")
            self.model.fit(
                batches,
                initial_epoch=leg.first,
                epochs=leg.last,
                steps_per_epoch=inputs.steps - leg.step,
                validation_data=validation,
                callbacks=self._callbacks(start, asked),
                shuffle=False,  # they are already
                verbose=0,
            )
        return {each.name: each.reason for each in data.corrupt()}

    def _callbacks(
        self, start: Position, asked: Callable[[], bool]
    ) -> list[keras.callbacks.Callback]:
        recipe, session, record = self.recipe, self.session, self.record
        steps, output, monitor = self.inputs.steps, record.output, self.inputs.task.monitor
        guard, by_loss = ours.StopOnNaN(), recipe.best_by == "loss"
        self._watch = ours.Watch(monitor, start, recipe.patience, by_loss)
        books = ours.Bookkeeping(recipe_schedule(recipe, steps), steps, start)
        averages = ours.Averages() if recipe.optimizer.ema else None
        found = [guard, books, *([averages] if averages else [])]
        if measured_apart(self.inputs.task):
            found.append(Measure(recipe, self.inputs, averages, bar=session.bar))
        found.append(self._watch)
        if session.writer:
            ours.trim_log(output / names.LOG, start.epoch)
            backup = ours.Backup(
                *(output / names.STATE, steps, session.every, books, self._watch, guard),
                saved=lambda at: record.session(epoch=at.epoch, step=at.step),
            )
            phase, epochs = phase_of(output), recipe.epochs
            found += [
                ours.Log(output / names.LOG),
                ours.KeepBest(output / names.BEST, self._watch, averages),
                backup,
                Report(epochs, steps, session.bar, books, monitor, phase, start),
                Expect(recipe, self.inputs, phase, start),
            ]
            if session.tensorboard:
                folder = output / names.TENSORBOARD
                found.append(keras.callbacks.TensorBoard(folder, write_graph=False))
            return [*found, *session.further, StopWhenAsked(asked, backup, epochs)]
        return [*found, *session.further]
