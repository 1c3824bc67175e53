"""MobileNetV3 equals timm's, and its variants have timm's published sizes."""

import keras
import pytest

import kerazoo
from tests.models.family_checks import check_parity


@pytest.mark.parametrize(("size", "last"), [("small", "stage6"), ("large", "stage7")])
def test_parity(shared, tmp_path, size, last):
    # timm counts the convolution before the pooling as a stage, and calls what follows the
    # pooling the head.
    layer_of = {last: "head_act", "head": "hidden_act", "features": "hidden_flatten"}
    check_parity(shared, tmp_path, f"mobilenetv3_{size}_100", f"mobilenet_v3_{size}", layer_of)


@pytest.mark.parametrize(
    ("id", "params"),
    [
        ("mobilenet_v3_small_050", 1_593_224),
        ("mobilenet_v3_small_075", 2_041_872),
        ("mobilenet_v3_small_minimalistic", 2_044_736),
        ("mobilenet_v3_large_075", 3_993_528),
        ("mobilenet_v3_large_minimalistic", 3_924_288),
    ],
)
def test_parameters_of_the_variants(id, params):
    # timm 1.0.31's counts of the networks of the same names.
    assert kerazoo.registry.catalogue()[id].params == params


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
