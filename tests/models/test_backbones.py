"""What detectors and segmenters stand on: chosen maps, dense maps, what belongs to the head."""

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo._layer_facts import torch_axes
from tests.models.parity import TOLERANCE, Reference

DENSE = (  # a family each; ESPNet has fixed strides, so have those of keras.applications
    *("mobilenet_v1_025", "mobilenet_v2_035", "mobilenet_v3_small_050", "mixnet_s"),
    *("mnasnet_small", "fbnet_c", "resnet10", "resnext50_32x4d", "shufflenet_v1_g3_x0_25"),
    *("shufflenet_v2_x0_5", "espnetv2_s_0_5", "flgc_mobilenet_v2"),
)
# With its padding: blocks of a depthwise layer, mixed kernels, shortcuts, pools, the picture again.
DENSE_IN_TENSORFLOWS_WAY = (
    *("mobilenet_v2_035", "mixnet_s", "resnet10", "shufflenet_v1_g3_x0_25", "espnetv2_s_0_5"),
)


@pytest.fixture(autouse=True)
def _fresh_names():
    keras.backend.clear_session(free_memory=False)


def maps(id: str, **arguments):
    return kerazoo.create_model(id, **{"weights": None, "features_only": True, **arguments})


def shake(model, seed=0):
    """Weights at random, so that no branch is empty; gates that do not depend on the picture.

    Squeeze-and-excite takes the mean over the map, which is another one where the map is denser.
    """
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        value = np.asarray(variable)
        if "variance" not in variable.path:
            value = value + 0.3 * rng.normal(size=value.shape) * (np.abs(value).mean() + 0.1)
        variable.assign(value * 0 if "_se/" in variable.path and value.ndim > 1 else value)


def fill_in_order(model, tensors, prefix: str) -> None:
    """PyTorch's tensors whose names begin with `prefix` into a network of the same order."""
    arrays = [
        array
        for name, array in tensors.items()
        if name.startswith(prefix) and not name.endswith("num_batches_tracked")
    ]
    for variable, array in zip(model.variables, arrays, strict=True):
        if array.ndim == 4:
            layer = model.get_layer(variable.path.partition("/")[0])
            array = array.transpose(torch_axes(layer)).reshape(variable.shape)
        variable.assign(array)


@pytest.mark.parametrize(
    "name",
    ["torchvision_lraspp_mobilenet_v3_large", "torchvision_deeplabv3_mobilenet_v3_large"],
)
def test_dilated_mobilenet_v3_equals_torchvision(name):
    reference = Reference(name)
    points = {  # point -> map; the low one is the first block's at its stride, not the last
        "stem": "stem",
        "low": "stride_8_first",
        "block6": "stride_8",
        "block12": "stage5",
        "block15": "stride_16",
        "high": "head",
    }
    model = maps(
        "mobilenet_v3_large",
        input_shape=(224, 320, 3),
        padding="symmetric",
        batch_norm_epsilon=1e-3,
        output_stride=16,
        out_features=[*points.values()],
        dilate_strided=True,
    )
    fill_in_order(model, reference.weights(), "backbone.")
    found = model(reference.input)
    errors = {point: reference.point_error(point, found[name]) for point, name in points.items()}
    print(name, {point: f"{error:.1e}" for point, error in errors.items()})
    assert max(errors.values()) <= TOLERANCE, errors
    # Negative control: dilation that begins after the block is another network.
    other = maps(
        "mobilenet_v3_large", padding="symmetric", batch_norm_epsilon=1e-3, output_stride=16
    )
    kept = {v.path for v in other.variables}
    other.set_weights([np.asarray(v) for v in model.variables if v.path in kept])
    assert reference.point_error("block15", other(reference.input)["stride_16"]) > 1e-2


@pytest.mark.parametrize(
    ("id", "padding"),
    [*((id, "symmetric") for id in DENSE), *((id, "same") for id in DENSE_IN_TENSORFLOWS_WAY)],
)
def test_dense_maps_hold_the_values_of_the_strided_network(id, padding):
    # A residual block's 1x1 shortcut and its 3x3 keep different rows of an even size there.
    odd = padding == "same" and id.startswith("res")
    sides = (65, 97) if odd else (64, 96)
    shape = {"input_shape": (*sides, 3), "padding": padding}
    strided = maps(id, **shape)
    shake(strided)
    x = np.random.default_rng(1).normal(size=(1, *sides, 3)).astype("float32")
    expected = np.asarray(strided(x)["stride_32"])
    dense = maps(id, output_stride=8, **shape)
    dense.set_weights(strided.get_weights())
    found = np.asarray(dense(x)["stride_8"])
    assert found.shape[1:3] == tuple(-(-side // 8) for side in sides)
    # TensorFlow's rule lets a stride of an even size keep the second of each two.
    first = 3 if padding == "same" and not odd else 0
    kept = found[:, first::4, first::4]
    assert np.abs(kept - expected).max() / np.abs(expected).max() < 1e-5


def test_dense_classifier_of_unknown_size():
    model = kerazoo.MobileNetV1(
        alpha=0.25, weights=None, input_shape=(None, None, 3), output_stride=8, classes=5
    )
    assert model.output_shape == (None, 5)
    assert model.info.arguments["output_stride"] == 8
    again = kerazoo.create_model(model.info.architecture, weights=None, **model.info.arguments)
    again.set_weights(model.get_weights())
    x = np.random.default_rng(1).normal(size=(1, 65, 47, 3)).astype("float32")
    np.testing.assert_allclose(again(x), model(x), atol=1e-6)


@pytest.mark.parametrize("id", ["nasnet_mobile", "resnet50_v2", "espnet"])
def test_fixed_strides_are_refused_in_a_sentence(id):
    with pytest.raises(ValueError, match="`output_stride` must be None: the strides of `"):
        kerazoo.create_model(id, weights=None, output_stride=16)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"output_stride": 4}, r"`output_stride` must be one of \(None, 8, 16, 32\)"),
        ({"out_features": ["stride_8"]}, "`out_features` must be None without"),
        ({"features_only": True, "out_features": []}, "`out_features` must be None or a list"),
        ({"features_only": True, "out_features": "stem"}, "`out_features` must be None or a list"),
        ({"features_only": True, "out_features": ["stem"] * 2}, "of different names"),
        (
            {"features_only": True, "out_features": ["stride_16_expansoin"]},
            "Unknown `out_features`. Did you mean 'stride_16_expansion'",
        ),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        kerazoo.create_model("mobilenet_v2_035", weights=None, **arguments)


