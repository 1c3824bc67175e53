"""What happens between the steps and epochs of a run, as Keras callbacks.

Their order in `fit` matters: `StopOnNaN` before anything is kept, `Bookkeeping` before all that
read the logs, `Backup` after the log and the best weights, so that a kill between them repeats an
epoch and leaves no hole.
"""

import contextlib
import csv
import dataclasses
import io
import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
from keras import ops
from keras.src.saving.saving_lib import save_weights_only

from kerazoo._files import named_in_errors, write_bytes, write_text
from kerazoo.tasks.description import Figure
from kerazoo.training.state import Position, save_state

CHECK_EVERY = 25  # steps; looking at a loss makes an accelerator wait


class StopOnNaN(keras.callbacks.Callback):
    """Ends training with an error once the loss is NaN or infinite.

    `keras.callbacks.TerminateOnNaN` looks at every step, and its message knows no epoch.
    """

    def on_epoch_begin(self, epoch, logs: Any = None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs: Any = None):
        if (batch + 1) % CHECK_EVERY == 0:
            self.check(logs)

    def on_epoch_end(self, epoch, logs: Any = None):
        self.check(logs)

    def check(self, logs: Mapping[str, Any] | None) -> None:
        """Raises if the loss is not finite."""
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"The loss became {loss} in epoch {self._epoch + 1}. Lower optimizer.learning_rate,"
                " lengthen optimizer.warmup_epochs or set optimizer.global_clipnorm."
            )


class Bookkeeping(keras.callbacks.Callback):
    """Adds rate and seconds to an epoch's logs, and the part of it that an earlier session did.

    Args:
        schedule: The rate by step.
        steps: In an epoch.
        start: Where this call of `fit` begins.
    """

    def __init__(self, schedule: Callable, steps: int, start: Position) -> None:
        super().__init__()
        self._schedule, self._steps, self._start = schedule, steps, start

    def on_epoch_begin(self, epoch, logs: Any = None):
        self._epoch, self._began = epoch, time.monotonic()

    @property
    def done_before(self) -> int:
        """Steps of the present epoch that an earlier session did."""
        return self._start.step if self._epoch == self._start.epoch else 0

    def so_far(self, logs: Mapping[str, Any], steps: int) -> dict[str, float]:
        """Means over the present epoch, of which this session did `steps` steps."""
        found = {name: float(value) for name, value in logs.items()}
        found["seconds"] = time.monotonic() - self._began
        if before := self.done_before:
            earlier = self._start.logs
            for name in found.keys() & earlier.keys() - {"seconds"}:
                total = before * earlier[name] + steps * found[name]
                found[name] = total / (before + steps)
            found["seconds"] += earlier.get("seconds", 0.0)
        return found

    def on_epoch_end(self, epoch, logs: Any = None):
        logs.update(self.so_far(logs, self._steps - self.done_before))
        logs["seconds"] = round(logs["seconds"], 1)
        last = (epoch + 1) * self._steps - 1
        logs["learning_rate"] = float(ops.convert_to_numpy(self._schedule(last)))


class Averages(keras.callbacks.SwapEMAWeights):
    """Validates the average of the weights (EMA), and lends it to what saves weights."""

    def _tf_swap_variables(self, optimizer):
        # Keras swaps on TensorFlow by adding and subtracting, which rounds: a run that is
        # interrupted would not go on with the same weights. This is its way on other backends.
        self._backend_swap_variables(optimizer)

    @contextlib.contextmanager
    def in_model(self) -> Iterator[None]:
        """Within it, the model holds the average."""
        self._swap_variables()
        try:
            yield
        finally:
            self._swap_variables()


class Watch(keras.callbacks.Callback):
    """Knows the epoch whose validation was the best, and ends training when it waits too long.

    Of equal figures, as there are many where few pictures are watched, the lower loss is better.

    Args:
        monitor: What is watched.
        start: Where this call of `fit` begins.
        patience: Epochs to wait for a better one; None for ever.
        by_loss: Whether the lower loss is better whatever the figure.
    """

    def __init__(
        self,
        monitor: Figure,
        start: Position,
        patience: int | None = None,
        by_loss: bool = False,
    ) -> None:
        super().__init__()
        self._monitor, self._patience, self._by_loss = monitor, patience, by_loss
        self.best, self.best_loss, self.waited = start.best, start.best_loss, start.waited

    @property
    def is_over(self) -> bool:
        """Whether it has waited too long."""
        return self._patience is not None and self.waited >= self._patience

    def on_epoch_end(self, epoch, logs: Any = None):
        value, loss = (float(logs[f"val_{name}"]) for name in (self._monitor.name, "loss"))
        lower = self.best_loss is None or loss < self.best_loss
        ahead = self._monitor.better(value, self.best)
        level = value == self.best and self.best_loss is not None and lower
        if lower if self._by_loss else ahead or level:
            self.best, self.best_loss, self.waited = value, loss, 0
        else:
            self.waited += 1
        if self.is_over:
            self.model.stop_training = True


