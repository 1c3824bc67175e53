"""Networks with learned groups: what is replaced, what is not, training, freezing."""

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.deploy import freeze_groups
from kerazoo.layers import FLGCConv2D, FrozenFLGCConv2D, GatherChannels
from kerazoo.models.mobilenet_v2 import MOBILENET_V2

SMALL = {"weights": None, "classes": 10, "input_shape": (32, 32, 3), "stem_strides": 1}


@pytest.fixture(autouse=True)
def _fresh_names():
    keras.backend.clear_session(free_memory=False)


def learned(model):
    return [layer for layer in model.layers if isinstance(layer, FLGCConv2D)]


def randomise(model):
    rng = np.random.default_rng(0)
    for variable in model.weights:
        if variable.name in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif variable.name in ("beta", "moving_mean", "bias"):
            variable.assign(rng.normal(0, 0.3, variable.shape))
    return model


def check_frozen_equals(model):
    frozen = freeze_groups(model, allow_untrained=True)
    x = np.random.default_rng(1).normal(size=(2, 32, 32, 3)).astype("float32")
    expected = np.asarray(model(x))
    assert expected.std() > 1e-3 * np.abs(expected).max()
    np.testing.assert_allclose(frozen(x), expected, atol=1e-5 * np.abs(expected).max())
    assert frozen.info == model.info
    assert type(frozen) is kerazoo.ZooModel
    return frozen


def test_mobilenet_v2_learns_the_projections_only():
    model = kerazoo.FLGCMobileNetV2(**SMALL)
    layers = learned(model)
    assert len(layers) == sum(row.repeats for row in MOBILENET_V2)
    assert all(layer.name.endswith("_project_conv") for layer in layers)
    assert {layer.learned_groups for layer in layers} == {8}
    assert type(model.get_layer("stem_conv")) is keras.layers.Conv2D
    ordinary = kerazoo.profile(kerazoo.MobileNetV2(**SMALL))
    scores = sum(8 * (layer.kernel.shape[2] + layer.filters) for layer in layers)
    counted = kerazoo.profile(model)
    # The masked form computes the dense convolution: the same multiply-adds.
    assert (counted.params, counted.macs) == (ordinary.params + scores, ordinary.macs)


@pytest.mark.parametrize("top", [0, 3])
def test_frozen_mobilenet_v2(top):
    arguments = {**SMALL, "classifier_activation": None, "duplicate_top": top}
    model = randomise(kerazoo.create_model("flgc_mobilenet_v2", **arguments))
    frozen = check_frozen_equals(model)
    if top:
        assert any(any(layer.assignment().duplicated) for layer in learned(model))
    else:
        # Expansions give their filters in the order of the groups; only additions need a gather.
        gathers = [layer for layer in frozen.layers if isinstance(layer, GatherChannels)]
        assert len(gathers) <= sum(isinstance(layer, keras.layers.Add) for layer in model.layers)
    masked, left = kerazoo.profile(model), kerazoo.profile(frozen)
    projected = sum(row.macs for row in masked.layers if row.name.endswith("_project_conv"))
    # An eighth of the projections is left, a little more as random groups are uneven.
    assert 0.8 < (masked.macs - left.macs) / (projected * 7 / 8) < 1.05


def test_resnet50_learns_everything_but_the_first_convolution():
    model = kerazoo.FLGCResNet50(weights=None, groups=4)
    layers = learned(model)
    assert len(layers) == 16 * 3 + 4
    assert {layer.kernel_size for layer in layers} == {(1, 1), (3, 3)}
    assert {layer.learned_groups for layer in layers} == {4}
    stem = model.get_layer("stem_conv")
    assert type(stem) is keras.layers.Conv2D
    assert stem.kernel_size == (7, 7)
    assert kerazoo.profile(model).macs == kerazoo.profile(kerazoo.ResNet50(weights=None)).macs


@pytest.mark.parametrize("top", [0, 3])
def test_frozen_resnet50_with_the_cifar_stem(top):
    model = randomise(
        kerazoo.create_model(
            "flgc_resnet50",
            weights=None,
            stem="cifar",
            input_shape=(32, 32, 3),
            classes=10,
            classifier_activation=None,
            duplicate_top=top,
        )
    )
    assert model.get_layer("stem_conv").kernel_size == (3, 3)
    assert model.get_layer("stage1_block1_out").output.shape[1:3] == (32, 32)
    frozen = check_frozen_equals(model)
    masked, left = kerazoo.profile(model), kerazoo.profile(frozen)
    stem = next(row.macs for row in masked.layers if row.name == "stem_conv")
    # An eighth of the blocks is left, and what is duplicated.
    assert 0.9 < (left.macs - stem) / (masked.macs - stem) * 8 < (1.2 if top == 0 else 1.6)
    assert left.params < masked.params / 5
    duplicated = [layer for layer in learned(model) if any(layer.assignment().duplicated)]
    assert bool(duplicated) == bool(top)


def test_training_moves_the_groups_of_a_network():
    keras.utils.set_random_seed(0)
    model = kerazoo.FLGCMobileNetV2(**{**SMALL, "alpha": 0.35, "dropout_rate": 0.0})
    before = [layer.assignment() for layer in learned(model)]
    # Eagerly: tracing takes longer than a dozen steps.
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", run_eagerly=True)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 32, 32, 3)), np.arange(8)
    losses = [float(model.train_on_batch(x, y)) for _ in range(4)]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]
    assert [layer.assignment() for layer in learned(model)] != before
    assert all(np.isfinite(w).all() for w in model.get_weights())
    frozen = freeze_groups(model)
    np.testing.assert_allclose(frozen(x), model(x), atol=1e-5)
    assert any(isinstance(layer, FrozenFLGCConv2D) for layer in frozen.layers)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"groups": 0}, r"Received: `groups=0`"),
        ({"groups": 17}, r"at most the 16 filters\. Received: `groups=17`"),
        ({"duplicate_top": -3}, r"Received: `duplicate_top=-3`"),
        ({"duplicate_top": 33}, r"the 32 channels\. Received: `duplicate_top=33`"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        kerazoo.FLGCMobileNetV2(**SMALL, **arguments)
