"""Dilated average pooling against Keras' own, on every second pixel."""

import keras
import numpy as np
import pytest

from kerazoo.layers import DilatedAveragePooling2D, MixConv2D

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_each_phase_is_pooled_by_itself(padding):
    x = RNG.normal(size=(2, 12, 10, 3)).astype("float32")
    layer = DilatedAveragePooling2D(3, 2, padding)
    y = np.asarray(layer(x))
    assert y.shape == layer.compute_output_shape(x.shape)
    plain = keras.layers.AveragePooling2D(3, 1, padding)
    for row in (0, 1):
        for column in (0, 1):
            expected = np.asarray(plain(x[:, row::2, column::2]))
            np.testing.assert_allclose(y[:, row::2, column::2], expected, atol=1e-6)


def test_unknown_sizes_and_reload():
    inputs = keras.Input((None, None, 4))
    model = keras.Model(inputs, DilatedAveragePooling2D(3, 2)(inputs))
    again = keras.Model.from_config(model.get_config())
    x = RNG.normal(size=(1, 5, 9, 4)).astype("float32")
    np.testing.assert_array_equal(again(x), model(x))
    np.testing.assert_allclose(model(np.ones_like(x)), np.ones_like(x), rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pool_size": 2}, "`pool_size` must be an odd positive integer"),
        ({"dilation_rate": 0}, "`dilation_rate` must be a positive integer"),
        ({"padding": "symmetric"}, "`padding` must be one of"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        DilatedAveragePooling2D(**arguments)


@pytest.mark.parametrize("implementation", ["split", "merged"])
def test_mixed_kernels_are_dilated_alike(implementation):
    x = RNG.normal(size=(1, 14, 12, 9)).astype("float32")
    layer = MixConv2D([3, 5, 1], dilation_rate=2, implementation=implementation)
    y = np.asarray(layer(x))
    plain = MixConv2D.from_config({**layer.get_config(), "dilation_rate": 1})
    plain.build(x.shape)
    plain.set_weights(layer.get_weights())
    for row in (0, 1):
        for column in (0, 1):
            expected = np.asarray(plain(x[:, row::2, column::2]))
            np.testing.assert_allclose(y[:, row::2, column::2], expected, atol=1e-5)
    with pytest.raises(ValueError, match="`dilation_rate=2` needs `strides=1`"):
        MixConv2D([3, 5], dilation_rate=2, strides=2)
