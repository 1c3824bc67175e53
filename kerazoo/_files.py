"""Files that are whole or not there, whenever the process is killed.

One file: `write_file` and what is made of it. Several that belong together, or a folder: fill
`staging(path)`, then `publish`. A folder that is written over hours: `_locks.holding`.
"""

import contextlib
import errno
import io
import json
import os
import shutil
import stat
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from kerazoo._errors import invalid, reason_of
from kerazoo._locks import LOCK, take_lock

PARTIAL = ".partial"  # how the names of staging folders end

_BINARY = getattr(os, "O_BINARY", 0)  # of Windows


def open_regular(path: str | os.PathLike) -> BinaryIO:
    """Opens a regular file, or a link to one, for reading.

    A pipe would be waited for, a device has no end.

    Raises:
        OSError: It cannot be read, or is no regular file.
    """
    # Without O_NONBLOCK, opening a pipe waits for somebody to write into it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return open(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", os.fspath(path))
    raise OSError(errno.EINVAL, "it is not a regular file", os.fspath(path))


def read_regular(path: str | os.PathLike, most: int) -> bytes:
    """The content of a regular file, or of a link to one.

    Args:
        path: The file.
        most: Bytes; one more is read at the most, so that the caller sees that there are more.

    Raises:
        OSError: It cannot be read, or is no regular file.
    """
    with open_regular(path) as file:
        return file.read(most + 1)


