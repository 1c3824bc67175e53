"""MixConv2D against Keras' own depthwise convolutions, group by group."""

import keras
import numpy as np
import pytest

from kerazoo.blocks.conventions import Conventions, depthwise_bn
from kerazoo.layers import MixConv2D
from kerazoo.layers._convolution import _useful_taps
from kerazoo.layers._partition import split_channels

RNG = np.random.default_rng(0)


def by_hand(layer: MixConv2D, x: np.ndarray) -> np.ndarray:
    """The definition: each group through Keras' DepthwiseConv2D, then concatenated."""
    done, start = [], 0
    for kernel, size, channels in zip(layer.kernels, layer.kernel_sizes, layer.splits, strict=True):
        part = x[..., start : start + channels]
        start += channels
        padding = "same"
        if layer.padding == "symmetric":
            part = np.pad(part, [(0, 0), (size // 2,) * 2, (size // 2,) * 2, (0, 0)])
            padding = "valid"
        one = keras.layers.DepthwiseConv2D(
            kernel.shape[0],
            strides=layer.strides,
            padding=padding,
            use_bias=False,
            dilation_rate=(size - 1) // 2 if layer.dilated and size > 1 else 1,
        )
        one.build(part.shape)
        one.kernel.assign(kernel)
        done.append(np.asarray(one(part)))
    return np.concatenate(done, -1)


@pytest.mark.parametrize("implementation", ["split", "merged"])
@pytest.mark.parametrize("padding", ["same", "symmetric"])
@pytest.mark.parametrize("strides", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(8, 8), (7, 10), (1, 3), (2, 5)])
@pytest.mark.parametrize("kernels", [[3, 5, 7], [1, 3], [3, 5, 7, 9, 11]])
def test_equals_separate_convolutions(implementation, padding, strides, size, kernels):
    x = RNG.normal(size=(2, *size, 11)).astype("float32")
    layer = MixConv2D(kernels, strides=strides, padding=padding, implementation=implementation)
    y = np.asarray(layer(x))
    np.testing.assert_allclose(y, by_hand(layer, x), atol=1e-5)
    assert y.shape == layer.compute_output_shape(x.shape)


@pytest.mark.parametrize(
    ("arguments", "taps"),
    [
        ((4, 13, 1, 1), slice(3, 10)),
        ((1, 3, 1, 1), slice(1, 2)),
        ((4, 13, 2, 1), slice(3, 9)),  # the first output is on the second row
        ((4, 7, 1, 1), slice(0, 7)),
        ((8, 3, 2, 1), slice(0, 3)),
        ((4, 5, 1, 6), slice(2, 3)),
        ((None, 13, 1, 1), slice(None)),
    ],
)
def test_taps_beyond_the_map_are_left_out(arguments, taps):
    assert _useful_taps(*arguments) == taps


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("padding", ["same", "symmetric"])
def test_a_kernel_larger_than_the_map_equals_that_of_keras(padding, strides):
    """Of a network's block, where Keras' layer would run taps that meet nothing."""
    small, large = keras.Input((4, 5, 3)), keras.Input((None, None, 3))
    conventions = Conventions(padding=padding)
    ours, theirs = (
        keras.Model(x, depthwise_bn(x, (13,), conventions, "a", strides)) for x in (small, large)
    )
    assert type(ours.get_layer("a_conv")) is not type(theirs.get_layer("a_conv"))
    theirs.set_weights(ours.get_weights())
    x = RNG.normal(size=(2, 4, 5, 3)).astype("float32")
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-5)


def test_dilated_equals_separate_convolutions():
    x = RNG.normal(size=(1, 12, 9, 8)).astype("float32")
    layer = MixConv2D([3, 5, 9], dilated=True)
    np.testing.assert_allclose(np.asarray(layer(x)), by_hand(layer, x), atol=1e-5)
    assert [tuple(k.shape[:2]) for k in layer.kernels] == [(3, 3)] * 3


def test_unknown_sizes_give_the_same_numbers():
    x = RNG.normal(size=(1, 9, 14, 6)).astype("float32")
    inputs = keras.Input((None, None, 6))
    layer = MixConv2D([3, 5], strides=2, padding="symmetric")
    model = keras.Model(inputs, layer(inputs))
    assert model.output_shape == (None, None, None, 6)
    np.testing.assert_allclose(np.asarray(model(x)), by_hand(layer, x), atol=1e-5)


@pytest.mark.parametrize(
    ("channels", "groups", "partition", "expected"),
    [
        (10, 3, "equal", (4, 3, 3)),
        (32, 4, "exponential", (16, 8, 4, 4)),
        (31, 3, "exponential", (17, 7, 7)),
        (9, 2, [2, 7], (2, 7)),
        (5, 1, "exponential", (5,)),
    ],
)
def test_partition(channels, groups, partition, expected):
    assert split_channels(channels, groups, partition) == expected


def test_groups_count_from_three():
    layer = MixConv2D(groups=4)
    assert layer.kernel_sizes == (3, 5, 7, 9)


def test_config_round_trip_and_bias():
    layer = MixConv2D([3, 5], partition=[3, 4], use_bias=True, bias_initializer="ones", strides=2)
    x = RNG.normal(size=(1, 6, 6, 7)).astype("float32")
    y = np.asarray(layer(x))
    np.testing.assert_allclose(y, by_hand(layer, x) + 1.0, atol=1e-5)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(np.asarray(again(x)), y)


def test_kernels_start_different():
    layer = MixConv2D([3, 3])
    layer.build((None, 4, 4, 8))
    assert not np.allclose(*layer.get_weights())


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(policy):
    x = RNG.normal(size=(1, 8, 8, 6)).astype("float32")
    layer = MixConv2D([3, 5], dtype=policy)
    y = layer(x)
    assert keras.backend.standardize_dtype(y.dtype) == policy.removeprefix("mixed_")
    assert {keras.backend.standardize_dtype(v.dtype) for v in layer.variables} == {"float32"}
    np.testing.assert_allclose(
        np.asarray(keras.ops.cast(y, "float32")), by_hand(layer, x), atol=0.1
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of `kernel_sizes`"),
        ({"kernel_sizes": [3], "groups": 1}, "exactly one of `kernel_sizes`"),
        ({"kernel_sizes": [4]}, "`kernel_sizes` must be a non-empty list of odd"),
        ({"kernel_sizes": []}, "`kernel_sizes` must be"),
        ({"groups": 0}, "`groups` must be a positive integer"),
        ({"groups": 2, "padding": "valid"}, "`padding` must be one of"),
        ({"groups": 2, "partition": "equall"}, "`partition` must be one of"),
        ({"groups": 2, "strides": 0}, "`strides` must be"),
        ({"groups": 2, "dilated": True, "strides": 2}, "`dilated=True` needs `strides=1`"),
        (
            {"groups": 2, "dilated": True, "implementation": "merged"},
            "needs `implementation='split'",
        ),
        ({"groups": 2, "implementation": "fast"}, "`implementation` must be one of"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        MixConv2D(**arguments)


@pytest.mark.parametrize(
    ("partition", "channels", "message"),
    [
        ("equal", 3, "at least 4 channels"),
        ("exponential", 7, "at least 8 channels"),
        ([1, 2, 3, 4], 9, "4 positive channel counts that add up to 9"),
    ],
)
def test_channels_that_cannot_be_split(partition, channels, message):
    with pytest.raises(ValueError, match=message):
        MixConv2D(groups=4, partition=partition).build((None, 4, 4, channels))
