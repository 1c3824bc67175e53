"""PyTorch files: read exactly, and never trusted."""

import json
import zipfile
import zlib

import numpy as np
import pytest

from kerazoo.checkpoints.read.tensors import read_tensors
from kerazoo.checkpoints.read.torch import UnsafePickleError
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
from tests.references import REFERENCES

F4 = np.arange(24, dtype="float32")


@pytest.mark.parametrize("name", ["espnetv2_s_1.0_pascal_256x256", "espnetv2_s_0.5_city_512x256"])
def test_trained_legacy_files_bit_for_bit(shared, name):
    spec = json.loads((REFERENCES / f"specs/real_{name}.json").read_text())
    state = read_tensors(shared / f"weights/espnetv2_seg/{name}.pth")
    assert list(state) == [e["name"] for e in spec["entries"]]
    for entry in spec["entries"]:
        array = state[entry["name"]]
        assert list(array.shape) == entry["shape"]
        assert array.dtype == entry["dtype"]
        assert zlib.crc32(array.tobytes()) == entry["crc32"], entry["name"]


def test_zip_container_with_every_type(tmp_path):
    rng = np.random.default_rng(0)
    types = ("f4", "f8", "f2", "i8", "i4", "i2", "i1", "u1", "?")
    arrays = {f"layer.{t}": (rng.normal(size=(3, 2, 4)) * 9).astype(t) for t in types}
    write_zip(tmp_path / "a.pth", *encode(arrays))
    state = read_tensors(tmp_path / "a.pth")
    assert list(state) == list(arrays)
    for name, array in arrays.items():
        assert state[name].dtype == array.dtype
        np.testing.assert_array_equal(state[name], array)
    state["layer.f4"][0] = 1  # a copy of its own, which may be changed


def test_bfloat16_is_widened(tmp_path):
    bits = np.array([0x3F80, 0xC040, 0x0001], "<u2")  # 1, -3, the smallest subnormal
    code = state_dict({"x": tensor("0", "bfloat16", 3, 0, (3,), (1,))})
    write_zip(tmp_path / "a.pt", code, {"0": bits.tobytes()})
    x = read_tensors(tmp_path / "a.pt")["x"]
    assert x.dtype == "float32"
    np.testing.assert_array_equal(x, np.array([1, -3, 2.0**-133], "float32"))


@pytest.mark.parametrize("container", ["zip", "legacy"])
def test_views_offsets_scalars_and_empty_tensors(tmp_path, container):
    code = state_dict(
        {
            "transposed": tensor("a", "float32", 24, 2, (3, 4), (1, 5)),
            "scalar": tensor("a", "float32", 24, 7, (), ()),
            "empty": tensor("a", "float32", 24, 0, (0, 4), (4, 1)),
        }
    )
    path = tmp_path / "model.bin"
    if container == "zip":
        write_zip(path, code, {"a": F4.tobytes()})
    else:
        write_legacy(path, code, {"a": F4})
    state = read_tensors(path)
    expected = 2 + np.arange(3)[:, None] + 5 * np.arange(4)
    np.testing.assert_array_equal(state["transposed"], expected)
    assert state["transposed"].flags.c_contiguous
    assert (state["scalar"], state["scalar"].shape) == (7, ())
    assert state["empty"].shape == (0, 4)


@pytest.mark.parametrize("wrapper", ["state_dict", "model"])
def test_training_checkpoints_are_unwrapped(tmp_path, wrapper):
    inner, storages = encode({"fc.weight": F4.reshape(4, 6)})
    code = b"}(" + value("epoch") + value(3) + value(wrapper) + inner + b"u"
    write_zip(tmp_path / "a.pth", code, storages)
    assert list(read_tensors(tmp_path / "a.pth")) == ["fc.weight"]


def test_parameters_are_tensors(tmp_path):
    inside = tensor("0", "float32", 24, 0, (24,), (1,))
    hooks = call("collections", "OrderedDict")
    code = state_dict({"w": call("torch._utils", "_rebuild_parameter", inside, value(True), hooks)})
    write_zip(tmp_path / "a.pth", code, {"0": F4.tobytes()})
    np.testing.assert_array_equal(read_tensors(tmp_path / "a.pth")["w"], F4)


GLOBALS = [
    ("os", "system"),
    ("posix", "system"),
    ("builtins", "eval"),
    ("builtins", "getattr"),
    ("subprocess", "Popen"),
    ("collections", "defaultdict"),
    ("torch", "ComplexFloatStorage"),
    ("torch._utils", "_rebuild_tensor_v2.__class__"),
    ("torch.storage", "_load_from_bytes"),
    ("__main__", "Net"),
]


@pytest.mark.parametrize("container", ["zip", "legacy"])
@pytest.mark.parametrize(("module", "name"), GLOBALS)
def test_malicious_pickle_is_refused_and_nothing_runs(tmp_path, container, module, name):
    witness = tmp_path / "executed"
    code = call(module, name, value(f"touch {witness}"))
    path = tmp_path / "a.pth"
    write_zip(path, code, {}) if container == "zip" else write_legacy(path, code, {})
    with pytest.raises(UnsafePickleError, match=rf"a\.pth.*`{module}\.{name}`"):
        read_tensors(path)
    assert not witness.exists()


