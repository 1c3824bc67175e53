"""What a run tells while it trains: a line an epoch, and between them how far it is."""

import re
import time
from pathlib import Path
from typing import Any

import keras

from kerazoo._errors import counted
from kerazoo._progress import Progress, clock
from kerazoo.tasks.description import Figure
from kerazoo.training.callbacks import CHECK_EVERY, Bookkeeping
from kerazoo.training.state import Position

TIMED = 3  # steps, after the first


class Report(keras.callbacks.Callback):
    """One line an epoch on stdout, and on stderr the steps of the present one.

    Args:
        epochs: Of the whole run.
        steps: In an epoch.
        bar: Whether to show the steps; None for a bar on a terminal and lines elsewhere.
        books: What knows the steps of an earlier session.
        monitor: What is watched.
        phase: Of a longer run, in front of every line.
        start: Where this session begins.
    """

    def __init__(
        self,
        epochs: int,
        steps: int,
        bar: bool | None,
        books: Bookkeeping,
        monitor: Figure,
        phase: str = "",
        start: Position | None = None,
    ) -> None:
        super().__init__()
        self._epochs, self._steps, self._show, self._books = epochs, steps, bar, books
        self._monitor, self._phase = monitor, f"{phase}: " if phase else ""
        self._start, self._done = start or Position(), 0
        self._progress: Progress | None = None

    def on_train_begin(self, logs: Any = None):
        if self._start.step:
            place = f"step {self._start.step} of {self._steps} of epoch {self._start.epoch + 1}"
            print(f"{self._phase}going on at {place}/{self._epochs}", flush=True)
        elif self._start.epoch:
            print(
                f"{self._phase}going on after epoch {self._start.epoch}/{self._epochs}", flush=True
            )

    def on_epoch_begin(self, epoch, logs: Any = None):
        self._epoch, before = epoch, self._books.done_before
        name = f"{self._phase}epoch {epoch + 1}/{self._epochs}"
        self._progress = Progress(self._steps, "step", name, first=before, show=self._show)

    def on_train_batch_end(self, batch, logs: Any = None):
        self._done += 1
        done = self._books.done_before + batch + 1
        notes = []
        if done % CHECK_EVERY == 0:  # reading the loss more often would make an accelerator wait
            notes.append(f"loss {float(logs['loss']):.3f}")
        if self._done == 1:  # the first step builds the graph: no pace follows from it
            self._paced_from = time.monotonic()
        else:
            notes.append(f"{self._to_go(done)} to go in all")
        assert self._progress is not None  # an epoch has begun
        self._progress.at(done, note=", ".join(notes))

    def on_epoch_end(self, epoch, logs: Any = None):
        if self._progress is not None:
            self._progress.close()
        words = f"{self._phase}epoch {epoch + 1:>{len(str(self._epochs))}}/{self._epochs}"
        name, shown = self._monitor.name, self._monitor.shown
        words += f"  loss {logs['loss']:.4f}"
        words += f"  {name} {shown(logs[name])}" if name in logs else f"  {name}"
        words += f"  validation {shown(logs[f'val_{name}'])}"
        words += f"  rate {logs['learning_rate']:.3g}  {logs['seconds']:.0f} s"
        print(words, flush=True)

    def _to_go(self, done: int) -> str:
        """Until the last epoch's end, at the pace of this session (validations included)."""
        left = self._steps - done + (self._epochs - self._epoch - 1) * self._steps
        return clock((time.monotonic() - self._paced_from) / (self._done - 1) * left)


class Expect(keras.callbacks.Callback):
    """Tells once how many minutes a run will take, by the pace of its first steps.

    Args:
        recipe: What is done.
        inputs: The data.
        phase: Of a longer run, in front of the line.
        start: Where this session begins.
    """

    def __init__(self, recipe: Any, inputs: Any, phase: str, start: Position) -> None:
        super().__init__()
        self._recipe, self._inputs, self._start = recipe, inputs, start
        self._phase = f"{phase}: " if phase else ""
        self._done, self._told = 0, False

    def on_train_batch_end(self, batch, logs: Any = None):
        if self._told:
            return
        if self._done == 1:  # the first one builds the graph
            self._began = time.monotonic()
        self._done += 1
        if self._done > 1 + TIMED:
            self._told = True
            step = (time.monotonic() - self._began) / TIMED
            share = 1 - self._start.epoch / self._recipe.epochs
            minutes = share * minutes_of(self._recipe, self._inputs, step)
            if minutes >= 1:
                fewer = "; fewer where it ends early" if self._recipe.patience else ""
                epochs = self._recipe.epochs - self._start.epoch
                print(
                    f"{self._phase}about {counted(round(minutes), 'minute')} to expect for "
                    f"{counted(epochs, 'epoch')} of {counted(self._inputs.steps, 'step')}{fewer}",
                    flush=True,
                )


def minutes_of(recipe: Any, inputs: Any, step: float) -> float:
    """Minutes of all steps of a recipe and of looking at the validation split after each epoch.

    Args:
        recipe: What is done.
        inputs: The data.
        step: Seconds of one.
    """
    # Looking costs a third of learning: it goes forward alone.
    looks = inputs.validation.count / recipe.batch_size / 3
    return recipe.epochs * step * (inputs.steps + looks) / 60


def phase_of(folder: Path) -> str:
    """The phase whose run lies in a folder: `"probe"` of `1_probe`; empty of other folders."""
    found = re.fullmatch(r"\d+_([A-Za-z]\w*)", folder.name)
    return found[1] if found else ""
