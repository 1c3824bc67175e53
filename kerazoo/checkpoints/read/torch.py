"""PyTorch state dicts read without torch, by an unpickler that builds tensors and nothing else.

Both containers: the legacy one (five pickles in a row, then the raw storages) and the zip archive
that torch writes since 1.6. A pickle can ask for any function of any module; this one may ask for
the names in `_allowed` alone, and what they build holds no attribute that a pickle could set.
"""

import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
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


class UnsafePickleError(ValueError):
    """The file asks for something that reading weights never needs; nothing was executed."""


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


class _StateDict(dict):
    """Stands in for OrderedDict. torch attaches version numbers (`_metadata`): dropped."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        pass


class _RebuildTensor:
    __slots__ = ()

    def __call__(self, storage, offset, shape, stride, *_hooks) -> _Tensor:
        return _Tensor(storage, offset, shape, stride)


class _RebuildParameter:
    __slots__ = ()

    def __call__(self, data, *_hooks) -> _Tensor:
        return data


_allowed = {
    ("collections", "OrderedDict"): _StateDict,
    ("torch._utils", "_rebuild_tensor"): _RebuildTensor(),  # torch before 0.4
    ("torch._utils", "_rebuild_tensor_v2"): _RebuildTensor(),
    ("torch._utils", "_rebuild_parameter"): _RebuildParameter(),
    **{("torch", name): _StorageType(dtype) for name, dtype in _STORAGES.items()},
}


class _Unpickler(pickle.Unpickler):
    """Loads one pickle; storages are only noted, their bytes come later."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, encoding="utf-8")
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _allowed[module, name]
        except KeyError:
            raise UnsafePickleError(
                f"refused to load the global `{module}.{name}`: a state dict holds tensors and "
                "nothing else. Nothing was executed"
            ) from None

    def persistent_load(self, pid: Any) -> _Storage:
        kind, storage_type, key, _device, count, *view = pid
        if kind != "storage" or type(storage_type) is not _StorageType:
            raise ValueError(f"unknown kind of persistent object {kind!r}")
        if view and view[0] is not None:
            raise ValueError("views of storages (torch before 0.4) are not supported")
        if type(count) is not int or count < 0 or type(key) is not str:
            raise ValueError(f"storage {key!r} has an impossible size {count!r}")
        storage = _Storage(key, storage_type.dtype, count)
        if self.storages.setdefault(key, storage) != storage:
            raise ValueError(f"storage {key!r} is described in two ways")
        return storage


def read_torch(path: Path) -> dict[str, np.ndarray]:
    """Names and arrays of a `.pth`, `.pt` or `.bin` state dict, torch layouts, names verbatim.

    `{"state_dict": ...}` and `{"model": ...}` are unwrapped. bfloat16 becomes float32.

    Raises:
        UnsafePickleError: The file asks for anything but tensors.
        ValueError: The file is no state dict, or cut off, or its sizes contradict one another.
    """
    try:
        with open(path, "rb") as file:
            reader = _read_zip if zipfile.is_zipfile(file) else _read_legacy
            file.seek(0)
            root, storages = reader(file)
            state = _unwrap(root)
            return {name: _array(name, tensor, storages) for name, tensor in state.items()}
    except FileNotFoundError:
        raise
    except UnsafePickleError as error:
        raise UnsafePickleError(f"`{path}`: {error}.") from None
    except Exception as error:  # a broken pickle can fail in any way; none of them is ours
        reason = str(error) or type(error).__name__
        raise ValueError(
            f"`{path}` is not a readable PyTorch state dict: truncated, corrupt or of another "
            f"format ({reason})."
        ) from error