def test_the_first_pickle_of_a_legacy_file_is_guarded_too(tmp_path):
    path = tmp_path / "a.pth"
    path.write_bytes(b"\x80\x02" + call("os", "system", value("true")) + b".")
    with pytest.raises(UnsafePickleError, match=r"`os\.system`"):
        read_tensors(path)


def test_allowed_callables_cannot_be_changed_for_the_next_file(tmp_path):
    function = b"ctorch._utils\n_rebuild_tensor_v2\n"
    write_zip(tmp_path / "bad.pth", function + b"}" + value("__call__") + value(1) + b"sb", {})
    with pytest.raises(ValueError, match="not a readable"):
        read_tensors(tmp_path / "bad.pth")
    write_zip(tmp_path / "good.pth", *encode({"x": F4}))
    np.testing.assert_array_equal(read_tensors(tmp_path / "good.pth")["x"], F4)


def one(*arguments):
    return state_dict({"w": tensor("0", "float32", *arguments)})


BOGUS = {
    "beyond the storage": (one(24, 0, (25,), (1,)), r"'w' reaches element 24 of 24"),
    "offset beyond": (one(24, 20, (5,), (1,)), "'w' reaches element 24 of 24"),
    "stride beyond": (one(24, 0, (3, 3), (12, 1)), "'w' reaches element 26 of 24"),
    "negative offset": (one(24, -1, (2,), (1,)), "impossible"),
    "negative stride": (one(24, 5, (2,), (-1,)), "impossible"),
    "negative side": (one(24, 0, (-2, -2), (1, 1)), "impossible"),
    "huge sides": (one(24, 0, (2**62, 2**62), (2**62, 1)), "reaches element"),
    "a repeated element": (one(24, 0, (2**40,), (0,)), "reaches element"),
    "shape and stride of unlike length": (one(24, 0, (2, 2), (1,)), r"shape \(2, 2\)"),
    "too many sides": (one(24, 0, (1,) * 40, (1,) * 40), "impossible"),
    "a storage larger than its bytes": (one(10**12, 0, (1,), (1,)), "has 1000000000000 elements"),
    "a storage of negative size": (one(-1, 0, (1,), (1,)), "impossible size -1"),
    "a tensor without storage": (
        state_dict(
            {"w": call("torch._utils", "_rebuild_tensor_v2", *map(value, (None, 0, (), ())))}
        ),
        "'w' has no storage",
    ),
    "a bare storage": (state_dict({"w": storage("0", "float32", 24)}), "not a tensor"),
    "a number": (state_dict({"step": value(3)}), "'step' is a int, not a tensor"),
    "a list": (b"]", "holds a list, not a dict"),
    "a view of a storage": (
        state_dict({"w": storage("0", "float32", 24, [("k", 0, 1)])}),
        "views of storages",
    ),
    "two views of one key": (
        state_dict({"a": one(24, 0, (1,), (1,)), "b": storage("0", "int64", 24)}),
        "described in two ways",
    ),
}


@pytest.mark.parametrize("container", ["zip", "legacy"])
@pytest.mark.parametrize("case", BOGUS)
def test_contradictions_are_refused(tmp_path, container, case):
    code, message = BOGUS[case]
    path = tmp_path / "a.pth"
    if container == "zip":
        write_zip(path, code, {"0": F4.tobytes()})
    else:
        write_legacy(path, code, {"0": F4} if b"Storage" in code else {})
    with pytest.raises(ValueError, match=rf"a\.pth` is not a readable PyTorch.*{message}"):
        read_tensors(path)


def test_storage_count_of_a_legacy_file_is_bounded_by_the_file(tmp_path):
    write_legacy(tmp_path / "a.pth", one(2**60, 0, (1,), (1,)), {"0": F4}, counts={"0": 2**60})
    with pytest.raises(ValueError, match="not a readable PyTorch"):
        read_tensors(tmp_path / "a.pth")


def test_other_containers_are_refused(tmp_path):
    path = tmp_path / "a.pth"
    write_zip(path, *encode({"x": F4}), order=b"big")
    with pytest.raises(ValueError, match="big-endian"):
        read_tensors(path)
    write_zip(path, *encode({"x": F4}), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="compressed entries"):
        read_tensors(path)
    write_legacy(path, one(24, 0, (24,), (1,)), {"0": F4}, protocol=1000)
    with pytest.raises(ValueError, match="protocol 1000"):
        read_tensors(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("holiday.jpg", b"")
    with pytest.raises(ValueError, match=r"without exactly one data\.pkl"):
        read_tensors(path)


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.6, 0.95, 0.9999])
@pytest.mark.parametrize("container", ["zip", "legacy"])
def test_truncated_files(tmp_path, container, share):
    path = tmp_path / "cut.pth"
    code, storages = encode({f"layer{i}.weight": np.arange(4000, dtype="f4") for i in range(30)})
    if container == "zip":
        write_zip(path, code, storages)
    else:
        write_legacy(path, code, {k: np.frombuffer(raw, "f4") for k, raw in storages.items()})
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"cut\.pth` is not a readable PyTorch state dict"):
        read_tensors(path)


def test_a_flipped_byte_in_a_zip_is_noticed(tmp_path):
    path = tmp_path / "a.pth"
    write_zip(path, *encode({"x": F4}))
    raw = bytearray(path.read_bytes())
    raw[raw.index(F4.tobytes()) + 5] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ValueError, match="Bad CRC-32"):
        read_tensors(path)
