"""Ctrl-C while a run trains: the step that is being computed ends, and the state is saved."""

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import keras


class Interrupted(KeyboardInterrupt):
    """A run was stopped, and can go on where it stands; `str()` of it says where."""


@contextlib.contextmanager
def asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Within it, the first Ctrl-C is a wish, which the function that is given tells.

    The second ends the process as ever. Signals reach the main thread alone: elsewhere nothing
    changes.
    """
    wished = False

    def wish(number: int, frame: Any) -> None:
        nonlocal wished
        if wished:
            raise KeyboardInterrupt
        wished = True
        print(
            "\nkerazoo: stopping after this step, to save its state (Ctrl-C again: at once)",
            file=sys.stderr,
            flush=True,
        )

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, wish)
    try:
        yield lambda: wished
    finally:
        signal.signal(signal.SIGINT, before)


class StopWhenAsked(keras.callbacks.Callback):
    """Saves the state and stops; the last callback, so that the others have seen the step.

    Args:
        asked: Of `asked_to_stop`.
        backup: What saves: `kerazoo.training.callbacks.Backup`.
        epochs: Of the whole run.
    """

    def __init__(self, asked: Callable[[], bool], backup: Any, epochs: int) -> None:
        super().__init__()
        self._asked, self._backup, self._epochs = asked, backup, epochs

    def on_epoch_begin(self, epoch, logs: Any = None):
        self._epoch = epoch + 1

    def on_train_batch_end(self, batch, logs: Any = None):
        # The last step of an epoch is followed by the validation and a backup of its own.
        if self._asked() and (done := self._backup.keep(batch, logs)):
            place = f"at step {done} of {self._backup.steps} of epoch {self._epoch}/{self._epochs}"
            raise Interrupted(f"stopped {place}, which is saved")

    def on_epoch_end(self, epoch, logs: Any = None):
        if self._asked():
            raise Interrupted(f"stopped after epoch {epoch + 1}/{self._epochs}, which is saved")
