"""ESPNet: the ESP module by its definition, the segmentation network by its counts and habits."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

import kerazoo
from kerazoo.blocks.conventions import Conventions
from kerazoo.blocks.esp_module import DILATIONS, branch_widths, esp_module
from kerazoo.layers import LearnedUpsampling2D
from kerazoo.models.espnet import ESPNet

CONVENTIONS = Conventions("symmetric", 1e-3, 0.9)
RNG = np.random.default_rng(4)


def picture(*shape):
    return RNG.standard_normal(shape).astype("float32")


def convolve(x, kernel, stride=1, dilation=1):
    """Padded by hand, so that no padding rule of ours is involved."""
    amount = (kernel.shape[0] - 1) // 2 * dilation
    x = np.pad(x, [(0, 0), (amount, amount), (amount, amount), (0, 0)])
    return np.asarray(ops.conv(x, kernel, stride, "valid", dilation_rate=dilation))


@pytest.mark.parametrize(("stride", "residual", "filters"), [(1, True, 13), (2, False, 22)])
def test_module_by_its_definition(stride, residual, filters):
    inputs = keras.Input((9, 14, 13))
    model = keras.Model(
        inputs, esp_module(inputs, filters, CONVENTIONS, "m", stride=stride, residual=residual)
    )
    kernel = {
        layer.name[2:]: np.asarray(layer.kernel) for layer in model.layers if "conv" in layer.name
    }
    x = picture(1, 9, 14, 13)
    reduced = convolve(x, kernel["reduce_conv"], stride)
    d1, d2, d4, d8, d16 = (
        convolve(reduced, kernel[f"branch{i}_conv"], dilation=rate)
        for i, rate in enumerate(DILATIONS, 1)
    )
    y = np.concatenate([d1, d2, d2 + d4, d2 + d4 + d8, d2 + d4 + d8 + d16], axis=-1)
    y = (y + x if residual else y) / np.sqrt(1 + 1e-3)
    expected = np.where(y > 0, y, 0.25 * y)
    assert kernel["reduce_conv"].shape[0] == (1 if stride == 1 else 3)
    np.testing.assert_allclose(model(x), expected, atol=1e-4)


def test_widths_of_the_branches():
    assert branch_widths(64) == (16, 12, 12, 12, 12)
    assert branch_widths(128) == (28, 25, 25, 25, 25)
    assert branch_widths(5) == (1, 1, 1, 1, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: esp_module(x, 4, CONVENTIONS, "m"), "`filters` must be an integer, at least 5"),
        (
            lambda x: esp_module(x, 20, CONVENTIONS, "m"),
            "`residual` must be False for 16 channels in, 20 out and stride 1. "
            "Received: `residual=True`",
        ),
        (lambda x: esp_module(x, 16, CONVENTIONS, "m", stride=2), "out and stride 2"),
        (lambda x: LearnedUpsampling2D(3, 0), "`factor` must be a positive integer"),
        (lambda x: ESPNet(p=0), "`p` must be a positive integer. Received: `p=0`"),
        (lambda x: ESPNet(q=2.0), "`q` must be a positive integer. Received: `q=2.0`"),
        (lambda x: ESPNet(input_shape=(7, 64, 3)), "`input_shape` must be"),
        (lambda x: ESPNet(weights="imagenet"), "no pretrained weights for `espnet_p2_q8`"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError) as error:
        make(keras.Input((8, 8, 16)))
    assert message in str(error.value)


def test_learned_upsampling():
    layer = LearnedUpsampling2D(2, 3)
    x = picture(1, 4, 5, 6)
    y = np.asarray(layer(x))
    # kernel: (row, column, filter, channel)
    expected = np.einsum("bhwc,ijfc->bhiwjf", x, np.asarray(layer.kernel)).reshape(1, 12, 15, 2)
    np.testing.assert_allclose(y, expected, atol=1e-5)
    assert layer.multiply_adds(y.shape) == 4 * 5 * 9 * 2 * 6
    again = LearnedUpsampling2D.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def parameters(q: int, classes: int) -> int:
    """Counted layer by layer from the original's description, batch norm 2 and PReLU 1 each."""

    def module(reduce, filters):
        width = filters // 5
        first = filters - 4 * width
        return reduce * width + 9 * width * (first + 4 * width) + 3 * filters

    stem = 9 * 3 * 16 + 3 * 16 + 3 * 19
    stage1 = module(9 * 19, 64) + 2 * module(64, 64) + 3 * 131
    stage2 = module(9 * 131, 128) + q * module(128, 128) + 3 * 256
    ups = 3 * 4 * classes**2
    coarse = 256 * classes + 2 * classes
    middle = 131 * classes + 3 * 2 * classes + module(2 * classes, classes) + 3 * classes
    fine = 9 * (19 + classes) * classes + 3 * classes
    return stem + stage1 + stage2 + ups + coarse + middle + fine


@pytest.mark.parametrize("q", [3, 8])
def test_parameters(q):
    entry = kerazoo.registry.catalogue()[f"espnet_p2_q{q}"]
    assert entry.params == parameters(q, 20)
    assert (entry.task, entry.input_size) == ("segmentation", (512, 512))
    assert kerazoo.profile(ESPNet(q=q, classes=7)).params == parameters(q, 7)


