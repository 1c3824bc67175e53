"""Small files of every format, for tests of what reads them: whole ones, and hostile ones."""

import io
import json
import struct
import zipfile
import zlib
from functools import cache

import h5py
import numpy as np
from safetensors.numpy import save

from tests.checkpoints.read.torch_writer import (
    call,
    encode,
    state_dict,
    storage,
    tensor,
    value,
    write_legacy,
    write_zip,
)

ARRAYS = {
    "layers.0.weight": np.arange(24, dtype="f4").reshape(2, 3, 4),
    "layers.0.bias": np.zeros(3, "f4"),
    "steps": np.array(7, "i8"),
}


def h5(path, fill):
    """A Keras 3 file whose group of layers `fill` fills."""
    with h5py.File(path, "w") as file:
        fill(file.create_group("layers"))


def keras_layers(layers, **options):
    for i, array in enumerate(ARRAYS.values()):
        variables = layers.create_group(f"conv_{i}/vars")
        variables.attrs["name"] = f"conv_{i}"
        variables.create_dataset("0", data=array, **(options if array.ndim else {}))


def legacy_h5(path):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"a"]
        group = file.create_group("a")
        group.attrs["weight_names"] = [b"a/kernel:0"]
        group["a/kernel:0"] = ARRAYS["layers.0.weight"]


def keras_archive(path):
    inner = io.BytesIO()
    h5(inner, keras_layers)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", json.dumps({"config": {}}))
        archive.writestr("model.weights.h5", inner.getvalue())


def torch_zip(path):
    write_zip(path, *encode(ARRAYS))


def torch_legacy(path):
    code, _ = encode(ARRAYS)
    write_legacy(path, code, {str(i): a for i, a in enumerate(ARRAYS.values())})


WHOLE = {
    "keras.weights.h5": lambda path: h5(path, keras_layers),
    "packed.weights.h5": lambda path: h5(path, lambda g: keras_layers(g, compression="gzip")),
    "legacy.h5": legacy_h5,
    "model.keras": keras_archive,
    "zip.pth": torch_zip,
    "legacy.pth": torch_legacy,
    "plain.npz": lambda path: np.savez(path, **ARRAYS),
    "packed.npz": lambda path: np.savez_compressed(path, **ARRAYS),
    "plain.safetensors": lambda path: path.write_bytes(save(ARRAYS)),
}


def _ladder(layers):
    """Thirty rungs of two hard links each: 2^30 ways to the bottom."""
    here = layers
    for _ in range(30):
        below = here.create_group("a")
        here["b"] = below
        here = below
    here.create_group("vars")["0"] = np.ones(2)


def _circle(layers):
    layers["again"] = layers
    layers.create_group("vars")["0"] = np.ones(2)


def _shared_variables(layers):
    variables = layers.create_group("first/vars")
    for i in range(200):
        variables[str(i)] = np.ones(1)
    for i in range(200):
        layers.create_group(f"l{i}")["vars"] = variables


def _heap(place, number):
    """A file whose names lie in a heap of the file; eight bytes in or before it are changed."""

    def write(path):
        h5(path, keras_layers)
        data = bytearray(path.read_bytes())
        heap = data.index(b"GCOL")
        at = data.index(struct.pack("<IQI", 6, heap, 1)) if place is None else heap + place
        size = 4 if place is None else 8
        data[at : at + size] = number.to_bytes(size, "little")
        path.write_bytes(data)

    return write


def _unwritten(layers):
    """80 GB that were never written: HDF5 fills them with zeros when they are read."""
    layers.create_group("c/vars").create_dataset("0", (20_000_000_000,), "f4")


def _chunk(layers):
    """One number in a chunk of 3.2 GB."""
    layers.create_group("c/vars").create_dataset(
        "0", (1,), "f4", chunks=(800_000_000,), maxshape=(None,), compression="gzip"
    )


