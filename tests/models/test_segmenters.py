"""Segmenters as Keras citizens: any size, any backbone, training, saving, refusals."""

import keras
import numpy as np
import pytest
from keras import ops

import kerazoo
from kerazoo.models.deeplab_v3 import DeepLabV3
from kerazoo.models.espnet import ESPNetC
from kerazoo.models.espnetv2_segmentation import ESPNetV2Segmentation
from kerazoo.models.lraspp import LRASPP
from tests.models.lazily import no_values

RNG = np.random.default_rng(3)
SMALL = {"backbone": "mobilenet_v2_035", "width": 16}
MAKERS = {
    "espnetv2": lambda **k: ESPNetV2Segmentation(scale=0.5, **k),
    "espnet_c": lambda **k: ESPNetC(q=3, **k),
    "lraspp": lambda **k: LRASPP(**SMALL, **k),
    "deeplab": lambda **k: DeepLabV3(**SMALL, atrous_rates=[2], **k),
    "deeplab_tensorflow": lambda **k: DeepLabV3(**SMALL, atrous_rates=[], form="tensorflow", **k),
}


@pytest.fixture(autouse=True)
def _fresh_names():
    keras.backend.clear_session(free_memory=False)


def picture(*shape):
    return RNG.standard_normal(shape).astype("float32")


