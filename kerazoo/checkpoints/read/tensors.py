"""From a weights file to names and NumPy arrays, by the kind of the file."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from kerazoo._errors import invalid
from kerazoo._files import open_regular
from kerazoo.checkpoints.fetch.integrity import Digest
from kerazoo.checkpoints.read.keras import (
    h5_names,
    keras_archive_names,
    read_h5,
    read_keras_archive,
)
from kerazoo.checkpoints.read.npz import npz_names, read_npz
from kerazoo.checkpoints.read.safetensors import read_safetensors, safetensors_names
from kerazoo.checkpoints.read.tensorflow1 import (
    archive_names,
    index_names,
    read_archive,
    read_index,
)
from kerazoo.checkpoints.read.torch import read_torch


def torch_names(file: BinaryIO, path: Path) -> tuple[str, ...]:
    """The names in a PyTorch state dict, which has to be read for them."""
    return tuple(read_torch(file, path))


class Reader(NamedTuple):
    """How a kind of file is read: all of it, or its names alone."""

    tensors: Callable[[BinaryIO, Path], dict[str, np.ndarray]]
    names: Callable[[BinaryIO, Path], tuple[str, ...]]


_H5, _TORCH = Reader(read_h5, h5_names), Reader(read_torch, torch_names)
READERS: dict[str, Reader] = {
    ".safetensors": Reader(read_safetensors, safetensors_names),
    ".weights.h5": _H5,
    ".h5": _H5,
    ".hdf5": _H5,
    ".keras": Reader(read_keras_archive, keras_archive_names),
    ".pth": _TORCH,
    ".pt": _TORCH,
    ".bin": _TORCH,
    ".npz": Reader(read_npz, npz_names),
    ".ckpt.index": Reader(read_index, index_names),
    ".tar.gz": Reader(read_archive, archive_names),
}


ENDINGS = ", ".join(READERS)  # for messages


def is_weights_file(name: str) -> bool:
    """Whether a name ends as those of weights files do."""
    return name.lower().endswith(tuple(READERS))


def read_tensors(
    path: str | os.PathLike[str], digests: Sequence[Digest] = ()
) -> dict[str, np.ndarray]:
    """Every tensor of a weights file, as `{name: array}`.

    Nothing in the file is run. What its arrays may take is bounded: 128 MiB (or what the
    environment variable KERAZOO_MAX_UNPACKED_BYTES says), or 20 times its size if that is more.

    Args:
        path: `.safetensors`, `.pth`, `.pt`, `.bin` (PyTorch state dict, read without torch),
            `.npz`, `.h5`, `.weights.h5`, `.keras`, `.ckpt.index` or `.tar.gz` (a checkpoint of
            TensorFlow 1, of which only the variables are read). Keras files give
            `<layer>/<variable>` (see `kerazoo.checkpoints.read.keras`), all others their names
            verbatim.
        digests: What the content must have; the very file that has them is read.

    Returns:
        Arrays that share nothing with the file, in its order and its own axis layout. bfloat16
        becomes float32; other types stay as they are.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: Unknown ending, or a file that is not what its ending says, or not what
            `digests` say.
    """
    path, reader = _reader_of(path)
    with _opened(path) as file:
        for digest in digests:
            if (found := digest.of_open(file)) != digest.value:
                raise ValueError(f"`{path}` was changed: {digest} is expected, found {found}.")
        file.seek(0)
        return reader.tensors(file, path)


def tensor_names(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """The names that `read_tensors` gives, without reading the arrays where the format lets it.

    Raises:
        FileNotFoundError, ValueError: As `read_tensors`.
    """
    path, reader = _reader_of(path)
    with _opened(path) as file:
        return reader.names(file, path)


def _reader_of(path: str | os.PathLike[str]) -> tuple[Path, Reader]:
    path = Path(path)
    reader = next((r for suffix, r in READERS.items() if path.name.lower().endswith(suffix)), None)
    if reader is None:
        raise invalid("path", str(path), f"a file ending in one of {ENDINGS}")
    return path, reader


def _opened(path: Path) -> BinaryIO:
    try:
        return open_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"There is no weights file `{path}`.") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"`{path}` cannot be read: {reason}.") from error
