"""ResNet and ResNeXt equal timm's; the CIFAR stem; training of the grouped form."""

import keras
import numpy as np
import pytest

import kerazoo
from tests.models.family_checks import check_parity


@pytest.mark.parametrize("name", ["resnet50", "resnext50_32x4d"])
def test_parity(tmp_path, name):
    layer_of = {"stem": "stem_act", "stem_pool": "stem_pool", "features": "avg_pool"}
    check_parity(tmp_path, name, name, layer_of)


def test_basic_blocks_load_by_timms_names():
    model = kerazoo.ResNet18(weights=None, input_shape=(64, 64, 3), classes=10)
    rng = np.random.default_rng(0)
    weights = {}
    for stage, channels in enumerate((64, 128, 256, 512), 1):
        for block in range(2):
            inner = f"layer{stage}.{block}"
            before = channels if block or stage == 1 else channels // 2
            convs = {f"{inner}.conv1": (before, 3), f"{inner}.conv2": (channels, 3)}
            norms = [f"{inner}.bn1", f"{inner}.bn2"]
            if before != channels:
                convs[f"{inner}.downsample.0"] = (before, 1)
                norms.append(f"{inner}.downsample.1")
            for name, (inputs, size) in convs.items():
                weights[f"{name}.weight"] = rng.normal(size=(channels, inputs, size, size))
            weights |= _norms(norms, channels, rng)
    weights["conv1.weight"] = rng.normal(size=(64, 3, 7, 7))
    weights |= _norms(["bn1"], 64, rng)
    weights |= {"fc.weight": rng.normal(size=(10, 512)), "fc.bias": rng.normal(size=10)}
    kerazoo.load_weights(model, weights)
    kernel = np.asarray(model.get_layer("stage3_block1_shortcut_conv").kernel)
    expected = weights["layer3.0.downsample.0.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_allclose(kernel, expected, rtol=1e-6)


def _norms(names, channels, rng):
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{n}.{p}": rng.uniform(0.5, 1.5, channels) for n in names for p in parts}


def test_cifar_stem():
    model = kerazoo.ResNet18(weights=None, stem="cifar", input_shape=(32, 32, 3), classes=10)
    assert model.get_layer("stem_conv").kernel.shape == (3, 3, 3, 64)
    assert model.get_layer("avg_pool").input.shape == (None, 4, 4, 512)
    assert "stem_pool" not in [layer.name for layer in model.layers]
    # 11.17 M: the ResNet-18 for CIFAR-10 that the field compares with.
    assert kerazoo.profile(model).params == 11_173_962
    again = kerazoo.create_model("resnet18", weights=None, **model.info.arguments)
    assert again.output_shape == (None, 10)
    assert again.get_layer("stem_conv").strides == (1, 1)


def test_feature_strides_follow_the_stem():
    strides = {
        stem: list(
            kerazoo.ResNet18(
                weights=None, features_only=True, stem=stem, input_shape=(64, 64, 3)
            ).feature_strides.values()
        )
        for stem in ("imagenet", "cifar")
    }
    assert strides == {"imagenet": [2, 4, 8, 16, 32], "cifar": [1, 2, 4, 8]}


def test_wrong_stem():
    with pytest.raises(ValueError, match=r"`stem` must be one of .*'cifar'.* `stem='mnist'`"):
        kerazoo.ResNet50(weights=None, stem="mnist")


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_resnext_trains_on_cpu(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = kerazoo.ResNeXt50_32x4d(weights=None, classes=3, input_shape=(64, 64, 3))
    finally:
        keras.config.set_dtype_policy(before)
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert not model.jit_compile  # XLA on CPU takes seconds for each grouped layer
    model.run_eagerly = True  # as tracing does
    kernels = [v for v in model.trainable_variables if v.path.endswith("_2_conv/kernel")]
    assert kernels[0].shape == (3, 3, 4, 128)
    old = [np.array(v) for v in kernels]
    x = np.random.default_rng(0).normal(size=(2, 64, 64, 3)).astype("float32")
    history = model.fit(x, np.arange(2), verbose=0)
    assert np.isfinite(history.history["loss"][0])
    for variable, was in zip(kernels, old, strict=True):
        now = np.asarray(variable)
        assert np.isfinite(now).all()
        assert (now != was).any()