def test_ssdlite_takes_the_expansion_and_the_head():
    # TensorFlow's `layer_15/expansion_output` and `layer_19` (MobileNetV2), 576 and 1280 wide.
    chosen = ["stride_16_expansion", "head"]
    model = maps("mobilenet_v2_100", out_features=chosen, input_shape=(320, 320, 3))
    assert model.feature_channels == {"stride_16_expansion": 576, "head": 1280}
    assert model.feature_strides == {"stride_16_expansion": 16, "head": 32}
    assert list(model.output) == chosen
    whole = maps("mobilenet_v2_100", input_shape=(320, 320, 3))
    assert whole.info.available == model.info.available
    assert whole.info.features == {f"stride_{2**i}": (2**i, c) for i, c in FEATURES.items()}
    expansion = model.get_layer("stage6_block1_expand_act").output
    assert model.output["stride_16_expansion"] is expansion


FEATURES = {1: 16, 2: 24, 3: 32, 4: 96, 5: 320}


def test_the_first_map_of_a_stride_is_not_the_last():
    model = maps("mobilenet_v3_large", out_features=["stride_8_first", "stride_8"])
    first, last = model.output.values()
    assert first.shape == last.shape
    assert first is not last
    assert model.info.available["stride_8_expansion"] == (8, 240)
    # The small one has its first stride in a block without an expansion.
    assert "stride_2_expansion" not in maps("mobilenet_v3_small").info.available


def test_every_network_lists_its_maps():
    for id in ("mobilenet_v3_small_050", "shufflenet_v1_g3_x0_25", "espnet"):
        shape = (64, 64, 3)
        model = kerazoo.create_model(id, weights=None, input_shape=shape)
        listed = model.info.available
        every = maps(id, input_shape=shape, out_features=list(listed))
        for name, tensor in every.output.items():
            stride, channels = listed[name]
            assert tuple(tensor.shape) == (None, 64 // stride, 64 // stride, channels), (id, name)
        keras.backend.clear_session(free_memory=False)


def test_a_full_checkpoint_fits_a_part_of_the_network(tmp_path):
    model = kerazoo.create_model("mobilenet_v2_035", weights=None, input_shape=(64, 64, 3))
    shake(model)
    model.save_weights(tmp_path / "whole.weights.h5")
    weights = str(tmp_path / "whole.weights.h5")
    part = maps(
        "mobilenet_v2_035", weights=weights, out_features=["stride_4", "stride_8_expansion"]
    )
    values = {v.path: np.asarray(v) for v in model.variables}
    assert part.variables
    for variable in part.variables:
        np.testing.assert_array_equal(variable, values[variable.path])
    assert not any(layer.name.startswith(("stage5", "head")) for layer in part.layers)


@pytest.mark.parametrize(
    ("id", "head"),
    [
        ("mixnet_s", ("predictions",)),
        ("mobilenet_v3_small_050", ("hidden", "predictions")),
        ("resnet50_v2", ("predictions",)),
        ("espnet", ("decoder", "predictions")),
    ],
)
def test_the_head_is_what_the_trunk_is_not(id, head):
    shape = (64, 64, 3)
    model = kerazoo.create_model(id, weights=None, input_shape=shape)
    assert model.info.head == head
    trunk = kerazoo.create_model(id, weights=None, input_shape=shape, include_top=False)
    assert trunk.info.head == ()
    assert trunk.info.omitted == head
    weighty = {layer.name for layer in model.layers if layer.weights}
    of_head = {name for name in weighty if name.startswith(head)}
    assert of_head
    assert weighty - of_head == {layer.name for layer in trunk.layers if layer.weights}


def test_only_the_layers_of_the_head_that_do_not_fit_start_fresh(tmp_path):
    arguments = {"weights": None, "input_shape": (64, 64, 3)}
    model = kerazoo.create_model("mobilenet_v3_small_050", classes=9, **arguments)
    shake(model)
    model.save_weights(tmp_path / "nine.weights.h5")
    weights = str(tmp_path / "nine.weights.h5")
    again = kerazoo.create_model(
        "mobilenet_v3_small_050", classes=4, **{**arguments, "weights": weights}
    )
    values = {v.path: np.asarray(v) for v in model.variables}
    for variable in again.weights:
        if variable.path.startswith("predictions/"):
            assert variable.shape[-1] == 4
        else:
            np.testing.assert_array_equal(variable, values[variable.path])