class Log(keras.callbacks.CSVLogger):
    """A line for each epoch; on a full disk the error names the file.

    Args:
        path: Of the CSV file, to which lines are added.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, append=True)
        self._path = path

    def on_train_begin(self, logs: Any = None):
        with named_in_errors(self._path):
            super().on_train_begin(logs)

    def on_epoch_end(self, epoch, logs: Any = None):
        with named_in_errors(self._path):
            super().on_epoch_end(epoch, logs)


class KeepBest(keras.callbacks.Callback):
    """Saves the weights of the epoch whose validation was the best so far.

    Args:
        path: Where to.
        watch: What knows it, called before.
        averages: Where it is their average that counts.
    """

    def __init__(self, path: Path, watch: Watch, averages: Averages | None) -> None:
        super().__init__()
        self._path, self._watch, self._averages = path, watch, averages

    def on_epoch_end(self, epoch, logs: Any = None):
        if not self._watch.waited:
            with self._averages.in_model() if self._averages else contextlib.nullcontext():
                save_weights(self.model, self._path)


class _Memory(io.BytesIO):
    """A file in memory that Keras takes for one called `….weights.h5`."""

    def __str__(self) -> str:
        return "memory.weights.h5"


def save_weights(model: keras.Model, path: Path) -> None:
    """Weights alone as Keras' `.weights.h5`, in one move.

    They are put together in memory: where the disk is full, HDF5 itself ends the process
    (SIGSEGV).

    Raises:
        OSError: It cannot be written; what was there before stays.
    """
    # `save_weights` would add the state of the optimizer, twice as much again.
    optimizer, model.optimizer = getattr(model, "optimizer", None), None
    memory = _Memory()
    try:
        save_weights_only(model, memory)
    finally:
        model.optimizer = optimizer
    write_bytes(path, memory.getvalue())


class Backup(keras.callbacks.Callback):
    """Saves the state of the run after every epoch, and every so many steps.

    Args:
        path: The file.
        steps: In an epoch.
        every: Steps; None for after epochs alone.
        books: What sums up an epoch.
        watch: What knows the best epoch.
        guard: What looks at the loss: weights of NaN must not replace a good backup.
        saved: Called with the position after each backup.
    """

    def __init__(
        self,
        path: Path,
        steps: int,
        every: int | None,
        books: Bookkeeping,
        watch: Watch,
        guard: StopOnNaN,
        saved: Callable[[Position], None],
    ) -> None:
        super().__init__()
        self._path, self.steps, self._every = path, steps, every
        self._books, self._watch, self._guard, self._saved = books, watch, guard, saved

    def on_epoch_begin(self, epoch, logs: Any = None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs: Any = None):
        if self._every and (self._books.done_before + batch + 1) % self._every == 0:
            self.keep(batch, logs)

    def keep(self, batch: int, logs: Any) -> int | None:
        """Saves the state after a step within an epoch; returns how many of it are done.

        None after the last one, behind which the epoch's own backup follows.
        """
        done = self._books.done_before + batch + 1
        if done >= self.steps:
            return None
        self._guard.check(logs)
        self._save(Position(self._epoch, done, self._books.so_far(logs, batch + 1)))
        return done

    def on_epoch_end(self, epoch, logs: Any = None):
        self._save(Position(epoch + 1))

    def _save(self, position: Position) -> None:
        watch = self._watch
        found = {"best": watch.best, "best_loss": watch.best_loss, "waited": watch.waited}
        position = dataclasses.replace(position, **found)
        save_state(self.model, self._path, position)
        self._saved(position)


def trim_log(path: Path, epoch: int) -> None:
    """Removes the lines of a CSV log from an epoch on, which are about to be written again."""
    if not path.exists():
        return
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    header, rows = rows[:1], rows[1:]
    if not header:
        return
    kept = [r for r in rows if len(r) == len(header[0]) and r[0].isdecimal() and int(r[0]) < epoch]
    if len(kept) < len(rows):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(header + kept)
        write_text(path, text.getvalue())
