"""Integers and scales of ncnn's 8-bit networks become the kernels that they stand for."""

import numpy as np
import pytest

from kerazoo.checkpoints.read.tensors import read_tensors, tensor_names

RNG = np.random.default_rng(0)
SCALES = RNG.uniform(20, 60, 8).astype("float32")
KERNEL = RNG.integers(-127, 128, (3, 3, 4, 8)).astype("int8")
DEPTHWISE = RNG.integers(-127, 128, (3, 3, 8, 1)).astype("int8")


def test_kernels(tmp_path):
    path = tmp_path / "net.npz"
    np.savez(
        path,
        **{"a/kernel_int8": KERNEL, "a/inv_scale": SCALES, "a/bias": SCALES},
        **{"b/depthwise/kernel_int8": DEPTHWISE, "b/depthwise/inv_scale": SCALES},
    )
    found = read_tensors(path)
    assert set(found) == set(tensor_names(path)) == {"a/kernel", "a/bias", "b/depthwise/kernel"}
    np.testing.assert_allclose(found["a/kernel"][..., 5] * SCALES[5], KERNEL[..., 5], rtol=1e-6)
    np.testing.assert_allclose(
        found["b/depthwise/kernel"][:, :, 3] * SCALES[3], DEPTHWISE[:, :, 3], rtol=1e-6
    )


@pytest.mark.parametrize("scales", [SCALES[:3], -SCALES, SCALES[None]])
def test_scales_that_do_not_fit(tmp_path, scales):
    np.savez(tmp_path / "net.npz", **{"a/kernel_int8": KERNEL, "a/inv_scale": scales})
    with pytest.raises(ValueError, match="has not one positive scale a channel"):
        read_tensors(tmp_path / "net.npz")
