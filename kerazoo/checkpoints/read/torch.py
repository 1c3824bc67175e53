"""PyTorch state dicts read without torch, by a pickle machine that builds tensors and nothing else.

Both containers: the legacy one (five pickles in a row, then the raw storages) and the zip archive
that torch writes since 1.6. A pickle can ask for any function of any module; this one may ask for
the names in `_ALLOWED` alone. What the arrays take is bounded by what the storages hold.
"""

import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from kerazoo._errors import reason_of
from kerazoo.checkpoints.read.pickles import (
    MOST_BYTES,
    Builder,
    Machine,
    PlainDict,
    UnsafePickleError,
)

__all__ = ["UnsafePickleError", "read_torch"]

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_SHARED = 4  # times the bytes of all storages that different views of them may take
_FLOOR = 2**20  # bytes that they may take in any case
_WRAPPERS = ("state_dict", "model")  # names under which training scripts keep the weights

# bfloat16 has no NumPy type: its bits are read as uint16 and widened to float32.
_STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}


class _StorageType(NamedTuple):
    dtype: str


class _Storage(NamedTuple):
    key: str
    dtype: str
    count: int


class _Tensor(NamedTuple):
    storage: Any
    offset: Any
    shape: Any
    stride: Any


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, stride: Any, *_hooks: Any) -> _Tensor:
    return _Tensor(storage, offset, shape, stride)


_ALLOWED = {
    ("collections", "OrderedDict"): Builder(PlainDict.of_pairs),
    ("torch._utils", "_rebuild_tensor"): Builder(_rebuild_tensor),  # torch before 0.4
    ("torch._utils", "_rebuild_tensor_v2"): Builder(_rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): Builder(lambda data, *_hooks: data),
    **{("torch", name): _StorageType(dtype) for name, dtype in _STORAGES.items()},
}


