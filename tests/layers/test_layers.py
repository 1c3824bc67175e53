"""The smaller layers against what Keras ships."""

import keras
import numpy as np
import pytest

from kerazoo.layers import (
    BatchNormalization,
    GroupedConv2D,
    GroupedPointwiseConv2D,
    SqueezeExcite,
)

RNG = np.random.default_rng(0)


def picture(*shape):
    return RNG.normal(size=shape).astype("float32")


def test_uneven_groups_are_separate_dense_convolutions():
    x = picture(2, 4, 5, 7)
    layer = GroupedPointwiseConv2D(8, groups=3, use_bias=True, bias_initializer="ones")
    y = np.asarray(layer(x))
    assert layer.splits == (3, 2, 2)
    assert layer.filter_splits == (4, 2, 2)
    first = x[..., :3] @ np.asarray(layer.kernels[0])[0, 0] + 1
    last = x[..., 5:] @ np.asarray(layer.kernels[2])[0, 0] + 1
    np.testing.assert_allclose(y[..., :4], first, atol=1e-5)
    np.testing.assert_allclose(y[..., 6:], last, atol=1e-5)


def test_even_groups_equal_keras_conv2d():
    x = picture(1, 3, 3, 8)
    layer = GroupedPointwiseConv2D(12, groups=4)
    y = np.asarray(layer(x))
    reference = keras.layers.Conv2D(12, 1, groups=4, use_bias=False)
    reference.build(x.shape)
    reference.kernel.assign(np.concatenate([np.asarray(k) for k in layer.kernels], -1))
    np.testing.assert_allclose(y, np.asarray(reference(x)), atol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [GroupedPointwiseConv2D(9, groups=2), GroupedConv2D(8, 3, groups=2, padding="same")],
    ids=lambda layer: type(layer).__name__,
)
def test_grouped_convolutions_train_on_cpu(layer):
    model = keras.Sequential([keras.Input((6, 6, 4)), layer])
    before = [v.copy() for v in model.get_weights()]
    model.compile("sgd", "mse", jit_compile=False)
    model.fit(picture(4, 6, 6, 4), picture(4, *model.output_shape[1:]), verbose=0)
    changed = [not np.allclose(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert all(changed)


@pytest.mark.parametrize(("kernel", "strides", "dilation"), [(1, 1, 1), (3, 2, 1), (3, 1, 2)])
def test_grouped_conv_equals_keras(kernel, strides, dilation):
    x = picture(2, 9, 8, 12)
    same = {"strides": strides, "padding": "same", "dilation_rate": dilation, "groups": 3}
    ours = GroupedConv2D(6, kernel, **same)
    reference = keras.layers.Conv2D(6, kernel, **same)
    y = np.asarray(ours(x))
    reference.build(x.shape)
    reference.set_weights(ours.get_weights())
    np.testing.assert_allclose(y, np.asarray(reference(x)), atol=1e-4)


def test_squeeze_excite_by_hand():
    x = picture(2, 5, 4, 6)
    layer = SqueezeExcite(3, activation="silu", gate_activation="hard_sigmoid")
    y = np.asarray(layer(x))
    reduce, reduce_bias, expand, expand_bias = layer.get_weights()
    mean = x.mean((1, 2))
    hidden = mean @ reduce[0, 0] + reduce_bias
    hidden = hidden / (1 + np.exp(-hidden))
    gate = np.clip(hidden @ expand[0, 0] + expand_bias + 3, 0, 6) / 6
    np.testing.assert_allclose(y, x * gate[:, None, None], atol=1e-5)
    assert layer.multiply_adds(None) == 2 * 3 * 6


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GroupedPointwiseConv2D(0), "`filters` must be a positive integer"),
        (lambda: GroupedPointwiseConv2D(4, groups=5), "`groups` must be an integer from 1"),
        (
            lambda: GroupedPointwiseConv2D(8, groups=4).build((None, 2, 2, 3)),
            "`groups` must be at most the 3 input channels",
        ),
        (lambda: SqueezeExcite(0), "`filters` must be a positive integer"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "layer",
    [
        GroupedPointwiseConv2D(9, groups=2, name="a"),
        GroupedConv2D(8, 3, groups=2, name="b"),
        SqueezeExcite(2, name="c"),
        BatchNormalization(epsilon=1e-5, name="d"),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_config_round_trip(layer):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "float64"])
def test_batch_norm_trains_as_keras_does(policy):
    # The fused kernel must agree with Keras in outputs, gradients and moving statistics.
    x = picture(8, 6, 5, 4) * 3 + 1
    target = picture(8, 6, 5, 4)
    models = []
    for kind in (BatchNormalization, keras.layers.BatchNormalization):
        norm = kind(epsilon=1e-3, momentum=0.9, dtype=policy)
        scale = keras.layers.DepthwiseConv2D(1, depthwise_initializer="ones", dtype=policy)
        model = keras.Sequential([keras.Input((6, 5, 4)), scale, norm])
        model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
        models.append(model)
    losses = [m.fit(x, target, epochs=3, verbose=0, shuffle=False).history["loss"] for m in models]
    tolerance = 2e-2 if policy == "mixed_bfloat16" else 1e-4
    np.testing.assert_allclose(losses[0], losses[1], rtol=tolerance)
    for ours, keras_own in zip(*(m.get_weights() for m in models), strict=True):
        np.testing.assert_allclose(ours, keras_own, atol=tolerance)


def test_fit_does_not_choose_xla_on_cpu():
    model = keras.Sequential([keras.Input((4, 4, 2)), BatchNormalization()])
    model.compile("sgd", "mse")
    import tensorflow as tf

    assert model.jit_compile == bool(tf.config.list_physical_devices("GPU"))
