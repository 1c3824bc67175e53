"""NumPy's `.npz`: a zip archive of arrays."""

import math
import zipfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

from kerazoo._errors import reason_of
from kerazoo.checkpoints.read import ncnn
from kerazoo.checkpoints.read.archives import open_archive

_ENDING = ".npy"
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npz(file: BinaryIO, path: Path) -> dict[str, np.ndarray]:
    """Names and arrays of an `.npz` file; arrays of Python objects are refused.

    What was read from ncnn's 8-bit files comes as floats (`ncnn`).

    Args:
        file: The open file.
        path: For messages.

    Raises:
        ValueError: It is something else, or cut off, or its sizes contradict one another.
    """
    try:
        with open_archive(file) as archive:
            entries = archive.infolist()
            return ncnn.whole({_name(entry): _array(archive, entry) for entry in entries})
    except Exception as error:  # zipfile, zlib and NumPy fail in many ways
        raise _unreadable(path, error) from error


def npz_names(file: BinaryIO, path: Path) -> tuple[str, ...]:
    """The names in an `.npz` file."""
    try:
        with open_archive(file) as archive:
            return ncnn.whole_names(map(_name, archive.infolist()))
    except Exception as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> ValueError:
    return ValueError(
        f"`{path}` is not a readable npz file: truncated, corrupt or of another format "
        f"({reason_of(error)})."
    )


def _name(entry: zipfile.ZipInfo) -> str:
    if not entry.filename.endswith(_ENDING):
        raise ValueError(f"{entry.filename[:100]!r} is no array")
    return entry.filename.removesuffix(_ENDING)


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    """Read here, because NumPy makes room for what the header says, whatever is there."""
    with archive.open(entry) as member:
        version = np.lib.format.read_magic(member)
        if version not in _HEADERS:
            raise ValueError(f"array {entry.filename[:100]!r} of format {version}")
        shape, by_columns, dtype = _HEADERS[version](member)
        if dtype.hasobject:
            raise ValueError("arrays of Python objects are not read")
        size = math.prod(shape) * dtype.itemsize
        raw = bytearray(member.read(entry.file_size))
    if len(raw) != size or any(side < 0 for side in shape):
        raise ValueError(f"array {entry.filename[:100]!r} should have {size} bytes, has {len(raw)}")
    if not size:
        return np.empty(shape, dtype)
    array = np.frombuffer(raw, dtype)  # of a bytearray, so that it may be written to
    return array.reshape(shape[::-1]).T if by_columns else array.reshape(shape)
