"""Fused models: equal outputs, nothing left to fold, honest copies and refusals."""

import keras
import numpy as np
import pytest
from PIL import Image

import kerazoo
from kerazoo.checkpoints.read.tensors import read_tensors
from kerazoo.deploy import fuse
from kerazoo.deploy.fusion.forms import TARGETS, Forms
from kerazoo.deploy.fusion.fuse import _fuse
from kerazoo.layers import (
    BatchNormalization,
    ChannelShuffle,
    FLGCConv2D,
    FrozenFLGCConv2D,
    GroupedConv2D,
    GroupedPointwiseConv2D,
    InferencePReLU,
    LearnedUpsampling2D,
    MixConv2D,
    PReLU,
    SqueezeExcite,
    StridedDilatedDepthwiseConv2D,
)
from tests.models.test_every_model import SMALLEST
from tests.processes import run_python

_L = keras.layers


@pytest.fixture(autouse=True)
def _fresh_names():
    keras.backend.clear_session(free_memory=False)


def randomised(model, seed=0):
    """Batch-norm statistics as after training, of both signs; biases and slopes that count."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if variable.name == "moving_variance":
            variable.assign(rng.uniform(0.5, 2, variable.shape))
        elif variable.name in ("moving_mean", "beta", "bias", "alpha"):
            variable.assign(0.3 * rng.normal(size=variable.shape))
        elif variable.name == "gamma":
            signs = rng.choice([-1, 1], variable.shape, p=[0.1, 0.9])
            variable.assign(signs * rng.uniform(0.5, 1.5, variable.shape))
    return model


def error(model, fused, x=None) -> float:
    """The largest difference of any output, against the largest value of that output."""
    if x is None:
        shape = (2, *(n or 21 for n in model.inputs[0].shape[1:]))
        x = np.random.default_rng(5).normal(size=shape).astype("float32")
    expected = model(x, training=False)
    found = fused(x, training=False)
    keras.tree.assert_same_structure(expected, found)
    worst = 0.0
    for a, b in zip(keras.tree.flatten(expected), keras.tree.flatten(found), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert a.shape == b.shape
        assert np.abs(a).max() > 0
        worst = max(worst, float(np.abs(a - b).max() / np.abs(a).max()))
    return worst


def batch_norms(model) -> list[str]:
    return [
        layer.name
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]


def small(*layers, shape=(9, 11, 8)):
    """A chain of layers, batch norm behind each, and its randomised model."""
    x = inputs = keras.Input(shape)
    for layer in layers:
        x = layer(x)
        if not isinstance(layer, _L.ZeroPadding2D):
            x = _L.ReLU()(BatchNormalization()(x))
    return randomised(keras.Model(inputs, x))


# Batch norms that stay: behind sums that several layers read.
KEPT = {"resnet_v2": "_preact_bn"}


@pytest.mark.parametrize("id", SMALLEST)
def test_every_family(id):
    model = kerazoo.create_model(
        id, weights=None, classes=7, input_shape=(64, 64, 3), classifier_activation=None
    )
    before = [w.copy() for w in randomised(model).get_weights()]
    fused = fuse(model)
    found = error(model, fused)
    print(f"fused {id}: error {found:.1e}, layers {len(model.layers)} -> {len(fused.layers)}")
    assert found <= 1e-4
    kept = KEPT.get(kerazoo.registry.catalogue()[id].family, "none")
    assert all(kept in name or name == "post_bn" for name in batch_norms(fused))
    assert not any(isinstance(layer, _L.Dropout) for layer in fused.layers)
    assert type(fused) is type(model)
    assert fused.info == model.info
    assert kerazoo.profile(fused).params < kerazoo.profile(model).params * 1.4
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("padding", ["same", "symmetric"])
@pytest.mark.parametrize("target", ["tensorflow", "openvino", "litert"])  # onnx shares its forms
def test_mixnet(target, padding, tmp_path):
    model = kerazoo.MixNetS(
        weights=None, input_shape=(None, None, 3), padding=padding, features_only=True
    )
    x = np.random.default_rng(0).normal(size=(1, 33, 47, 3)).astype("float32")
    fused = fuse(randomised(model), target)
    assert error(model, fused, x) <= 1e-4
    kinds = {type(layer) for layer in fused.layers}
    assert (MixConv2D in kinds) is (target == "openvino")  # those with five kernels
    assert (GroupedPointwiseConv2D in kinds) is (target == "openvino")
    assert list(fused(x)) == list(model.feature_strides)
    fused.save(tmp_path / "fused.keras")
    again = keras.saving.load_model(tmp_path / "fused.keras")
    assert again.info == model.info
    assert error(fused, again, x) <= 1e-6


def test_trained_mobilenet_on_photographs(shared):
    weights = shared / "weights/mobilenet_v2_1.0_224_imagenet_dequant.weights.h5"
    model = kerazoo.MobileNetV2(weights=str(weights), include_preprocessing=True)
    x = np.stack([_pixels(path, 224) for path in _photographs(shared)[:2]])
    assert error(model, fuse(model), x) <= 1e-4


def test_trained_espnet_on_a_photograph(shared):
    tensors = read_tensors(shared / "weights/espnetv2_seg/espnetv2_s_1.0_pascal_256x256.pth")
    model = kerazoo.ESPNetV2(scale=1.0, weights=None, features_only=True)
    trained = keras.Model(model.input, model.get_layer("stage3_block8_act").output)
    own = {k.removeprefix("base_net."): v for k, v in tensors.items() if "base_net." in k}
    kerazoo.load_weights(trained, own)
    fused = fuse(trained)
    assert error(trained, fused, _pixels(_photographs(shared)[0], 96)[None] / 128 - 1) <= 1e-4
    bounded = [layer.bounded for layer in fused.layers if isinstance(layer, InferencePReLU)]
    assert not any(type(layer) is PReLU for layer in fused.layers)
    assert 0 < bounded.count(False) < 10  # some trained slopes exceed 1


def _photographs(shared):
    return sorted((shared / "parity/images").iterdir())


def _pixels(path, size):
    return np.asarray(Image.open(path).convert("RGB").resize((size, size)), "float32")


def test_segmentation_network():
    model = randomised(kerazoo.ESPNet(weights=None, classes=3, input_shape=(64, 48, 3)))
    assert error(model, fuse(model)) <= 1e-4


def test_fine_tuned_network(tmp_path):
    body = kerazoo.MobileNetV2(alpha=0.35, weights=None, include_top=False, input_shape=(64, 64, 3))
    model = keras.Sequential(
        [
            keras.Input((64, 64, 3)),
            keras.Sequential([_L.RandomFlip(), _L.RandomRotation(0.1)]),
            _L.RandomContrast(0.5),
            body,
            _L.GlobalAveragePooling2D(),
            _L.Dropout(0.5),
            _L.Dense(5, use_bias=False),
            _L.BatchNormalization(),
        ]
    )
    fused = fuse(randomised(model))
    assert error(model, fused) <= 1e-4
    assert batch_norms(fused) == []
    assert [type(layer) for layer in fused.layers[2:]] == [
        type(body),
        _L.GlobalAveragePooling2D,
        _L.Dense,
    ]
    assert fused.layers[2].info == body.info
    fused.save(tmp_path / "fused.keras")
    assert error(fused, keras.saving.load_model(tmp_path / "fused.keras")) <= 1e-6


LAYERS = {
    "conv": lambda: _L.Conv2D(6, 3, strides=2, padding="same"),
    "conv_groups": lambda: _L.Conv2D(6, 3, groups=2, use_bias=False),
    "separable": lambda: _L.SeparableConv2D(6, 3, depth_multiplier=2, use_bias=False),
    "depthwise": lambda: _L.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False),
    "transposed": lambda: _L.Conv2DTranspose(6, 3, strides=2, use_bias=False),
    "dense": lambda: _L.Dense(6),
    "grouped": lambda: GroupedConv2D(6, 3, groups=2),
    "grouped_pointwise": lambda: GroupedPointwiseConv2D(7, 2),
    "mix": lambda: MixConv2D([3, 5, 7], use_bias=True),
    "mix_strided": lambda: MixConv2D([1, 3, 5], strides=2),
    "mix_symmetric": lambda: MixConv2D([1, 3, 5], strides=2, padding="symmetric"),
    "mix_dilated": lambda: MixConv2D([1, 3, 7], dilated=True),
    "flgc": lambda: FLGCConv2D(6, 3, 3),
    "dilated": lambda: StridedDilatedDepthwiseConv2D(3, 2, 2, use_bias=False),
    "upsampling": lambda: LearnedUpsampling2D(6),
}


@pytest.mark.parametrize("target", ["tensorflow", "litert"])
@pytest.mark.parametrize("kind", LAYERS)
def test_each_kind_of_layer(kind, target):
    layer = LAYERS[kind]()
    model = small(layer)
    fused = fuse(model, target)
    assert error(model, fused) <= 1e-5
    assert batch_norms(fused) == []
    names = [new.name for new in fused.layers]
    assert layer.name in names or f"{layer.name}_part0" in names


def test_forms():
    layers = [
        *(GroupedPointwiseConv2D(12, 2), MixConv2D([3, 5, 7, 9]), MixConv2D([3, 5, 7, 9, 11])),
        FLGCConv2D(6, 1, 3),
    ]
    model = small(*layers, shape=(9, 11, 40))
    kinds = {
        target: [type(fuse(model, target).get_layer(layer.name)) for layer in layers]
        for target in TARGETS
        if not TARGETS[target].parts
    }
    merged = [_L.Conv2D, _L.DepthwiseConv2D, _L.DepthwiseConv2D, FrozenFLGCConv2D]
    assert kinds == {
        "tensorflow": merged,
        "onnx": merged,
        "openvino": [GroupedPointwiseConv2D, _L.DepthwiseConv2D, MixConv2D, FrozenFLGCConv2D],
    }


def _count(model, kind) -> int:
    return sum(type(layer) is kind for layer in model.layers)


def test_parts_stay_apart_from_expansion_to_projection(tmp_path):
    inputs = keras.Input((9, 11, 6))
    x = _L.ReLU()(GroupedPointwiseConv2D(16, 2)(inputs))
    x = BatchNormalization()(MixConv2D([3, 5], use_bias=True)(x))
    x = SqueezeExcite(3, "silu")(_L.Activation("silu")(x))
    x = BatchNormalization()(GroupedPointwiseConv2D(6, 2)(x))
    model = randomised(keras.Model(inputs, _L.Add()([x, inputs])))
    fused = fuse(model, "litert")
    assert error(model, fused) <= 1e-5
    # Of the means and of the result; nothing in between.
    assert _count(fused, _L.Concatenate) == 2
    assert (_count(fused, _L.DepthwiseConv2D), _count(fused, _L.Activation)) == (2, 2)
    assert not any(isinstance(layer, MixConv2D | SqueezeExcite) for layer in fused.layers)
    fused.save(tmp_path / "fused.keras")
    assert error(fused, keras.saving.load_model(tmp_path / "fused.keras")) == 0


@pytest.mark.parametrize("padding", ["same", "symmetric"])
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("groups", [1, 2, 3, 4])
def test_parts_with_edges_that_differ(groups, strides, padding):
    inputs = keras.Input((9, 11, 8))
    x = GroupedPointwiseConv2D(24, groups)(inputs) if groups > 1 else _L.Conv2D(24, 1)(inputs)
    x = _L.ReLU()(BatchNormalization()(x))
    x = MixConv2D([3, 5, 7], strides=strides, padding=padding)(x)
    x = _L.ReLU()(BatchNormalization()(x))
    x = GroupedPointwiseConv2D(10, 2)(x)
    shared = _L.ReLU()(x)  # taken whole, and in parts
    y = GroupedPointwiseConv2D(10, 2, use_bias=True)(shared)
    model = randomised(keras.Model(inputs, [x, _L.Add()([shared, y])]))
    fused = _fuse(model, Forms(merged_mix=0, dense_groups=1, parts=4))
    assert error(model, fused) <= 1e-5
    assert _count(fused, GroupedPointwiseConv2D) == _count(fused, MixConv2D) == 0


def test_wide_strided_and_many_groups_stay():
    layers = [
        *(GroupedConv2D(6, 3, groups=2), GroupedConv2D(6, 1, strides=2, groups=2)),
        GroupedConv2D(6, 1, groups=3),
    ]
    model = small(*layers)
    fused = fuse(model, "litert")
    assert error(model, fused) <= 1e-5
    assert all(type(fused.get_layer(layer.name)) is GroupedConv2D for layer in layers)


def test_small_kernels_at_a_large_stride_stay_apart():
    # At stride 4 a 3x3 and a 5x5 kernel have their centres on different pixels.
    for size in (16, 17, 18, 19):
        model = small(MixConv2D([3, 5], strides=4), shape=(size, size, 8))
        assert error(model, fuse(model)) <= 1e-5


def test_through_padding_concatenation_addition_and_pooling():
    inputs = keras.Input((9, 9, 4))
    a = _L.Conv2D(4, 1)(inputs)
    b = MixConv2D([3, 5])(inputs)
    x = _L.Concatenate()([a, b])
    x = _L.BatchNormalization(center=False, name="scale_only")(x)
    x = _L.ReLU()(ChannelShuffle(2)(x))
    y = _L.Add()([_L.Conv2D(6, 1)(x), _L.Conv2D(6, 3, padding="same")(x)])
    y = _L.AveragePooling2D(2)(ChannelShuffle(3)(y))
    model = randomised(keras.Model(inputs, _L.BatchNormalization()(y)))
    fused = fuse(model)
    assert error(model, fused) <= 1e-5
    assert batch_norms(fused) == []


@pytest.mark.parametrize("shift", [True, False])
def test_zero_padding_lets_no_shift_through(shift):
    inputs = keras.Input((9, 9, 4))
    x = _L.ZeroPadding2D(1)(_L.Conv2D(6, 3)(inputs))
    model = keras.Model(inputs, _L.BatchNormalization(center=shift)(x))
    randomised(model)
    if not shift:
        model.layers[-1].moving_mean.assign(np.zeros(6))
    fused = fuse(model)
    assert error(model, fused) <= 1e-5
    assert len(batch_norms(fused)) == shift


@pytest.mark.parametrize("positive", [True, False])
def test_maxima_let_positive_scales_through(positive):
    inputs = keras.Input((9, 9, 4))
    x = _L.MaxPooling2D(3, 2, padding="same")(_L.Conv2D(6, 3)(inputs))
    model = randomised(keras.Model(inputs, _L.BatchNormalization()(x)))
    model.layers[-1].gamma.assign(np.linspace(0.5, 1, 6) if positive else np.linspace(-1, 1, 6))
    fused = fuse(model)
    assert error(model, fused) <= 1e-5
    assert len(batch_norms(fused)) == (not positive)


@pytest.mark.parametrize(
    ("first", "offset", "left"),
    [
        (lambda: _L.Conv2D(6, 3, strides=2), [-1.0, 0.5, 2.0], 0),
        (lambda: _L.Conv2D(6, 1, padding="same"), -1.0, 0),
        (lambda: _L.SeparableConv2D(6, 3), [-1.0, 0.5, 2.0], 0),
        (lambda: _L.Conv2D(6, 3, strides=2, padding="same"), 0.0, 0),
        (lambda: _L.Conv2D(6, 3, strides=2, padding="same"), -1.0, 1),
        (lambda: _L.Conv2DTranspose(6, 3), 0.0, 1),
    ],
)
@pytest.mark.parametrize("padded", [False, True])
def test_normalisation_goes_into_the_stem_where_zeros_allow(first, offset, left, padded):
    inputs = keras.Input((9, 9, 3))
    x = _L.Rescaling([0.1, 0.2, 0.3], offset)(inputs)
    x = _L.ZeroPadding2D(1)(x) if padded else x
    model = randomised(keras.Model(inputs, _L.BatchNormalization()(first()(x))))
    fused = fuse(model)
    assert error(model, fused) <= 1e-5
    count = sum(isinstance(layer, _L.Rescaling) for layer in fused.layers)
    assert count == (1 if padded and np.any(offset) else left)
    assert batch_norms(fused) == []


def test_integer_pictures_keep_their_normalisation():
    inputs = keras.Input((9, 9, 3), dtype="uint8")
    model = keras.Model(inputs, _L.Conv2D(6, 3)(_L.Rescaling(1 / 255)(inputs)))
    x = np.random.default_rng(0).integers(0, 256, (1, 9, 9, 3)).astype("uint8")
    assert error(model, fuse(model), x) <= 1e-5


def test_preprocessing_of_a_network():
    model = kerazoo.MobileNetV1(
        alpha=0.25, weights=None, input_shape=(64, 64, 3), include_preprocessing=True
    )
    x = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    assert error(randomised(model), fuse(model), x) <= 1e-4


@keras.saving.register_keras_serializable("kerazoo_tests")
class Doubled(_L.Conv2D):
    """A subclass with a mind of its own."""

    def call(self, inputs):
        return 2 * super().call(inputs) + 1


def test_what_cannot_be_folded_stays():
    inputs = keras.Input((9, 9, 4))
    shared, norm = _L.Conv2D(4, 3, padding="same"), _L.BatchNormalization(name="shared_bn")
    a = norm(shared(inputs))
    b = _L.BatchNormalization(name="behind_shared_bn")(shared(_L.ReLU()(a)))
    c = norm(_L.Conv2D(4, 3, padding="same")(b))
    d = _L.BatchNormalization(name="behind_relu_bn")(_L.Conv2D(4, 1, activation="relu")(c))
    e = Doubled(4, 1)(d)
    f = _L.BatchNormalization(name="behind_doubled_bn")(e)
    g = _L.Conv2D(4, 1)(PReLU()(f))
    h = _L.BatchNormalization(name="twice_read_bn")(g)
    i = _L.BatchNormalization(name="rows_bn", axis=1)(_L.Conv2D(4, 1)(_L.ReLU()(h)))
    model = randomised(keras.Model(inputs, {"g": g, "h": h, "i": SqueezeExcite(2)(i) + 1.0}))
    fused = fuse(model)
    assert error(model, fused) <= 1e-5
    names = ["shared_bn", "behind_shared_bn", "behind_doubled_bn", "twice_read_bn", "rows_bn"]
    assert sorted(batch_norms(fused)) == sorted([*names, "behind_relu_bn"])


def test_batch_norm_in_front_of_a_convolution():
    inputs = keras.Input((9, 9, 4))
    x = _L.ReLU()(inputs)
    model = randomised(keras.Model(inputs, _L.Conv2D(5, 3)(_L.BatchNormalization(name="front")(x))))
    fused = fuse(model)
    assert error(model, fused) <= 1e-5
    assert batch_norms(fused) == []


def test_calls_with_training_true_stay():
    inputs = keras.Input((9, 9, 4))
    x = _L.Conv2D(4, 1)(inputs)
    x = _L.BatchNormalization(name="batch_statistics")(x, training=True)
    model = keras.Model(inputs, _L.Dropout(0.5, name="monte_carlo")(x, training=True))
    names = [layer.name for layer in fuse(model).layers]
    assert names[-2:] == ["batch_statistics", "monte_carlo"]


def _branches(size, strides, padding, last):
    """The middle of an EESP unit: dilated branches, each added to the one before; batch norm."""
    inputs = keras.Input((size, size, 4))
    x = _L.ReLU()(inputs)
    sums = []
    for dilation in (1, 2, last):
        if strides > 1 and padding == "symmetric" and dilation == 1:
            y = _L.DepthwiseConv2D(3, strides)(_L.ZeroPadding2D(1)(x))
        elif strides > 1:
            y = StridedDilatedDepthwiseConv2D(3, strides, dilation, padding)(x)
        else:
            y = _L.DepthwiseConv2D(3, padding="same", dilation_rate=dilation, use_bias=False)(x)
        sums.append(_L.Add()([y, sums[-1]]) if sums else y)
    x = PReLU()(_L.BatchNormalization()(_L.Concatenate()(sums)))
    return randomised(keras.Model(inputs, x))


@pytest.mark.parametrize("size", [12, 13])
@pytest.mark.parametrize(
    ("strides", "padding"), [(1, "same"), (2, "same"), (2, "symmetric"), (3, "symmetric")]
)
def test_sums_of_branches_become_one_convolution(size, strides, padding):
    model = _branches(size, strides, padding, 4)
    fused = fuse(model)
    assert error(model, fused) <= 1e-5
    assert batch_norms(fused) == []
    assert not any(isinstance(layer, _L.Add) for layer in fused.layers)
    assert error(model, fuse(model, "litert")) <= 1e-5


def test_sums_that_are_no_single_convolution_stay():
    model = _branches(12, 1, "same", 5)  # 11x11 with most of it zeros
    fused = fuse(model)
    assert error(model, fused) <= 1e-5
    assert sum(isinstance(layer, _L.Add) for layer in fused.layers) == 1
    inputs = keras.Input((12, 12, 4))
    a = _L.DepthwiseConv2D(3, strides=2, padding="same")(inputs)
    b = StridedDilatedDepthwiseConv2D(3, 2, 2, "symmetric")(inputs)  # on other pixels
    c = _L.DepthwiseConv2D(3, strides=2, padding="same")(_L.ReLU()(inputs))  # of other numbers
    d = _L.DepthwiseConv2D(3, strides=2, padding="same", activation="relu")(inputs)
    model = keras.Model(inputs, [_L.Add()([a, b]), _L.Add()([a, c]), _L.Add()([a, d])])
    fused = fuse(randomised(model))
    assert error(model, fused) <= 1e-5
    assert sum(isinstance(layer, _L.Add) for layer in fused.layers) == 3


@pytest.mark.parametrize("make", [PReLU, lambda **kw: _L.PReLU(shared_axes=[1, 2], **kw)])
@pytest.mark.parametrize(("slope", "fits"), [(1.0, True), (-2.0, True), (1.01, False)])
def test_prelu_in_fewer_operations(make, slope, fits, tmp_path):
    inputs = keras.Input((5, 5, 4))
    model = keras.Model(inputs, make(name="act")(inputs))
    alpha = np.array([0.25, 0.0, slope, 1.0])
    model.get_layer("act").set_weights([alpha.reshape(model.get_layer("act").alpha.shape)])
    fused = fuse(model)
    assert error(model, fused) <= 1e-6
    assert fused.get_layer("act").bounded is fits
    assert not isinstance(fuse(model, "litert").get_layer("act"), InferencePReLU)
    convolved = fuse(model, "litert_int8")
    assert convolved.get_layer("act").convolved
    assert error(model, convolved) <= 1e-6
    for each in (fused, convolved):
        each.save(tmp_path / "fused.keras")
        assert error(each, keras.saving.load_model(tmp_path / "fused.keras")) == 0


def test_pools_of_few_channels_become_convolutions_for_openvino():
    inputs = keras.Input((11, 12, 3))
    pooled = {
        "padded": _L.AveragePooling2D(3, 2)(_L.ZeroPadding2D(1)(inputs)),
        "bare": _L.AveragePooling2D((2, 3), 1)(inputs),
        "uneven": _L.AveragePooling2D(2)(_L.ZeroPadding2D(((0, 1), (0, 1)))(inputs)),
    }
    kept = {
        "uncounted": _L.AveragePooling2D(3, 2, padding="same")(inputs),  # zeros are not counted
        "strides": _L.AveragePooling2D(2, (2, 1))(inputs),
        "wide": _L.AveragePooling2D(2)(_L.Conv2D(5, 1)(inputs)),
    }
    model = keras.Model(inputs, pooled | kept)
    fused = fuse(model, "openvino")
    assert error(model, fused) <= 1e-6
    count = [type(layer) for layer in fused.layers].count
    assert count(_L.DepthwiseConv2D) == len(pooled)
    assert count(_L.AveragePooling2D) == len(kept)
    assert not any(isinstance(layer, _L.DepthwiseConv2D) for layer in fuse(model).layers)


@pytest.mark.parametrize("make", [GroupedPointwiseConv2D, GroupedConv2D])
@pytest.mark.parametrize(
    ("channels", "groups", "dense"), [(32, 2, True), (64, 4, True), (36, 2, False), (40, 8, False)]
)
def test_narrow_groups_become_dense_for_openvino(make, channels, groups, dense):
    inputs = keras.Input((5, 5, channels))
    own = (24, groups) if make is GroupedPointwiseConv2D else (24, 1, 1)
    extra = {} if make is GroupedPointwiseConv2D else {"groups": groups}
    model = keras.Model(inputs, make(*own, name="conv", **extra)(inputs))
    fused = fuse(model, "openvino")
    assert error(model, fused) <= 1e-6
    size = 24 * channels // (1 if dense else groups)
    assert sum(w.size for w in fused.get_layer("conv").get_weights() if w.ndim > 1) == size


def test_saved_models_load_in_a_new_process(tmp_path):
    model = fuse(_branches(12, 1, "same", 3))
    model.save(tmp_path / "fused.keras")
    lines = (
        "import sys, keras, kerazoo.layers",
        "model = keras.saving.load_model(sys.argv[1])",
        "print(type(model.layers[-1]).__name__)",
    )
    done = run_python("\n".join(lines), tmp_path / "fused.keras")
    assert done.stdout.strip() == "InferencePReLU", done.stderr


def test_wrong_target():
    with pytest.raises(ValueError, match=r"Unknown `target`. Did you mean 'openvino'.*'openvin'"):
        fuse(keras.Sequential(), "openvin")


def test_wrong_models():
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ValueError, match="`model` must be a functional or sequential"):
        fuse(Own())
    with pytest.raises(ValueError, match="`model` must be a functional or sequential"):
        fuse("mixnet_s")
    with pytest.raises(ValueError, match="`model` must be built: call it once"):
        fuse(keras.Sequential([_L.Dense(3)]))


def test_half_precision_is_refused_by_name():
    inputs = keras.Input((9, 9, 4))
    x = _L.Conv2D(4, 1, dtype="mixed_bfloat16", name="half")(inputs)
    with pytest.raises(ValueError, match=r"float32 layers.*`model='half'`"):
        fuse(keras.Model(inputs, _L.Conv2D(4, 1, name="whole")(x)))


def test_layers_that_cannot_be_copied_are_named():
    class Foreign(_L.Layer):
        def __init__(self, width, **kwargs):
            super().__init__(**kwargs)
            self.width = width

        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(self.width,))

        def call(self, inputs):
            return inputs * self.kernel

        def get_config(self):
            return {"name": self.name}

    inputs = keras.Input((4,))
    model = keras.Model(inputs, Foreign(4, name="mystery")(inputs))
    with pytest.raises(ValueError, match=r"copied through `get_config\(\)`.*mystery \(Foreign\)"):
        fuse(model)
