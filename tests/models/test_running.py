"""A call keeps no map longer than some layer needs it."""

import gc
import weakref

import keras
import numpy as np
import pytest

from kerazoo.models._model import ZooModel


def alive_at_the_end(model_class) -> int:
    """How many of eight maps, each the next one's input, live when the last layer is called."""
    seen: list[weakref.ref] = []
    alive: list[int] = []

    class Watched(keras.layers.Layer):
        def call(self, x):
            y = x + 1.0
            if not isinstance(y, keras.KerasTensor):
                seen.append(weakref.ref(y))
                gc.collect()
                alive.append(sum(ref() is not None for ref in seen))
            return y

    x = inputs = keras.Input((2, 2, 1))
    for _ in range(8):
        x = Watched()(x)
    model = model_class(inputs, x)
    seen.clear(), alive.clear()
    result = model(np.zeros((1, 2, 2, 1), "float32"))
    assert float(keras.ops.max(result)) == 8.0
    return alive[-1]


def test_maps_are_given_up():
    assert alive_at_the_end(keras.Model) == 8  # if this changes, Keras does it itself
    assert alive_at_the_end(ZooModel) <= 2


def test_what_is_asked_for_twice_is_kept():
    inputs = keras.Input((2, 2, 1))
    first = keras.layers.Rescaling(2.0)(inputs)
    second = keras.layers.Rescaling(3.0)(first)
    model = ZooModel(inputs, {"sum": keras.layers.Add()([first, second]), "first": first})
    found = model(np.ones((1, 2, 2, 1), "float32"))
    np.testing.assert_array_equal(found["sum"], np.full((1, 2, 2, 1), 8.0))
    np.testing.assert_array_equal(found["first"], np.full((1, 2, 2, 1), 2.0))


def test_an_output_that_nothing_leads_to():
    inputs, other = keras.Input((1,)), keras.Input((1,))
    with pytest.raises(ValueError, match=r"not connected|do not follow"):
        ZooModel(inputs, inputs + other)