def _many_small(layers):
    """400 MB in 100 arrays of zeros, packed."""
    variables = layers.create_group("c/vars")
    for i in range(100):
        variables.create_dataset(
            str(i), (1_000_000,), "f4", chunks=(1_000_000,), compression="gzip"
        )


def _names(path):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [f"l{i}".encode() for i in range(100)]
        group = file.create_group("l0")
        group.attrs["weight_names"] = [f"w{i}".encode() for i in range(100)]
        for i in range(100):
            group[f"w{i}"] = np.ones(1)
        for i in range(1, 100):
            file[f"l{i}"] = group


def _pickle(code):
    return lambda path: write_zip(path, code, {"0": np.arange(24, dtype="f4").tobytes()})


def nested(levels=60):
    """A tuple of twice a tuple of twice ...: 2^60 leaves in 300 bytes, by the memo."""
    code = b")"
    for i in range(levels):
        code += b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86"
    return code


@cache
def _zeros(pieces=80):
    """That many times 10 MB of zeros, deflated: the bytes, their checksum, and how many they were.

    A flushed piece starts anew, so that one is packed and then repeated.
    """
    piece = bytes(10_000_000)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    crc = 0
    for _ in range(pieces):
        crc = zlib.crc32(piece, crc)
    return packed * pieces + packer.flush(), crc, pieces * len(piece)


def _zip_bomb(path, name, claimed=None):
    """A deflated entry of zeros, whose directory may say another size."""
    packed, crc, size = _zeros()
    size = size if claimed is None else claimed
    facts = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, crc, len(packed), size, len(name), 0)
    local = b"PK\3\4" + facts + name.encode()
    central = b"PK\1\2\x14\0" + facts + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name.encode()
    end = struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local) + len(packed), 0)
    path.write_bytes(local + packed + central + b"PK\5\6" + end)


def _npy(shape, dtype="<f4", content=b""):
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + content


def _zip(name, content, method=zipfile.ZIP_STORED):
    def write(path):
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr(name, content)

    return write


def _safe(header, content=b""):
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return lambda path: path.write_bytes(struct.pack("<Q", len(raw)) + raw + content)


def _entry(shape, begin, end, kind="F32"):
    return {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}


_VIEWS = state_dict(
    {f"w{i}": tensor("0", "float32", 300_000, 0, (300_000 - i,), (1,)) for i in range(2000)}
)


def _overlap(path):
    """A thousand storages whose entries all point to the same megabyte."""
    raw = b"\0" * 1_000_000
    code = state_dict(
        {f"w{i}": tensor(str(i), "float32", 250_000, 0, (250_000,), (1,)) for i in range(1000)}
    )
    write_zip(path, code, {"0": raw})
    with zipfile.ZipFile(path, "a") as archive:
        first = archive.getinfo("archive/data/0")
        for i in range(1, 1000):
            other = zipfile.ZipInfo(f"archive/data/{i}")
            for field in ("file_size", "compress_size", "CRC", "header_offset"):
                setattr(other, field, getattr(first, field))
            archive.filelist.append(other)
        archive._didModify = True


