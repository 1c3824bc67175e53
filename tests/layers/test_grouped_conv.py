"""GroupedConv2D equals Keras' grouped convolution, however it is computed, and trains."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerazoo.layers import GroupedConv2D
from kerazoo.layers.grouped_conv import _tensorflow_has_grouped_gradient


def picture(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def per_group(x, kernel, groups: int, strides: int, dilation: int):
    """The definition: every group's filters see its channels only."""
    parts = zip(tf.split(x, groups, -1), tf.split(kernel, groups, -1), strict=True)
    return tf.concat(
        [tf.nn.convolution(p, k, strides, "SAME", dilations=dilation) for p, k in parts], -1
    )


@pytest.mark.parametrize("native", [True, False], ids=["as found", "split"])
@pytest.mark.parametrize(
    ("kernel", "strides", "dilation", "groups"),
    [(3, 1, 1, 8), (3, 2, 1, 8), (3, 1, 2, 2), (1, 1, 1, 4)],
)
@pytest.mark.parametrize("compiled", [True, False], ids=["graph", "eager"])
def test_results_and_gradients(monkeypatch, native, kernel, strides, dilation, groups, compiled):
    if not native:
        monkeypatch.setattr(
            "kerazoo.layers.grouped_conv._tensorflow_has_grouped_gradient", lambda: False
        )
    layer = GroupedConv2D(
        24, kernel, strides, "same", dilation_rate=dilation, groups=groups, use_bias=False
    )
    x = tf.constant(picture(2, 9, 7, 16))
    layer.build(x.shape)

    def gradients(convolve):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = convolve()
            loss = tf.reduce_sum(y * tf.constant(picture(*y.shape)))
        return y, *tape.gradient(loss, (x, layer.kernel.value))

    ours = (tf.function(gradients) if compiled else gradients)(lambda: layer(x))
    right = gradients(lambda: per_group(x, layer.kernel.value, groups, strides, dilation))
    for a, b in zip(ours, right, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_equals_keras_with_bias_and_activation(padding):
    arguments = {"padding": padding, "groups": 4, "activation": "relu", "strides": 2}
    ours, theirs = GroupedConv2D(8, 3, **arguments), keras.layers.Conv2D(8, 3, **arguments)
    x = picture(2, 9, 8, 12)
    ours.build(x.shape)
    theirs.build(x.shape)
    ours.bias.assign(picture(8))
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(np.asarray(ours(x)), np.asarray(theirs(x)), atol=1e-5)


WITHOUT_ONEDNN = """
import numpy as np, tensorflow as tf, keras
from kerazoo.layers import GroupedConv2D
from kerazoo.layers.grouped_conv import _tensorflow_has_grouped_gradient
assert not _tensorflow_has_grouped_gradient()
model = keras.Sequential([keras.Input((6, 6, 8)), GroupedConv2D(8, 3, groups=4, padding="same")])
before = model.get_weights()
model.compile("sgd", "mse")
assert not model.jit_compile
x = np.random.default_rng(0).normal(size=(4, 6, 6, 8)).astype("float32")
model.fit(x, x, verbose=0)
assert all(np.abs(a - b).max() > 0 for a, b in zip(before, model.get_weights()))
"""


def test_trains_without_onednn():
    # TensorFlow's own CPU kernels have no gradient for grouped convolutions; the probe says so.
    import os

    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_ONEDNN],
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0", "CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_probe_works_inside_a_graph():
    _tensorflow_has_grouped_gradient.cache_clear()
    layer = GroupedConv2D(8, 3, groups=4)
    layer.build((1, 6, 6, 8))
    compiled = tf.function(lambda x: layer(x))
    assert compiled(picture(1, 6, 6, 8)).shape == (1, 4, 4, 8)


@pytest.mark.parametrize("groups", [3, 0])
def test_wrong_groups(groups):
    with pytest.raises(ValueError, match="groups"):
        GroupedConv2D(8, 3, groups=groups)


@pytest.mark.parametrize("strides", [1, 2])
def test_channels_first(strides):
    """The same numbers as with channels last, axes moved."""
    x = picture(2, 9, 8, 8)
    last = GroupedConv2D(12, 3, strides, "same", groups=4)
    expected = last(x)
    first = GroupedConv2D(12, 3, strides, "same", groups=4, data_format="channels_first")
    first.build((None, 8, 9, 8))
    first.set_weights(last.get_weights())
    y = first.call(tf.transpose(x, (0, 3, 1, 2)))
    np.testing.assert_allclose(tf.transpose(y, (0, 2, 3, 1)), expected, atol=1e-5)


def test_float64():
    layer = GroupedConv2D(12, 3, groups=4, dtype="float64")
    x = tf.constant(picture(1, 5, 5, 8), "float64")
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(layer(x))
    gradient = tape.gradient(y, layer.kernel.value)
    assert gradient.dtype == "float64"
    np.testing.assert_allclose(gradient[1, 1, 0, 0], tf.reduce_sum(x[0, 1:4, 1:4, 0]), rtol=1e-12)
