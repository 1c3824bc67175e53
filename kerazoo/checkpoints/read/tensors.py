"""From a weights file to names and NumPy arrays, by the kind of the file."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kerazoo._errors import invalid
from kerazoo.checkpoints.read.keras import read_h5, read_keras_archive
from kerazoo.checkpoints.read.torch import read_torch


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Names and arrays of a `.safetensors` file; bfloat16 becomes float32."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise
    except (SafetensorError, TypeError, ValueError, OSError) as error:
        raise ValueError(
            f"`{path}` is not a readable safetensors file: truncated, corrupt or of another "
            f"format ({error})."
        ) from error
    # NumPy knows bfloat16 only as a user type, which h5py and many functions cannot take.
    return {n: a.astype("float32") if a.dtype.name == "bfloat16" else a for n, a in arrays.items()}


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Names and arrays of an `.npz` file; arrays of Python objects are refused."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise
    except (ValueError, OSError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"`{path}` is not a readable npz file: truncated, corrupt or of another format "
            f"({error})."
        ) from error


READERS: dict[str, Callable[[Path], dict[str, np.ndarray]]] = {
    ".safetensors": read_safetensors,
    ".weights.h5": read_h5,
    ".h5": read_h5,
    ".hdf5": read_h5,
    ".keras": read_keras_archive,
    ".pth": read_torch,
    ".pt": read_torch,
    ".bin": read_torch,
    ".npz": read_npz,
}


def read_tensors(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Every tensor of a weights file, as `{name: array}`.

    Args:
        path: `.safetensors`, `.pth`, `.pt`, `.bin` (PyTorch state dict, read without torch),
            `.npz`, `.h5`, `.weights.h5` or `.keras`. Keras files give `<layer>/<variable>` (see
            `keras_files`), all others their names verbatim.

    Returns:
        Arrays that share nothing with the file, in its order and its own axis layout. bfloat16
        becomes float32; other types stay as they are.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: Unknown ending, or a file that is not what its ending says.
    """
    path = Path(path)
    reader = next((r for suffix, r in READERS.items() if path.name.lower().endswith(suffix)), None)
    if reader is None:
        raise invalid("path", str(path), f"a file ending in one of {', '.join(READERS)}")
    if not path.is_file():
        raise FileNotFoundError(f"There is no weights file `{path}`.")
    return reader(path)