# name of the file -> (what writes it, a part of the complaint)
HOSTILE = {
    "ladder.weights.h5": (lambda p: h5(p, _ladder), "under two names"),
    "circle.weights.h5": (lambda p: h5(p, _circle), "under two names"),
    "shared.weights.h5": (lambda p: h5(p, _shared_variables), "under two names"),
    "names.h5": (_names, "under two names"),
    # Of the first object its size, then of what is left: either kept HDF5 walking for ever.
    "object.weights.h5": (_heap(24, 2**64 - 16), "objects do not fit"),
    "text.weights.h5": (_heap(None, 2**32 - 1), "4,294,967,295 bytes that are not there"),
    "unwritten.weights.h5": (lambda p: h5(p, _unwritten), "KERAZOO_MAX_UNPACKED_BYTES"),
    "chunk.weights.h5": (lambda p: h5(p, _chunk), "KERAZOO_MAX_UNPACKED_BYTES"),
    "small.weights.h5": (lambda p: h5(p, _many_small), "KERAZOO_MAX_UNPACKED_BYTES"),
    "bomb.keras": (lambda p: _zip_bomb(p, "model.weights.h5"), "KERAZOO_MAX_UNPACKED_BYTES"),
    "lies.keras": (lambda p: _zip_bomb(p, "model.weights.h5", claimed=9), "not a readable"),
    "bomb.npz": (lambda p: _zip_bomb(p, "x.npy"), "KERAZOO_MAX_UNPACKED_BYTES"),
    "lies.npz": (lambda p: _zip_bomb(p, "x.npy", claimed=99), "not a readable"),
    "shape.npz": (_zip("x.npy", _npy((10**12,))), "should have 4000000000000 bytes, has 0"),
    "minus.npz": (_zip("x.npy", _npy((-1, -1), content=b"\0" * 4)), "should have 4 bytes"),
    "deep.npz": (_zip("x.npy", _npy("(" * 5000)), "not a readable"),
    "objects.npz": (_zip("x.npy", _npy((1,), "|O", b"cos\nsystem\n.")), "Python objects"),
    "lzma.npz": (_zip("x.npy", _npy((1,)), zipfile.ZIP_LZMA), "packed by an unknown method"),
    "text.npz": (_zip("x.txt", b"hello"), "'x.txt' is no array"),
    "keys.pth": (_pickle(b"}" + nested() + b"Ns"), "a key of kind tuple"),
    "pairs.pth": (
        _pickle(b"ccollections\nOrderedDict\n](" + nested() + b"N\x86e\x85R"),
        "a key of kind tuple",
    ),
    "shape.pth": (
        _pickle(
            state_dict(
                {
                    "w": call(
                        "torch._utils", "_rebuild_tensor_v2",
                        storage("0", "float32", 24), value(0), nested(), nested(),
                    )
                }
            )
        ),
        "shape",
    ),
    "pid.pth": (_pickle(b"(" + nested() + b"NNNNtQ"), "unknown kind of persistent object (a tuple"),
    "memo.pth": (_pickle(b"]r\xff\xff\xff\xff"), "holds a list"),
    "opcode.pth": (_pickle(b"]2" * 100), "opcode 0x32"),
    "opcodes.pth": (_pickle(b"N" * 3_000_000), "more than 2,000,000 opcodes"),
    "long.pth": (_pickle(b"\x8b\xff\xff\xff\x7f"), "cut off"),
    "views.pth": (
        lambda p: write_zip(p, _VIEWS, {"0": np.zeros(300_000, "f4").tobytes()}),
        "many times its bytes",
    ),
    "overlap.pth": (_overlap, "not a readable"),
    "twice.safetensors": (
        _safe(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
              b'"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', b"xy"),
        "'a' is there twice",
    ),
    "inner.safetensors": (
        _safe(b'{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', b"x"),
        "'dtype' is there twice",
    ),
    "gap.safetensors": (_safe({"a": _entry([1], 4, 8)}, b"\0" * 8), "does not lie where"),
    "huge.safetensors": (_safe({"a": _entry([10**12], 0, 4 * 10**12)}, b"\0" * 8), "are stored"),
    "over.safetensors": (
        _safe({"a": _entry([2], 0, 8), "b": _entry([1], 4, 8)}, b"\0" * 8), "does not lie where"
    ),
    "kind.safetensors": (_safe({"a": _entry([1], 0, 1, "F8_E4M3")}, b"x"), "of type 'F8_E4M3'"),
    "deep.safetensors": (_safe(b'{"a":' + b"[" * 100_000), "not a readable"),
    "odd.safetensors": (_safe({"a": [1]}), "has not just dtype, shape"),
    "length.safetensors": (lambda p: p.write_bytes(b"\xff" * 8 + b"{}"), "a header of"),
}  # fmt: skip
