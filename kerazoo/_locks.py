"""Locks on folders, which end with the process that holds them, however that ends."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from kerazoo._errors import invalid

LOCK = ".kerazoo.lock"  # the file in a folder that is locked in its stead
_TAKEN = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)


@contextlib.contextmanager
def holding(folder: Path, argument: str = "output") -> Iterator[None]:
    """Keeps other processes from writing into `folder`, which is made if needed.

    Where there can be no lock (a folder that cannot be written to, some network disks) there is
    none. A folder that was made for this and is empty in the end is removed.

    Args:
        folder: The folder.
        argument: What to call it in messages.

    Raises:
        ValueError: It is a file, or another process holds it, or this one does already.
    """
    if folder.exists() and not folder.is_dir():
        raise invalid(argument, str(folder), "a folder, or a path where there is nothing")
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as undo:
        undo.callback(_remove_empty, made)
        with contextlib.suppress(OSError):
            lock = take_lock(folder / LOCK)
            if lock is None:
                rule = "a folder that no other process is writing to: wait for that one, or end it"
                raise invalid(argument, str(folder), rule)
            undo.callback(os.close, lock)
            undo.callback(_remove, folder / LOCK)
        yield


def take_lock(path: Path) -> int | None:
    """An open, locked file, which is made if needed; None where another has locked it.

    Raises:
        OSError: It cannot be made, or the disk knows no locks.
    """
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            taken = _locked(file)
            if taken and _is_at(file, path):
                return os.dup(file)  # which shares the lock
        finally:
            os.close(file)
        if not taken:
            return None


def _is_at(file: int, path: Path) -> bool:
    """Whether the open file is still the one at `path`: who holds a lock removes it in the end."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _locked(file: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        return _locked_on_windows(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        raise
    return True


def _locked_on_windows(file: int) -> bool:
    import msvcrt

    try:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # pyright: ignore[reportAttributeAccessIssue]
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        raise
    return True


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):  # Windows does not remove what is open: it stays, unlocked
        path.unlink()


def _remove_empty(folders: list[Path]) -> None:
    with contextlib.suppress(OSError):  # something is in it, as there should be
        for each in folders:
            each.rmdir()