def _read_legacy(file: BinaryIO) -> tuple[Any, Mapping[str, np.ndarray]]:
    """Magic number, protocol, platform, state dict, storage keys; then count and bytes of each."""
    if _Unpickler(file).load() != _LEGACY_MAGIC:
        raise ValueError("no magic number of torch.save")
    protocol = _Unpickler(file).load()
    if protocol != _LEGACY_PROTOCOL:
        raise ValueError(f"protocol {protocol!r}, expected {_LEGACY_PROTOCOL}")
    if _Unpickler(file).load().get("little_endian") is not True:
        raise ValueError("written on a big-endian machine")
    unpickler = _Unpickler(file)
    root = unpickler.load()
    keys = _Unpickler(file).load()
    here = file.tell()
    end = file.seek(0, 2)
    file.seek(here)
    storages = {}
    for key in keys:
        storage = unpickler.storages[key]
        (count,) = struct.unpack("<q", file.read(8))
        size = count * _item_size(storage.dtype)
        if count != storage.count or size > end - file.tell():
            raise ValueError(f"storage {key!r} has {storage.count} elements, {count} are stored")
        storages[key] = _decode(file.read(size), storage.dtype)
    return root, storages


def _read_zip(file: BinaryIO) -> tuple[Any, Mapping[str, np.ndarray]]:
    """`<name>/data.pkl` and, for each storage, `<name>/data/<key>`, never compressed."""
    with zipfile.ZipFile(file) as archive:
        roots = [n for n in archive.namelist() if n.endswith("/data.pkl") and n.count("/") == 1]
        if len(roots) != 1:
            raise ValueError("a zip file without exactly one data.pkl")
        prefix = roots[0].removesuffix("data.pkl")
        if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
            raise ValueError("compressed entries, which torch.save does not write")
        order = f"{prefix}byteorder"
        if order in archive.namelist() and archive.read(order) != b"little":
            raise ValueError("written on a big-endian machine")
        with archive.open(roots[0]) as pickled:
            unpickler = _Unpickler(pickled)
            root = unpickler.load()
        storages = {}
        for key, storage in unpickler.storages.items():
            info = archive.getinfo(f"{prefix}data/{key}")
            if info.file_size != storage.count * _item_size(storage.dtype):
                raise ValueError(
                    f"storage {key!r} has {storage.count} elements of {storage.dtype}, but "
                    f"{info.file_size} bytes"
                )
            storages[key] = _decode(archive.read(info), storage.dtype)
    return root, storages


def _item_size(dtype: str) -> int:
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize


def _decode(raw: bytes, dtype: str) -> np.ndarray:
    if dtype == "bfloat16":
        return (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4")
    return np.frombuffer(raw, dtype)


def _unwrap(root: Any) -> Mapping[str, Any]:
    kind = type(root).__name__
    for name in _WRAPPERS:
        if isinstance(root, dict) and isinstance(root.get(name), dict):
            root = root[name]
    found = root.items() if isinstance(root, dict) else None
    if found is None:
        raise ValueError(f"holds a {kind}, not a dict of tensors")
    for name, value in found:
        if not isinstance(name, str) or type(value) is not _Tensor:
            raise ValueError(f"entry {name!r} is a {type(value).__name__}, not a tensor")
    return root


def _array(name: str, tensor: _Tensor, storages: Mapping[str, np.ndarray]) -> np.ndarray:
    """A contiguous copy of what a tensor describes, checked to lie inside its storage."""
    if type(tensor.storage) is not _Storage:
        raise ValueError(f"tensor {name!r} has no storage")
    data = storages[tensor.storage.key]
    offset, shape, stride = tensor.offset, tensor.shape, tensor.stride
    if type(shape) is not tuple or type(stride) is not tuple or len(shape) != len(stride):
        raise ValueError(f"tensor {name!r} has shape {shape!r} and stride {stride!r}")
    if len(shape) > 32 or any(type(n) is not int or n < 0 for n in (offset, *shape, *stride)):
        raise ValueError(f"tensor {name!r} has an impossible {(offset, shape, stride)!r}")
    count = 1
    for side in shape:
        count *= side
    if count == 0:
        return np.zeros(shape, data.dtype)
    last = offset + sum((n - 1) * s for n, s in zip(shape, stride, strict=True))
    # Repeated elements (stride 0) would let a small file fill the memory.
    if last >= data.size or count > data.size:
        raise ValueError(f"tensor {name!r} reaches element {last} of {data.size}")
    steps = tuple(s * data.itemsize for s in stride)
    view = np.lib.stride_tricks.as_strided(data[offset:], shape, steps, writeable=False)
    return np.array(view, order="C")
