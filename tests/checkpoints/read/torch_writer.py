"""Writes torch's zip container by hand, so that the reader is tried without torch.

The pickles are put together from opcodes: that way a test can also ask for what no honest file
asks for.
"""

import io
import pickle
import struct
import zipfile

import numpy as np

_TYPES = {
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "float16": "HalfStorage",
    "int64": "LongStorage",
    "int32": "IntStorage",
    "int16": "ShortStorage",
    "int8": "CharStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
    "bfloat16": "BFloat16Storage",
}


def call(module, name, *arguments):
    """Opcodes that import `module.name` and call it."""
    return f"c{module}\n{name}\n".encode() + b"(" + b"".join(arguments) + b"tR"


def value(x):
    """Opcodes that build an int, a string, None or a tuple of those."""
    if isinstance(x, tuple):
        return b"(" + b"".join(map(value, x)) + b"t"
    if isinstance(x, bool) or x is None:
        return {True: b"\x88", False: b"\x89", None: b"N"}[x]
    if isinstance(x, int):
        return b"\x8a\x08" + struct.pack("<q", x)
    raw = x.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def storage(key, dtype, count, view=()):
    """Opcodes for a persistent storage."""
    items = value("storage") + f"ctorch\n{_TYPES[dtype]}\n".encode()
    return b"(" + items + b"".join(map(value, (key, "cpu", count, *view))) + b"tQ"


def tensor(key, dtype, count, offset, shape, stride):
    """Opcodes for a tensor that looks at a storage."""
    hooks = call("collections", "OrderedDict")
    parts = (storage(key, dtype, count), *map(value, (offset, shape, stride, False)), hooks)
    return call("torch._utils", "_rebuild_tensor_v2", *parts)


def state_dict(items):
    """Opcodes for an OrderedDict of already encoded values, with torch's `_metadata`."""
    body = b"(" + b"".join(value(name) + code for name, code in items.items()) + b"u"
    metadata = b"}" + value("_metadata") + call("collections", "OrderedDict") + b"sb"
    return call("collections", "OrderedDict") + body + metadata


def encode(arrays):
    """Opcodes and storages for contiguous arrays."""
    items, storages = {}, {}
    for i, (name, array) in enumerate(arrays.items()):
        stride = tuple(s // array.itemsize for s in array.strides)
        items[name] = tensor(str(i), array.dtype.name, array.size, 0, array.shape, stride)
        storages[str(i)] = array.tobytes()
    return state_dict(items), storages


def write_zip(path, code, storages, *, order=b"little", compression=zipfile.ZIP_STORED):
    """The container of torch 1.6 and later around `code` (opcodes without frame and stop)."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + code + b".")
        archive.writestr("archive/byteorder", order)
        for key, raw in storages.items():
            archive.writestr(f"archive/data/{key}", raw)
        archive.writestr("archive/version", b"3\n")


def write_legacy(path, code, storages, *, protocol=1001, counts=None):
    """The container before torch 1.6; `storages` maps keys to arrays."""
    out = io.BytesIO()
    system = {"protocol_version": protocol, "little_endian": True, "type_sizes": {}}
    for item in (0x1950A86A20F9469CFC6C, protocol, system):
        pickle.dump(item, out, protocol=2)
    out.write(b"\x80\x02" + code + b".")
    pickle.dump(list(storages), out, protocol=2)
    for key, array in storages.items():
        count = (counts or {}).get(key, np.asarray(array).size)
        out.write(struct.pack("<q", count) + np.asarray(array).tobytes())
    path.write_bytes(out.getvalue())
