"""Outputs that appear whole or not at all."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from kerazoo._errors import invalid


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

    Raises:
        OSError: Something cannot be written after all (a full disk, rights that `os.access` does
            not know of): of the same kind, but it names `path` in place of what is in here.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        reason = f"Cannot be written: {error.strerror or error}"
        raise OSError(error.errno or errno.EIO, reason, str(path)) from error


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
