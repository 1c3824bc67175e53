"""Kernels at a byte a number."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from kerazoo.checkpoints.read.integers import narrowed, widened
from kerazoo.checkpoints.read.tensors import read_tensors, tensor_names

SCALE = np.float32(0.0173)


def kernel(low=-100, high=120):
    steps = np.random.default_rng(0).integers(low, high, (3, 3, 5, 7))
    steps.flat[:2] = low, low + 1
    return steps.astype("float32") * SCALE


def test_integers_and_a_scale_are_exact(tmp_path):
    array = kernel()
    stored = narrowed("conv/kernel", array)
    assert {name: value.dtype.name for name, value in stored.items()} == {
        "conv/kernel": "uint8",
        "conv/kernel/scale": "float32",
        "conv/kernel/zero": "int32",
    }
    save_file({**stored, "conv/bias": array[0, 0, 0]}, tmp_path / "w.safetensors")
    found = read_tensors(tmp_path / "w.safetensors")
    assert found["conv/kernel"].dtype == np.float32
    np.testing.assert_array_equal(found["conv/kernel"], array)
    assert (
        set(found)
        == set(tensor_names(tmp_path / "w.safetensors"))
        == {
            "conv/kernel",
            "conv/bias",
        }
    )


@pytest.mark.parametrize(
    "array",
    [
        np.random.default_rng(0).normal(size=(4, 4)).astype("float32"),
        kernel(-200, 120),
        np.zeros((3, 3), "float32"),
        np.array([[1, np.nan]], "float32"),
    ],
    ids=["floats", "more than a byte", "one value", "not finite"],
)
def test_what_is_not_exact_stays_as_it_is(array):
    stored = narrowed("kernel", array)
    assert list(stored) == ["kernel"]
    np.testing.assert_array_equal(stored["kernel"], array)


def test_a_layer_called_scale_is_no_scale():
    arrays = {"norm/scale": np.ones(3, "float32"), "norm": np.ones(3, "float32")}
    assert set(widened(arrays)) == set(arrays)
    broken = narrowed("kernel", kernel())
    broken["kernel/scale"] = np.ones(3, "float32")
    with pytest.raises(ValueError, match="has not one scale"):
        widened(broken)
