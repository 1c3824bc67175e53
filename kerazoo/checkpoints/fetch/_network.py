"""What both kinds of download share: the one error, and a way not to wait for it."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Seconds. A connection that cannot be made is given up after CONNECT for each address of the
# server; DEADLINE also covers a resolver that never answers, for which there is no time-out.
CONNECT = 3
ANSWER = 5
DEADLINE = 9
# After which a part that nobody writes to belongs to a process that was killed.
ABANDONED = 3600


class DownloadError(OSError):
    """A file of weights could not be fetched, or is not what its publisher says it is."""


def within(seconds: float, call: Callable[[], Any]) -> Any:
    """The result of `call()`, or `TimeoutError` after `seconds`, leaving it to its own fate."""
    box: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            box.put((call(), None))
        except BaseException as error:
            box.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        value, error = box.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds} s") from None
    if error is not None:
        raise error
    return value


def first_line(error: BaseException) -> str:
    """What an exception says, in one line."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def sweep(folder: Path, pattern: str) -> None:
    """Removes the parts that killed processes left; those still growing are not touched."""
    for part in folder.glob(pattern):
        with contextlib.suppress(OSError):  # another process sweeps too
            if time.time() - part.stat().st_mtime > ABANDONED:
                part.unlink()
