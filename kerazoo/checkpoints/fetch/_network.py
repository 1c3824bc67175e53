"""What both kinds of download share: the one error, and a way not to wait for it."""

import contextlib
import errno
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
# A whole download has PATIENCE, and a second for each SLOWEST bytes: a server that sends a byte now
# and then, which no time-out of a connection notices, is not waited for.
PATIENCE = 30
SLOWEST = 50_000
# After which a part that nobody writes to belongs to a process that was killed.
ABANDONED = 3600


class DownloadError(OSError):
    """A file of weights could not be fetched, or is not what its publisher says it is."""


def patience(size: int | None) -> float:
    """Seconds that the download of so many bytes may take; None where the server does not say."""
    return PATIENCE + (size or 0) / SLOWEST


def status_words(status: int) -> str:
    """What an HTTP status means for who wants a file, and what he can do."""
    words = {
        401: "it wants to know who asks: give a `token=`, or log in",
        403: "access is not granted: its owner must, or the token lacks the right",
        404: "there is no such file",
        408: "it gave up waiting; try again",
        429: "too many requests came from here: wait a while, or log in",
    }
    other = "the server has a fault of its own; try again later" if status >= 500 else "refused"
    return words.get(status, other)


def storage_words(error: OSError, folder: object, variable: str) -> str:
    """Why a file cannot be kept, and what can be done."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"the disk of the cache {folder} is full: make room there, or set {variable}"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"the cache {folder} cannot be written to: set {variable} to a folder that can"
    return f"{first_line(error)} (the cache is {folder}, which {variable} says)"


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
        raise TimeoutError(f"no answer within {seconds:.0f} s") from None
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