def read_utf8(path: str | os.PathLike, argument: str = "data") -> str:
    """The text of a regular file, without the mark (BOM) that Windows' editors begin it with.

    Args:
        path: The file.
        argument: Whose value it is, for the error.

    Raises:
        ValueError: It cannot be read, or is not UTF-8.
    """
    try:
        with io.TextIOWrapper(open_regular(path), encoding="utf-8-sig") as file:
            return file.read()
    except OSError as error:
        raise invalid(argument, os.fspath(path), f"a file to read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        rule = f"a text file in UTF-8 ({error.reason} at byte {error.start})"
        raise invalid(argument, os.fspath(path), rule) from None


def read_lines(path: str | os.PathLike, argument: str = "data") -> list[tuple[int, str]]:
    """The lines of a text file that are not empty, each with its number and without spaces around.

    Raises:
        ValueError: As `read_utf8`, whose arguments these are.
    """
    # Not `splitlines`, which also ends a line at what may be part of a name (U+2028, U+0085, …).
    lines = enumerate(read_utf8(path, argument).split("\n"), 1)
    return [(number, line.strip()) for number, line in lines if line.strip()]


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object that a file holds.

    Raises:
        ValueError: It cannot be read, or holds something else.
    """
    try:
        found = json.loads(read_utf8(path))
    except (ValueError, RecursionError) as error:  # brackets in brackets in …
        raise ValueError(f"`{path}` is not readable JSON ({reason_of(error)}).") from error
    if not isinstance(found, dict):
        raise ValueError(f"`{path}` holds {type(found).__name__}, not a JSON object.")
    return found


def write_file(path: Path, write: Callable[[Path], Any], *, shared: bool = False) -> None:
    """Lets `write` fill a file beside `path`, which then takes its place.

    Args:
        path: The file.
        write: Called with a path of the same ending.
        shared: Whether other processes may write the same file at the same time, as in a cache.
            What a killed process leaves then stays, where it is otherwise written over.

    Raises:
        OSError: It cannot be written (a full disk, ...): of the same kind as by `write`, but it
            names `path`. What was there stays.
    """
    own = f"{uuid.uuid4().hex}." if shared else ""
    partial = path.with_name(f".{own}{path.name}" if path.suffix else f".{own}{path.name}.part")
    try:
        write(partial)
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise _cannot_write(error, path) from error
    finally:
        with contextlib.suppress(OSError):  # a disk that is read-only by now
            partial.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Replaces the file's content."""
    write_file(path, lambda partial: partial.write_bytes(content))


def check_output(path: Path, outputs: Sequence[Path], force: bool) -> None:
    """Whether `outputs` can be written, before anything expensive is done.

    Raises:
        ValueError: One of them exists and `force` is false; their folder does not exist or cannot
            be written to.
    """
    folder = path.parent
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not"
        raise invalid("path", str(path), f"in a folder that exists; {str(folder)!r} {what}")
    for each in {folder, *(output.parent for output in outputs)}:
        if each.exists() and not os.access(each, os.W_OK | os.X_OK):
            raise invalid(
                "path", str(path), f"in a folder that can be written to, not {str(each)!r}"
            )
    existing = [output for output in outputs if output.exists()]
    if existing and not force:
        rule = f"new: {str(existing[0])!r} exists (force=True or --force overwrites it)"
        raise invalid("path", str(path), rule)


@contextlib.contextmanager
def staging(path: Path) -> Iterator[Path]:
    """A hidden folder beside `path`, so on the same disk, that is gone afterwards.

    Those that killed processes left there are removed.

    Raises:
        OSError: Something cannot be written after all (a full disk, rights that `os.access` does
            not know of): of the same kind, but it names `path` in place of what is in here.
    """
    try:
        _sweep(path.parent)
        folder, lock = _locked_folder(path)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            if lock is not None:
                os.close(lock)
    except OSError as error:
        raise _cannot_write(error, path) from error


@contextlib.contextmanager
def named_in_errors(path: Path) -> Iterator[None]:
    """An `OSError` of writing within it names the file, which that of an open one does not."""
    try:
        yield
    except OSError as error:
        raise _cannot_write(error, path) from error


def _cannot_write(error: OSError, path: Path) -> OSError:
    reason = f"Cannot be written: {error.strerror or error}"
    return OSError(error.errno or errno.EIO, reason, str(path))


def _locked_folder(path: Path) -> tuple[Path, int | None]:
    """A new folder, and the open lock that keeps `_sweep` from it (None: the disk has no locks)."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=PARTIAL, dir=path.parent))
        try:
            lock = take_lock(folder / LOCK)
        except FileNotFoundError:
            continue
        except OSError:
            return folder, None
        if lock is not None:
            return folder, lock  # else another's `_sweep` came between, which removes it


def _sweep(parent: Path) -> None:
    """Removes the `staging` folders of processes that are no more, which hold no lock."""
    for folder in parent.glob(f".*{PARTIAL}"):
        with contextlib.suppress(OSError):
            # Without the file it is somebody else's, or made at this very moment.
            if (folder / LOCK).is_file() and (lock := take_lock(folder / LOCK)) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def publish(folder: Path, outputs: Sequence[Path]) -> None:
    """Moves what was written into `folder` to `outputs`, the last one last; all or none.

    Put the file that others are found by at the end: whoever sees it finds the rest as well.
    """
    with contextlib.ExitStack() as undo:  # what has been done, last things first
        for output in outputs:
            if not output.parent.exists():
                output.parent.mkdir()
                undo.callback(output.parent.rmdir)
            old = folder / f"{output.name}.old"
            if output.is_dir():  # a folder cannot be replaced by a folder that is not empty
                os.replace(output, old)
                undo.callback(os.replace, old, output)
            elif output.exists():
                shutil.copy2(output, old)
                undo.callback(os.replace, old, output)
            os.replace(folder / output.name, output)
            if not old.is_file():  # which takes its place again by itself
                undo.callback(_remove, output)
        undo.pop_all()


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def write_text(path: Path, text: str, *, shared: bool = False) -> None:
    """Replaces the file's text; `shared` as for `write_file`."""
    write_file(path, lambda partial: partial.write_text(text, encoding="utf-8"), shared=shared)


def write_json(path: Path, value: Any) -> None:
    """Replaces the file by indented JSON."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def public_name(weights: str) -> str:
    """What to call weights where others read it: a file without the folders of this machine."""
    path = Path(weights)
    return path.name if path.is_absolute() or path.is_file() else weights