class _Unpickler:
    """Loads pickles one after the other; storages are only noted, their bytes come later."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0
        self.storages: dict[str, _Storage] = {}

    def load(self) -> Any:
        machine = Machine(self._data, _ALLOWED, self._storage, self.at)
        value = machine.load()
        self.at = machine.at
        return value

    def _storage(self, pid: Any) -> _Storage:
        if type(pid) is not tuple or len(pid) < 5:
            raise ValueError("a persistent object that is no storage")
        kind, storage_type, key, _device, count, *view = pid
        if kind != "storage" or type(storage_type) is not _StorageType:
            raise ValueError(f"unknown kind of persistent object {_shown(kind)}")
        if view and view[0] is not None:
            raise ValueError("views of storages (torch before 0.4) are not supported")
        if type(count) is not int or not 0 <= count < 2**63 or type(key) is not str:
            raise ValueError(f"storage {_shown(key)} has an impossible size {_shown(count)}")
        storage = _Storage(key, storage_type.dtype, count)
        if self.storages.setdefault(key, storage) != storage:
            raise ValueError(f"storage {_shown(key)} is described in two ways")
        return storage


def _shown(value: Any, inside: bool = False) -> str:
    """A value for messages: a tuple of tuples of ... could be of any length."""
    if type(value) in (str, int, bool, float, type(None)):
        text = repr(value)
        return text if len(text) <= 100 else f"{text[:100]}…"
    if type(value) is tuple and not inside and len(value) <= 64:
        items = [_shown(each, True) for each in value]
        return f"({', '.join(items)}{',' * (len(items) == 1)})"
    return f"a {type(value).__name__}"


def read_torch(file: BinaryIO, path: Path) -> dict[str, np.ndarray]:
    """Names and arrays of a `.pth`, `.pt` or `.bin` state dict, torch layouts, names verbatim.

    `{"state_dict": ...}` and `{"model": ...}` are unwrapped. bfloat16 becomes float32. Names of one
    and the same tensor get one and the same array.

    Args:
        file: The open file.
        path: For messages.

    Raises:
        UnsafePickleError: The file asks for anything but tensors.
        ValueError: The file is no state dict, or cut off, or its sizes contradict one another.
    """
    try:
        reader = _read_zip if zipfile.is_zipfile(file) else _read_legacy
        file.seek(0)
        return _arrays(*reader(file))
    except UnsafePickleError as error:
        raise UnsafePickleError(f"`{path}`: {error}.") from None
    except Exception as error:  # a broken pickle can fail in any way; none of them is ours
        reason = reason_of(error)
        raise ValueError(
            f"`{path}` is not a readable PyTorch state dict: truncated, corrupt or of another "
            f"format ({reason})."
        ) from error


def _read_legacy(file: BinaryIO) -> tuple[Any, Mapping[str, np.ndarray]]:
    """Magic number, protocol, platform, state dict, storage keys; then count and bytes of each."""
    unpickler = _Unpickler(file.read(MOST_BYTES))
    if (magic := unpickler.load()) != _LEGACY_MAGIC or type(magic) is not int:
        raise ValueError("no magic number of torch.save")
    protocol = unpickler.load()
    if type(protocol) is not int or protocol != _LEGACY_PROTOCOL:
        raise ValueError(f"protocol {_shown(protocol)}, expected {_LEGACY_PROTOCOL}")
    if unpickler.load().get("little_endian") is not True:
        raise ValueError("written on a big-endian machine")
    root = unpickler.load()
    keys = unpickler.load()
    if type(keys) is not list or any(type(key) is not str for key in keys):
        raise ValueError("storages whose keys are no names")
    end = file.seek(0, 2)
    file.seek(unpickler.at)
    storages = {}
    for key in keys:
        storage = unpickler.storages[key]
        (count,) = struct.unpack("<q", file.read(8))
        size = count * _item_size(storage.dtype)
        if count != storage.count or size > end - file.tell():
            raise ValueError(
                f"storage {_shown(key)} has {storage.count} elements, {count} are stored"
            )
        storages[key] = _decode(file.read(size), storage.dtype)
    return root, storages


def _read_zip(file: BinaryIO) -> tuple[Any, Mapping[str, np.ndarray]]:
    """`<name>/data.pkl` and, for each storage, `<name>/data/<key>`, never compressed."""
    end = file.seek(0, 2)
    with zipfile.ZipFile(file) as archive:
        roots = [n for n in archive.namelist() if n.endswith("/data.pkl") and n.count("/") == 1]
        if len(roots) != 1:
            raise ValueError("a zip file without exactly one data.pkl")
        prefix = roots[0].removesuffix("data.pkl")
        if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
            raise ValueError("compressed entries, which torch.save does not write")
        order = f"{prefix}byteorder"
        if order in archive.namelist() and _read_entry(archive, order, 16) != b"little":
            raise ValueError("written on a big-endian machine")
        unpickler = _Unpickler(_read_entry(archive, roots[0], MOST_BYTES))
        root = unpickler.load()
        storages = {}
        for key, storage in unpickler.storages.items():
            info = archive.getinfo(f"{prefix}data/{key}")
            if info.file_size != storage.count * _item_size(storage.dtype):
                raise ValueError(
                    f"storage {_shown(key)} has {storage.count} elements of {storage.dtype}, but "
                    f"{info.file_size} bytes"
                )
            end -= info.file_size  # entries may point to the same bytes
            if end < 0:
                raise ValueError("entries that overlap")
            storages[key] = _decode(archive.read(info), storage.dtype)
    return root, storages


def _read_entry(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    if archive.getinfo(name).file_size > most:
        raise ValueError(f"{name.rpartition('/')[2]} has more than {most:,} bytes")
    return archive.read(name)


def _item_size(dtype: str) -> int:
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize


def _decode(raw: bytes, dtype: str) -> np.ndarray:
    if dtype == "bfloat16":
        return (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4")
    return np.frombuffer(raw, dtype)


def _unwrap(root: Any) -> Mapping[str, _Tensor]:
    for name in _WRAPPERS:
        if isinstance(root, PlainDict) and isinstance(root.get(name), PlainDict):
            root = root[name]
    if not isinstance(root, PlainDict):
        raise ValueError(f"holds a {_kind(root)}, not a dict of tensors")
    for name, value in root.items():
        if not isinstance(name, str) or type(value) is not _Tensor:
            raise ValueError(f"entry {_shown(name)} is a {_kind(value)}, not a tensor")
    return root


def _kind(value: Any) -> str:
    return "dict" if isinstance(value, PlainDict) else type(value).__name__


def _arrays(root: Any, storages: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """An array for each name; all together no larger than some times the storages."""
    left = max(_FLOOR, _SHARED * sum(storage.nbytes for storage in storages.values()))
    made: dict[_Tensor, np.ndarray] = {}
    result = {}
    for name, tensor in _unwrap(root).items():
        _check(name, tensor)
        if tensor not in made:
            data = storages[tensor.storage.key]
            left -= min(_count(tensor.shape), data.size) * data.itemsize
            if left < 0:
                raise ValueError("its tensors are views that would take many times its bytes")
            made[tensor] = _array(name, tensor, data)
        result[name] = made[tensor]
    return result


def _check(name: str, tensor: _Tensor) -> None:
    """That it is made of numbers: with anything else, looking it up could take for ever."""
    shown = _shown(name)
    if type(tensor.storage) is not _Storage:
        raise ValueError(f"tensor {shown} has no storage")
    offset, shape, stride = tensor.offset, tensor.shape, tensor.stride
    if type(shape) is not tuple or type(stride) is not tuple or len(shape) != len(stride):
        raise ValueError(f"tensor {shown} has shape {_shown(shape)} and stride {_shown(stride)}")
    numbers = (offset, *shape, *stride)
    if len(shape) > 32 or any(type(n) is not int or not 0 <= n < 2**63 for n in numbers):
        parts = ", ".join(map(_shown, (offset, shape, stride)))
        raise ValueError(f"tensor {shown} has an impossible ({parts})")


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for side in shape:
        count *= side
    return count


def _array(name: str, tensor: _Tensor, data: np.ndarray) -> np.ndarray:
    """A contiguous copy of what a tensor describes, checked to lie inside its storage."""
    offset, shape, stride = tensor.offset, tensor.shape, tensor.stride
    count = _count(shape)
    if count == 0:
        return np.zeros(shape, data.dtype)
    last = offset + sum((n - 1) * s for n, s in zip(shape, stride, strict=True))
    # Repeated elements (stride 0) would let a small file fill the memory.
    if last >= data.size or count > data.size:
        raise ValueError(f"tensor {_shown(name)} reaches element {last} of {data.size}")
    steps = tuple(s * data.itemsize for s in stride)
    view = np.lib.stride_tricks.as_strided(data[offset:], shape, steps, writeable=False)
    return np.array(view, order="C")