def test_multiply_adds_of_the_decoder():
    # By hand for 64x64 and 20 classes; the encoder is subtracted.
    shape = (64, 64, 3)
    whole = kerazoo.profile(ESPNet(q=3, input_shape=shape)).macs
    encoder = kerazoo.profile(ESPNet(q=3, include_top=False, input_shape=shape)).macs
    c = 20
    coarse = 8 * 8 * (256 * c + 4 * c * c)
    middle = 16 * 16 * (131 * c + 2 * c * 4 + 5 * 9 * 4 * 4 + 4 * c * c)
    fine = 32 * 32 * (9 * (19 + c) * c + 4 * c * c)
    assert whole - encoder == coarse + middle + fine


def test_registered_as_segmentation():
    assert {"espnet", "espnet_p2_q3"} <= set(kerazoo.list_models(task="segmentation"))
    assert "espnet" not in kerazoo.list_models(task="classification")
    defaults = {n: p.default for n, p in inspect.signature(ESPNet).parameters.items()}
    assert (defaults["weights"], defaults["classifier_activation"]) == (None, None)
    assert "(batch, height, width, classes)" in ESPNet.__doc__
    assert "else 20" in ESPNet.__doc__
    assert ESPNet(q=3).info.architecture == "espnet_p2_q3"


@pytest.mark.parametrize("padding", ["symmetric", "same"])
@pytest.mark.parametrize("size", [(45, 70), (8, 8), (64, 33)])
def test_any_size_known_or_not(padding, size):
    static = ESPNet(q=3, classes=6, padding=padding, input_shape=(*size, 3))
    dynamic = ESPNet(q=3, classes=6, padding=padding, input_shape=(None, None, 3))
    dynamic.set_weights(static.get_weights())
    x = picture(2, *size, 3)
    y = np.asarray(static(x))
    assert static.output_shape == (None, *size, 6)
    assert y.shape == (2, *size, 6)
    assert y.std() > 0
    np.testing.assert_allclose(dynamic(x), y, atol=1e-4 * np.abs(y).max())


@pytest.mark.parametrize("stem_strides", [1, 2])
@pytest.mark.parametrize("classes", [2, 9])
def test_probabilities(stem_strides, classes):
    model = ESPNet(
        q=3,
        classes=classes,
        input_shape=(21, 18, 3),
        classifier_activation="softmax",
        stem_strides=stem_strides,
        dropout_rate=0.1,
    )
    y = np.asarray(model(picture(1, 21, 18, 3)))
    assert y.shape == (1, 21, 18, classes)
    np.testing.assert_allclose(y.sum(-1), 1, atol=1e-5)
    assert model.get_layer("decoder_dropout").rate == 0.1


def test_encoder_and_features():
    model = ESPNet(include_top=False, input_shape=(45, 70, 3))
    assert model.output_shape == (None, 6, 9, 256)
    assert model.info.omitted == ("decoder", "predictions")
    assert not [layer for layer in model.layers if layer.name.startswith("decoder")]
    assert ESPNet(include_top=False, pooling="avg").output_shape == (None, 256)
    features = ESPNet(features_only=True, input_shape=(45, 70, 3))
    assert features.feature_channels == {"stride_2": 19, "stride_4": 131, "stride_8": 256}
    shapes = {name: tuple(x.shape[1:3]) for name, x in features.output.items()}
    assert shapes == {"stride_2": (23, 35), "stride_4": (12, 18), "stride_8": (6, 9)}


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_a_training_step_reaches_every_variable(policy):
    import tensorflow as tf

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        keras.utils.set_random_seed(2)
        model = ESPNet(q=3, classes=5, input_shape=(64, 64, 3))
    finally:
        keras.config.set_dtype_policy(before)
    assert model.output.dtype == "float32"
    x, labels = picture(2, 64, 64, 3), RNG.integers(0, 5, (2, 64, 64))

    def step():
        with tf.GradientTape() as tape:
            y = model(x, training=True)
            loss = ops.mean(
                keras.losses.sparse_categorical_crossentropy(labels, y, from_logits=True)
            )
        return float(loss), tape.gradient(loss, [v.value for v in model.trainable_variables])

    loss, gradients = step()
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.path
        assert np.isfinite(np.asarray(gradient, "float32")).all(), variable.path
        assert np.abs(np.asarray(gradient, "float32")).max() > 0, variable.path
    keras.optimizers.SGD(0.01).apply(gradients, model.trainable_variables)
    assert step()[0] < loss


def test_save_reload_and_weights_file(tmp_path):
    model = ESPNet(q=3, classes=6, input_shape=(None, None, 3))
    x = picture(1, 30, 41, 3)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.info == model.info
    np.testing.assert_allclose(again(x), model(x), atol=1e-5)
    rebuilt = kerazoo.create_model(
        again.info.architecture, weights=str(tmp_path / "model.keras"), **again.info.arguments
    )
    np.testing.assert_allclose(rebuilt(x), model(x), atol=1e-5)
    encoder = ESPNet(q=3, include_top=False, weights=str(tmp_path / "model.keras"))
    full = keras.Model(model.input, model.get_layer("stage2_join_act").output)
    np.testing.assert_allclose(encoder(x), full(x), atol=1e-5)
