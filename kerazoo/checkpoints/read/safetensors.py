"""Safetensors: eight bytes of length, a header of JSON, and the arrays one after the other.

Read here and not by the `safetensors` package, because that takes a path, not the open file whose
digest was checked, and of a name that is there twice silently takes the last.
"""

import json
import math
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from kerazoo._bounds import CONFIG_BYTES
from kerazoo.checkpoints.read.integers import whole_names, widened

# bfloat16 has no NumPy type: its bits are read as uint16 and widened to float32.
_TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4",
    "I16": "<i2", "I8": "|i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip


def read_safetensors(file: BinaryIO, path: Path) -> dict[str, np.ndarray]:
    """Names and arrays of a `.safetensors` file; bfloat16 becomes float32, integers with a scale
    the floats that they stand for (`integers`).

    Args:
        file: The open file.
        path: For messages.

    Raises:
        ValueError: It is something else, or cut off, or its sizes contradict one another.
    """
    try:
        entries, start = _header(file)
        return widened({name: _array(file, start, entry) for name, entry in entries.items()})
    except Exception as error:
        raise _unreadable(path, error) from error


def safetensors_names(file: BinaryIO, path: Path) -> tuple[str, ...]:
    """The names in the header of a `.safetensors` file."""
    try:
        entries, _ = _header(file)
        kinds = {name: np.dtype(_TYPES[entry["dtype"]]).kind for name, entry in entries.items()}
        return whole_names(kinds | {n: "V" for n, e in entries.items() if e["dtype"] == "BF16"})
    except Exception as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> ValueError:
    return ValueError(
        f"`{path}` is not a readable safetensors file: truncated, corrupt or of another "
        f"format ({error})."
    )


def _header(file: BinaryIO) -> tuple[dict[str, Any], int]:
    """Type, shape and place of each array, checked, and where the first begins."""
    size = file.seek(0, 2)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if length > min(size - 8, CONFIG_BYTES.value):
        raise ValueError(f"a header of {length:,} bytes")
    header = json.loads(file.read(length).decode("utf-8"), object_pairs_hook=_once)
    if not isinstance(header, dict):
        raise ValueError("a header that is no JSON object")
    header.pop("__metadata__", None)
    end = 0
    for name, entry in sorted(header.items(), key=lambda item: _place(*item)):
        begin, until = entry["data_offsets"]
        if begin != end or until - begin != _size(entry["dtype"], entry["shape"]):
            raise ValueError(f"array {name[:100]!r} does not lie where its shape says")
        end = until
    if end != size - 8 - length:
        raise ValueError(f"arrays of {end:,} bytes, {size - 8 - length:,} are stored")
    return header, 8 + length


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise ValueError(f"{twice[:100]!r} is there twice")
    return found


def _place(name: str, entry: Any) -> tuple[int, int]:
    """Begin and end of an array, once its entry is known to be one."""
    shown = name[:100]
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"entry {shown!r} has not just dtype, shape and data_offsets")
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not isinstance(shape, list) or not isinstance(offsets, list) or len(offsets) != 2:
        raise ValueError(f"entry {shown!r} has no shape and place")
    numbers = [*shape, *offsets]
    if len(shape) > 32 or any(type(n) is not int or not 0 <= n < 2**63 for n in numbers):
        raise ValueError(f"entry {shown!r} has an impossible shape or place")
    if not isinstance(entry["dtype"], str) or entry["dtype"] not in _TYPES:
        raise ValueError(f"entry {shown!r} is of type {str(entry['dtype'])[:20]!r}")
    return offsets[0], offsets[1]


def _size(kind: str, shape: list[int]) -> int:
    return math.prod(shape) * np.dtype(_TYPES[kind]).itemsize


def _array(file: BinaryIO, start: int, entry: dict[str, Any]) -> np.ndarray:
    begin, end = entry["data_offsets"]
    array = np.empty(entry["shape"], _TYPES[entry["dtype"]])
    file.seek(start + begin)
    if end > begin and file.readinto(memoryview(array).cast("B")) != end - begin:  # type: ignore
        raise ValueError("it was cut off while it was read")
    if entry["dtype"] == "BF16":
        return (array.astype("<u4") << 16).view("<f4")
    return array
