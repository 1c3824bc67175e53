"""MobileNetV3 equals timm's, and its variants have timm's published sizes."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerazoo
from tests.models.family_checks import check_parity


@pytest.mark.parametrize(("size", "last"), [("small", "stage6"), ("large", "stage7")])
def test_parity(tmp_path, size, last):
    # timm counts the convolution before the pooling as a stage, and calls what follows the
    # pooling the head.
    layer_of = {last: "head_act", "head": "hidden_act", "features": "hidden_flatten"}
    check_parity(tmp_path, f"mobilenetv3_{size}_100", f"mobilenet_v3_{size}", layer_of)


def test_minimalistic_has_plain_blocks_only():
    model = kerazoo.MobileNetV3Large(weights=None, minimalistic=True, input_shape=(64, 64, 3))
    kinds = {type(layer).__name__ for layer in model.layers}
    assert "SqueezeExcite" not in kinds
    for layer in model.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            assert layer.kernel_size == (3, 3)
        if isinstance(layer, keras.layers.Activation) and layer.name != "predictions":
            assert layer.activation is keras.activations.relu


def test_headless_network_ends_before_the_hidden_layer():
    model = kerazoo.MobileNetV3Small((64, 64, 3), include_top=False, weights=None)
    assert model.output_shape == (None, 2, 2, 576)
    assert "hidden_conv" not in [layer.name for layer in model.layers]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": 0}, "`alpha` must be a positive number. Received: `alpha=0`"),
        ({"minimalistic": "yes"}, "`minimalistic` must be True or False"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        kerazoo.MobileNetV3Small(weights=None, **arguments)


@pytest.mark.parametrize(
    ("size", "alpha", "minimalistic"),
    [("Small", 1.0, False), ("Small", 0.75, True), ("Large", 0.75, False), ("Large", 1.0, True)],
)
@pytest.mark.parametrize("slashes", [False, True], ids=["Keras 3 names", "Keras 2 names"])
def test_equals_keras_applications(size, alpha, minimalistic, slashes):
    variant = {"alpha": alpha, "minimalistic": minimalistic, "classes": 9}
    variant |= {"classifier_activation": None, "input_shape": (64, 64, 3), "weights": None}
    theirs = getattr(keras.applications, f"MobileNetV3{size}")(
        include_preprocessing=False, **variant
    )
    rng = np.random.default_rng(0)
    for variable in theirs.variables:
        if variable.ndim == 1:
            variable.assign(rng.uniform(0.7, 1.3, variable.shape))
    weights = {v.path: np.asarray(v) for v in theirs.variables if "seed" not in v.path}
    if slashes:
        weights = {keras2_name(name): array for name, array in weights.items()}
    ours = getattr(kerazoo, f"MobileNetV3{size}")(**variant)
    kerazoo.load_weights(ours, weights)
    x = rng.normal(size=(2, 64, 64, 3)).astype("float32")
    expected = np.asarray(theirs(x))
    np.testing.assert_allclose(
        np.asarray(ours(x)), expected, rtol=0, atol=1e-5 * np.abs(expected).max()
    )


def keras2_name(name: str) -> str:
    """As TF-Keras 2 named the layers: `expanded_conv_1/expand/BatchNorm`."""
    layer, _, variable = name.rpartition("/")
    layer = re.sub(r"_bn$", "/BatchNorm", layer)
    layer = layer.replace("_squeeze_excite_conv", "/squeeze_excite/Conv")
    layer = re.sub(r"_(expand|depthwise|project)(?=$|/)", r"/\1", layer)
    for plain in ("conv", "logits"):
        layer = re.sub(rf"^{plain}(?=$|_\d|/)", plain.capitalize(), layer)
    return f"{layer}/{variable}"


def test_gradients_of_two_small_pictures_are_those_of_keras_applications():
    """Batch norm over two values drives both away (docs/training.md): that is no fault of ours."""
    options = {"weights": None, "input_shape": (32, 32, 3), "classes": 10}
    theirs = keras.applications.MobileNetV3Small(
        include_preprocessing=False, dropout_rate=0.0, **options
    )
    ours = kerazoo.MobileNetV3Small(dropout_rate=0.0, **options)
    for a, b in zip(ours.trainable_variables, theirs.trainable_variables, strict=True):
        a.assign(np.reshape(b, a.shape))
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    norms = []
    for model in (ours, theirs):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_sum(tf.math.log(model(x, training=True)) * np.eye(10)[:2])
        gradients = tape.gradient(loss, model.trainable_variables)
        norms.append(float(tf.linalg.global_norm(gradients)))
    assert norms[0] > 50  # sixteen pictures: 20
    np.testing.assert_allclose(*norms, rtol=0.02)
