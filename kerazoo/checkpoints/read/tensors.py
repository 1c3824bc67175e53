"""From a weights file to names and NumPy arrays, by the kind of the file."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kerazoo._errors import invalid
from kerazoo.checkpoints.read.keras import (
    h5_names,
    keras_archive_names,
    read_h5,
    read_keras_archive,
)
from kerazoo.checkpoints.read.torch import read_torch


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Names and arrays of a `.safetensors` file; bfloat16 becomes float32."""
    arrays = _from_safetensors(path, lambda file: {n: file.get_tensor(n) for n in file.keys()})  # noqa: SIM118
    # NumPy knows bfloat16 only as a user type, which h5py and many functions cannot take.
    return {n: a.astype("float32") if a.dtype.name == "bfloat16" else a for n, a in arrays.items()}


def safetensors_names(path: Path) -> tuple[str, ...]:
    """The names in the header of a `.safetensors` file."""
    return _from_safetensors(path, lambda file: tuple(file.keys()))


def _from_safetensors(path: Path, read: Callable[[Any], Any]) -> Any:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return read(file)
    except FileNotFoundError:
        raise
    except (SafetensorError, TypeError, ValueError, OSError) as error:
        raise ValueError(
            f"`{path}` is not a readable safetensors file: truncated, corrupt or of another "
            f"format ({error})."
        ) from error


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Names and arrays of an `.npz` file; arrays of Python objects are refused."""
    return _from_npz(path, lambda file: {name: file[name] for name in file.files})


def npz_names(path: Path) -> tuple[str, ...]:
    """The names in an `.npz` file."""
    return _from_npz(path, lambda file: tuple(file.files))


def _from_npz(path: Path, read: Callable[[Any], Any]) -> Any:
    try:
        with np.load(path, allow_pickle=False) as file:
            return read(file)
    except FileNotFoundError:
        raise
    except (ValueError, OSError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"`{path}` is not a readable npz file: truncated, corrupt or of another format "
            f"({error})."
        ) from error


def torch_names(path: Path) -> tuple[str, ...]:
    """The names in a PyTorch state dict, which has to be read for them."""
    return tuple(read_torch(path))


class Reader(NamedTuple):
    """How a kind of file is read: all of it, or its names alone."""

    tensors: Callable[[Path], dict[str, np.ndarray]]
    names: Callable[[Path], tuple[str, ...]]


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
}


ENDINGS = ", ".join(READERS)  # for messages


def is_weights_file(name: str) -> bool:
    """Whether a name ends as those of weights files do."""
    return name.lower().endswith(tuple(READERS))


def read_tensors(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Every tensor of a weights file, as `{name: array}`.

    Args:
        path: `.safetensors`, `.pth`, `.pt`, `.bin` (PyTorch state dict, read without torch),
            `.npz`, `.h5`, `.weights.h5` or `.keras`. Keras files give `<layer>/<variable>` (see
            `kerazoo.checkpoints.read.keras`), all others their names verbatim.

    Returns:
        Arrays that share nothing with the file, in its order and its own axis layout. bfloat16
        becomes float32; other types stay as they are.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: Unknown ending, or a file that is not what its ending says.
    """
    path, reader = _reader_of(path)
    return reader.tensors(path)


def tensor_names(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """The names that `read_tensors` gives, without reading the arrays where the format lets it.

    Raises:
        FileNotFoundError, ValueError: As `read_tensors`.
    """
    path, reader = _reader_of(path)
    return reader.names(path)


def _reader_of(path: str | os.PathLike[str]) -> tuple[Path, Reader]:
    path = Path(path)
    reader = next((r for suffix, r in READERS.items() if path.name.lower().endswith(suffix)), None)
    if reader is None:
        raise invalid("path", str(path), f"a file ending in one of {ENDINGS}")
    if not path.is_file():
        raise FileNotFoundError(f"There is no weights file `{path}`.")
    return path, reader
