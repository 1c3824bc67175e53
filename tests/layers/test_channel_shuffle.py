"""The shuffle and the split of channels."""

import keras
import numpy as np
import pytest

from kerazoo.layers import ChannelShuffle, ChannelSplit


def test_shuffle_interleaves_the_groups():
    x = np.arange(12, dtype="float32").reshape(1, 1, 1, 12)
    y = np.asarray(ChannelShuffle(3)(x)).ravel()
    assert y.tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
    # The inverse is a shuffle with the other factor.
    np.testing.assert_array_equal(np.asarray(ChannelShuffle(4)(ChannelShuffle(3)(x))), x)


@pytest.mark.parametrize("shape", [(5, 7, 6), (None, 7, 6), (None, None, 6)])
def test_unknown_sizes(shape):
    inputs = keras.Input(shape)
    model = keras.Model(inputs, ChannelShuffle(2)(inputs))
    assert model.output_shape == (None, *shape)
    x = np.random.default_rng(0).normal(size=(2, 5, 7, 6)).astype("float32")
    np.testing.assert_array_equal(model.predict(x, verbose=0), x[..., [0, 3, 1, 4, 2, 5]])


def test_split():
    x = np.arange(8, dtype="float32").reshape(1, 1, 1, 8)
    first, second = ChannelSplit(2)(x)
    assert np.asarray(first).ravel().tolist() == [0, 1, 2, 3]
    assert np.asarray(second).ravel().tolist() == [4, 5, 6, 7]
    assert [s.shape for s in ChannelSplit(2)(keras.Input((3, 3, 8)))] == [(None, 3, 3, 4)] * 2


@pytest.mark.parametrize(("kind", "name"), [(ChannelShuffle, "groups"), (ChannelSplit, "parts")])
def test_wrong_arguments(kind, name):
    for value in (0, 2.0, True):
        with pytest.raises(ValueError, match=f"`{name}` must be a positive integer"):
            kind(value)
    with pytest.raises(ValueError, match=f"`{name}` must be a divisor of the 8 input channels"):
        kind(3)(np.zeros((1, 2, 2, 8), "float32"))


@pytest.mark.parametrize("layer", [ChannelShuffle(3), ChannelSplit(3)])
def test_config_round_trip(layer):
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


def test_other_ways_to_the_same():
    """Those that a converter to channels first likes better; sizes may be unknown."""
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 12)).astype("float32")
    inputs = keras.Input((None, None, 12))
    for groups in (1, 3, 4):
        plain, planes = (ChannelShuffle(groups, planes=p) for p in (False, True))
        assert planes.get_config()["planes"] is True
        model = keras.Model(inputs, planes(inputs))
        np.testing.assert_array_equal(planes(x), plain(x))
        np.testing.assert_array_equal(model(x), plain(x))
    sliced = ChannelSplit(3, sliced=True)
    for a, b in zip(sliced(x), ChannelSplit(3)(x), strict=True):
        np.testing.assert_array_equal(a, b)
