"""Checkpoints of TensorFlow 1: the variables alone, and out of archives as its model zoo has them.

TensorFlow reads the file of variables; the graph beside it is never looked at. Out of an archive
come the two files of the checkpoint, under names of our own: nothing else is unpacked.
"""

import math
import tarfile
import tempfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

from kerazoo._bounds import check_unpacked

_INDEX, _DATA = ".ckpt.index", ".ckpt.data-00000-of-00001"
_FILES = 1000  # in an archive at most
_PIECE = 1 << 20


def read_archive(file: BinaryIO, path: Path) -> dict[str, np.ndarray]:
    """Names and arrays of the checkpoint in a `.tar.gz` file.

    Args:
        file: The open file.
        path: For messages.

    Raises:
        ValueError: It is something else, or holds no checkpoint, or more than one.
    """
    size = file.seek(0, 2)
    file.seek(0)
    try:
        with tempfile.TemporaryDirectory() as folder:
            _unpack(file, size, Path(folder))
            return _variables(Path(folder) / "model.ckpt", size)
    except Exception as error:  # of many kinds
        raise _unreadable(path, error) from error


def archive_names(file: BinaryIO, path: Path) -> tuple[str, ...]:
    """The names in it, for which it has to be read."""
    return tuple(read_archive(file, path))


def read_index(file: BinaryIO, path: Path) -> dict[str, np.ndarray]:
    """Names and arrays of a checkpoint whose `.ckpt.index` file this is; its data lie beside it.

    Args:
        file: The open file.
        path: Where it lies.

    Raises:
        ValueError: It is something else, or the data are missing.
    """
    try:
        data = path.with_name(path.name.removesuffix(".index") + ".data-00000-of-00001")
        if not data.is_file():
            raise ValueError(f"there is no `{data.name}` beside it")
        return _variables(path.with_suffix(""), data.stat().st_size)
    except Exception as error:
        raise _unreadable(path, error) from error


def index_names(file: BinaryIO, path: Path) -> tuple[str, ...]:
    """The names in it."""
    return tuple(read_index(file, path))


def _unreadable(path: Path, error: Exception) -> ValueError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return ValueError(f"`{path}` is not a readable checkpoint of TensorFlow ({reason}).")


def _unpack(file: BinaryIO, size: int, folder: Path) -> None:
    """The two files of the checkpoint, as `model.ckpt.*`."""
    found: set[str] = set()
    total = 0
    # Read once from front to back, so that what it unpacks to is counted before it is passed.
    with tarfile.open(fileobj=file, mode="r|gz") as archive:
        for number, member in enumerate(archive, 1):
            total += max(member.size, 0)
            check_unpacked(total, size)
            if number > _FILES:
                raise ValueError(f"more than {_FILES} files")
            kind = next((k for k in (_INDEX, _DATA) if member.name.endswith(k)), None)
            if kind is None or not member.isfile():
                continue
            if kind in found:
                raise ValueError("more than one checkpoint")
            found.add(kind)
            source = archive.extractfile(member)
            assert source is not None  # it is a file
            with (folder / f"model{kind}").open("wb") as target:
                while piece := source.read(_PIECE):
                    target.write(piece)
    if len(found) < 2:
        raise ValueError("no checkpoint in it")


def _variables(prefix: Path, size: int) -> dict[str, np.ndarray]:
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(prefix))
    shapes, types = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    check_unpacked(sum(math.prod(s) * types[n].size for n, s in shapes.items()), size)
    return {name: np.asarray(reader.get_tensor(name)) for name in sorted(shapes)}
