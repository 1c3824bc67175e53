"""Outputs that appear whole or not at all."""

import contextlib
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
        raise invalid("path", str(path), f"in a folder that exists; {str(folder)!r} does not")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise invalid("path", str(path), f"in a folder that can be written to, not {str(folder)!r}")
    existing = [output for output in outputs if output.exists()]
    if existing and not force:
        rule = f"new: {str(existing[0])!r} exists (force=True or --force overwrites it)"
        raise invalid("path", str(path), rule)


@contextlib.contextmanager
def staging(path: Path) -> Iterator[Path]:
    """A hidden folder beside `path`, so on the same disk, that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path, outputs: Sequence[Path]) -> None:
    """Moves what was written into `folder` to `outputs`, the last one last.

    Put the file that others are found by at the end: whoever sees it finds the rest as well.
    """
    for output in outputs:
        output.parent.mkdir(exist_ok=True)
        old = folder / f"{output.name}.old"
        if output.is_dir():  # a folder cannot be replaced by a folder that is not empty
            os.replace(output, old)
        try:
            os.replace(folder / output.name, output)
        except OSError:
            if old.exists():
                os.replace(old, output)
            raise