@pytest.mark.parametrize("name", MAKERS)
def test_any_size_known_or_not(name):
    """Not only multiples of the stride; and the sizes need not be known."""
    size = (45, 38)
    model = MAKERS[name](classes=3, input_shape=(None, None, 3))
    with no_values():
        static = MAKERS[name](classes=3, input_shape=(*size, 3))
    eighth = tuple(-(-side // 8) for side in size)
    assert static.output_shape == (None, *(eighth if name == "espnet_c" else size), 3)
    x = picture(1, *size, 3)
    y = np.asarray(model(x))
    assert y.shape == (1, *static.output_shape[1:])
    assert y.std() > 0
    if name != "lraspp":  # the layers that ask for sizes have tests of their own
        return
    import tensorflow as tf

    spec = tf.TensorSpec((None, None, None, 3))
    found = tf.function(lambda x: model(x, training=False), input_signature=[spec])(x)
    np.testing.assert_allclose(found, y, atol=1e-4 * np.abs(y).max())


def values_in(model):
    return [v for v in model.variables if "seed_generator" not in v.path]


@pytest.mark.parametrize("make", [LRASPP, DeepLabV3])
@pytest.mark.parametrize(
    "backbone",
    ["mixnet_s", "mobilenet_v1_025", "mobilenet_v3_small_050", "resnet10", "shufflenet_v2_x0_5"],
)
def test_on_other_classifiers(make, backbone):
    with no_values():
        model = make(backbone=backbone, classes=4, input_shape=(64, 96, 3))
        alone = kerazoo.create_model(
            backbone, weights=None, include_top=False, input_shape=(64, 96, 3)
        )
    assert model.output_shape == (None, 64, 96, 4)
    assert model.info.available["stride_16"][0] == 16
    assert model.info.arguments["output_stride"] == 16
    family = alone.info.arguments
    assert model.info.arguments["padding"] == family["padding"]
    # Layers of the backbone are those of the classifier, so that its weights can be loaded.
    head = model.info.head
    own = {v.path: v.shape for v in values_in(model) if not v.path.startswith(head)}
    theirs = {v.path: v.shape for v in values_in(alone)}
    assert own.items() <= theirs.items()
    assert len(own) > 0.7 * len(theirs)


def test_the_papers_sizes():
    counted = kerazoo.registry.catalogue()
    # MobileNetV2's paper, table 7: 2.11 M without ASPP, 4.52 M with.
    assert counted["deeplabv3_mobilenet_v2_100"].params == 2_113_557
    assert counted["deeplabv3_mobilenet_v2_100_aspp"].params == 4_523_541
    # EdgeNets' README: 306 M multiply-adds at 384 x 384.
    assert counted["espnetv2_seg_s_1_0"].macs == 305_617_116
    assert counted["espnet_city_p2_q8"].params == 364_569
    assert counted["espnet_c_p2_q8"].params == 349_449


def test_encoder_and_maps():
    model = ESPNetV2Segmentation(scale=0.5, include_top=False, input_shape=(64, 64, 3))
    assert model.output_shape == (None, 4, 4, 128)
    maps = LRASPP(**SMALL, features_only=True, out_features=["stride_8_first", "stride_16"])
    assert maps.feature_strides == {"stride_8_first": 8, "stride_16": 16}


def test_pyramid_width_follows_the_classes_or_the_weights(tmp_path):
    def width(model):
        return model.get_layer("decoder1_project_conv").filters

    small = {"scale": 0.5, "input_shape": (32, 32, 3)}
    with no_values():
        widths = [width(ESPNetV2Segmentation(classes=n, **small)) for n in (2, 11, 21, 60)]
    assert widths == [1, 5, 10, 16]
    # The record of published weights has theirs, which a network for other classes keeps.
    model = kerazoo.open_model("segmentation", classes=11, input_shape=(32, 32, 3))
    assert width(model) == 10
    assert model.output_shape == (None, 32, 32, 11)
    assert model.info.labels is None


def test_probabilities_and_the_second_head():
    model = DeepLabV3(
        **SMALL, atrous_rates=[], auxiliary=True, classes=3, input_shape=(32, 32, 3),
        classifier_activation="softmax",
    )  # fmt: skip
    y = model(picture(1, 32, 32, 3))
    assert set(y) == {"logits", "auxiliary"}
    for scores in y.values():
        np.testing.assert_allclose(np.asarray(scores).sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "policy"),
    [("espnetv2", "mixed_bfloat16"), ("lraspp", "float32"), ("deeplab", "mixed_bfloat16")],
)
def test_one_training_step_reaches_every_variable(name, policy):
    import tensorflow as tf

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = MAKERS[name](classes=3, input_shape=(64, 64, 3), dropout_rate=0.0)
    finally:
        keras.config.set_dtype_policy(before)
    assert model.output.dtype == "float32"
    x, labels = picture(4, 64, 64, 3), RNG.integers(0, 3, (4, 64, 64))
    with tf.GradientTape() as tape:
        y = model(x, training=True)
        loss = ops.mean(keras.losses.sparse_categorical_crossentropy(labels, y, from_logits=True))
    variables = model.trainable_variables
    for variable, gradient in zip(
        variables, tape.gradient(loss, [v.value for v in variables]), strict=True
    ):
        assert gradient is not None, variable.path
        assert np.isfinite(np.asarray(gradient, "float32")).all(), variable.path


def test_save_reload_and_rebuild(tmp_path):
    model = LRASPP(**SMALL, classes=3, input_shape=(64, 64, 3))
    x = picture(1, 64, 64, 3)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.info == model.info
    np.testing.assert_allclose(again(x), model(x), atol=1e-5)
    rebuilt = kerazoo.create_model(
        again.info.architecture, weights=str(tmp_path / "model.keras"), **again.info.arguments
    )
    np.testing.assert_allclose(rebuilt(x), model(x), atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ESPNetV2Segmentation(scale=3.0), "`scale` must be a number above 0"),
        (lambda: ESPNetV2Segmentation(pyramid_width=0), "`pyramid_width` must be"),
        (lambda: ESPNetV2Segmentation(input_shape=(15, 64, 3)), "at least 16"),
        (lambda: ESPNetC(channel_order="gbr"), "Unknown `channel_order`"),
        (lambda: LRASPP(backbone="mobilenet_v9"), "Unknown `backbone`. Did you mean 'mobilenet_v"),
        (lambda: LRASPP(backbone="espnet_c"), "Unknown `backbone`"),
        (lambda: LRASPP(backbone="nasnet_mobile"), "`output_stride` must be None with `backbone="),
        (lambda: LRASPP(low_feature="stride_6"), "Unknown `low_feature`. Did you mean 'stride_"),
        (lambda: LRASPP(width=0), "`width` must be a positive integer"),
        (lambda: DeepLabV3(atrous_rates=[0]), "`atrous_rates` must be a list of positive integers"),
        (lambda: DeepLabV3(form="keras"), "Unknown `form`"),
        (lambda: DeepLabV3(auxiliary=2), "`auxiliary` must be True or False"),
        (lambda: DeepLabV3(output_stride=4), "`output_stride` must be one of"),
        (lambda: DeepLabV3(high_feature="haed"), "Unknown `high_feature`. Did you mean 'head'"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()
