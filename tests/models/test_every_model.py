"""What every registered model must do: a new one joins by being in the catalogue.

Cheap checks run on every id, symbolically; those that compute run on the smallest id of each
family, on small pictures.
"""

import inspect
import json
from functools import cache

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.registry import catalogue, get_constructor
from tests.models.lazily import answer, in_order, no_values, values_of

CLASSIFIERS = kerazoo.list_models(task="classification")


def _smallest() -> list[str]:
    best: dict[str, str] = {}
    for id in CLASSIFIERS:
        entry = catalogue()[id]
        if entry.arguments or entry.weights_of == id:
            known = best.get(entry.family)
            if known is None or entry.macs < catalogue()[known].macs:
                best[entry.family] = id
    return sorted(best.values())


SMALLEST = _smallest()


@pytest.fixture(autouse=True)
def _fresh_names():
    keras.backend.clear_session(free_memory=False)  # collecting takes longer than most tests


def smallest_side(id: str) -> int:
    return get_constructor(catalogue()[id]).family.stride


def make(id: str, **arguments):
    return kerazoo.create_model(id, **{"weights": None, "classes": 7, **arguments})


@cache
def network(id: str):
    """The network for the smallest pictures it takes, which no test changes."""
    side = smallest_side(id)
    return make(id, input_shape=(side, side, 3))


@cache
def values(id: str) -> dict[str, np.ndarray]:
    return values_of(network(id))


def picture(*shape) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize("id", CLASSIFIERS)
def test_default_network(id):
    entry = catalogue()[id]
    with no_values():
        model = kerazoo.create_model(id, weights=None)
    assert model.input_shape == (None, *entry.input_size, 3)
    assert model.output_shape == (None, 1000)
    assert model.info.architecture == entry.weights_of
    names = [layer.name for layer in model.layers]
    assert len(set(names)) == len(names)
    paths = [variable.path for variable in model.variables]
    assert len(set(paths)) == len(paths)
    counted = kerazoo.profile(model)
    assert (counted.params, counted.macs) == (entry.params, entry.macs)
    assert sum(layer.macs for layer in counted.layers) == counted.macs


@pytest.mark.parametrize("id", CLASSIFIERS)
def test_docstring_names_its_source(id):
    create = get_constructor(catalogue()[id])
    assert "https://" in create.__doc__
    for name in inspect.signature(create).parameters:
        assert f"{name}:" in create.__doc__, f"{name} is not documented"


def _has_padding(id: str) -> bool:
    return "padding" in inspect.signature(get_constructor(catalogue()[id])).parameters


@pytest.mark.parametrize("id", [id for id in SMALLEST if _has_padding(id)])
def test_unknown_sizes_give_the_same_numbers(id):
    # Odd and non-square: here static padding rules and dynamic ones part ways.
    side = smallest_side(id)
    shape = (side * 2 + 1, side + 7, 3)
    x = picture(1, *shape)
    for padding in ("same", "symmetric"):
        with no_values():
            static = make(id, input_shape=shape, padding=padding)
            dynamic = make(id, input_shape=(None, None, 3), padding=padding)
        y = np.asarray(answer(static, values(id), x))
        assert y.shape == (1, 7)
        np.testing.assert_allclose(answer(dynamic, values(id), x), y, atol=1e-5)


@pytest.mark.parametrize("id", SMALLEST)
def test_smallest_input_and_probabilities(id):
    side = smallest_side(id)
    model = network(id)
    x = picture(2, side, side, 3)
    y = np.asarray(model(x))
    np.testing.assert_allclose(y.sum(-1), 1, atol=1e-5)
    np.testing.assert_array_equal(np.asarray(model(x)), y)
    with pytest.raises(ValueError, match="`input_shape` must be"):
        make(id, input_shape=(side - 1, side, 3))


@pytest.mark.parametrize("id", SMALLEST)
@pytest.mark.parametrize("channels", [1, 4])
def test_other_channel_counts(id, channels):
    side = smallest_side(id)
    with no_values():
        model = make(id, input_shape=(side, side, channels))
    rng = np.random.default_rng(0)
    mine = dict(values(id))
    others = [v for v in model.variables if v.path in mine and mine[v.path].shape != v.shape]
    assert 0 < len(others) <= 4  # those that read the picture
    for variable in others:
        mine[variable.path] = rng.normal(size=variable.shape).astype("float32")
    assert np.isfinite(answer(model, mine, picture(1, side, side, channels))).all()


@pytest.mark.parametrize("id", SMALLEST)
def test_headless_forms_agree(id):
    side = 2 * smallest_side(id)
    shape = (side, side, 3)
    with no_values():
        maps, *pooled = (
            make(id, include_top=False, pooling=pooling, input_shape=shape)
            for pooling in (None, "avg", "max")
        )
    x = picture(1, *shape)
    y = np.asarray(answer(maps, values(id), x))
    assert y.shape[1:3] == (2, 2)
    for model, reduce in zip(pooled, (np.mean, np.max), strict=True):
        found = np.asarray(answer(model, values(id), x))
        np.testing.assert_allclose(found, reduce(y, (1, 2)), atol=1e-4)


@pytest.mark.parametrize("id", SMALLEST)
def test_feature_maps_by_stride(id):
    side = 2 * smallest_side(id)
    with no_values():
        model = make(id, features_only=True, input_shape=(side, side, 3))
    maps = answer(model, values(id), picture(1, side, side, 3))
    assert list(model.feature_strides.values()) == sorted(model.feature_strides.values())
    assert max(model.feature_strides.values()) == smallest_side(id)
    for name, stride in model.feature_strides.items():
        assert maps[name].shape == (1, side // stride, side // stride, model.feature_channels[name])


@pytest.mark.parametrize("id", SMALLEST)
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_one_training_step_reaches_every_variable(id, policy):
    side = 2 * smallest_side(id)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        with no_values():
            model = make(id, input_shape=(side, side, 3), dropout_rate=0.0)
    finally:
        keras.config.set_dtype_policy(before)
    assert keras.backend.standardize_dtype(model.outputs[0].dtype) == "float32"
    import tensorflow as tf

    groups = (model.trainable_variables, model.non_trainable_variables)
    assert {str(v.dtype) for v in groups[0]} == {"float32"}
    learned, others = (in_order(group, values(id)) for group in groups)
    with tf.GradientTape() as tape:
        tape.watch(learned)
        y, *_ = model.stateless_call(learned, others, picture(4, side, side, 3), training=True)
        loss = keras.ops.mean(keras.losses.sparse_categorical_crossentropy(np.arange(4), y))
    gradients = tape.gradient(loss, learned)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, f"no gradient for {variable.path}"
        assert np.isfinite(np.asarray(gradient, "float32")).all(), variable.path


@pytest.mark.parametrize("id", SMALLEST)
def test_save_and_reload(id, tmp_path):
    side = smallest_side(id)
    model = network(id)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert type(again) is type(model)
    assert again.info == model.info
    assert json.loads(again.to_json()) == json.loads(model.to_json())
    x = picture(1, side, side, 3)
    np.testing.assert_allclose(np.asarray(again(x)), np.asarray(model(x)), atol=1e-6)


@pytest.mark.parametrize("id", SMALLEST)
def test_info_rebuilds_the_network(id):
    side = smallest_side(id)
    with no_values():
        model = make(id, input_shape=(side, side + 8, 3), classes=5, classifier_activation=None)
        info = model.info
        again = kerazoo.create_model(info.architecture, weights=None, **info.arguments)
    shapes = [(v.path, v.shape) for v in model.weights]
    assert [(v.path, v.shape) for v in again.weights] == shapes
    assert again.info == model.info


@pytest.mark.parametrize("id", SMALLEST)
def test_own_weights_files_round_trip(id, tmp_path):
    side = smallest_side(id)
    network(id).save(tmp_path / "w.keras")
    network(id).save_weights(tmp_path / "w.weights.h5")
    again = make(id, input_shape=(side, side, 3), weights=str(tmp_path / "w.keras"))
    assert_same_values(again, values(id))
    for variable in again.variables:
        variable.assign(np.zeros(variable.shape))
    kerazoo.load_weights(again, tmp_path / "w.weights.h5")
    assert_same_values(again, values(id))


def assert_same_values(model, expected):
    found = values_of(model)
    assert found.keys() == expected.keys()
    for path, value in found.items():
        np.testing.assert_array_equal(value, expected[path], err_msg=path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pooling": "avgg"}, "`pooling` must be None or one of"),
        (
            {"classifier_activation": "sofmax"},
            "Unknown `classifier_activation`. Did you mean 'softmax'",
        ),
        (
            {"classifier_activation": 3},
            "`classifier_activation` must be None, a name or a function",
        ),
        ({"classes": 0}, "`classes` must be a positive integer"),
        ({"classes": "ten"}, "`classes` must be a positive integer"),
        ({"classes": True}, "`classes` must be a positive integer"),
        ({"include_top": "no"}, "`include_top` must be True or False"),
        ({"dropout_rate": 1.0}, r"`dropout_rate` must be a number in \[0, 1\)"),
        ({"padding": "valid"}, "`padding` must be None or one of"),
        ({"batch_norm_epsilon": 0}, "`batch_norm_epsilon` must be a positive number"),
        ({"stem_strides": 3}, "`stem_strides` must be 1 or 2"),
        ({"input_shape": (224, 224)}, "`input_shape` must be"),
        ({"input_shape": 224}, "`input_shape` must be"),
        ({"input_shape": (None, 64, 0)}, "channels at least 1"),
        ({"input_shape": (64.0, 64, 3)}, "`input_shape` must be"),
        ({"input_tensor": np.zeros((1, 64, 64, 3))}, "`input_tensor` must be a Keras tensor"),
        ({"weights": "imagenett"}, "Did you mean 'imagenet'"),
        ({"weights": 3}, "`weights` must be"),
    ],
)
@pytest.mark.parametrize("id", ["mixnet_s", "mobilenet_v1_025"])
def test_wrong_arguments(id, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(id, **arguments)


def test_unknown_argument_lists_the_accepted_ones():
    with pytest.raises(TypeError, match=r"MixNetS\(\) .*'klasses'.*classes"):
        kerazoo.MixNetS(klasses=3)


def test_input_tensor():
    inputs = keras.Input((64, 64, 3))
    model = make("mobilenet_v1_025", input_tensor=keras.layers.Rescaling(2.0)(inputs))
    assert model.inputs[0] is inputs
    with pytest.raises(ValueError, match="`input_shape` must be that of `input_tensor`"):
        make("mobilenet_v1_025", input_tensor=inputs, input_shape=(32, 32, 3))


def test_positional_habits_of_keras_applications():
    model = kerazoo.MobileNetV2((96, 96, 3), 0.35, False, None)
    assert model.output_shape == (None, 3, 3, 1280)
    assert model.info.architecture == "mobilenet_v2_035"


def test_channels_first_is_refused():
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="channels-last"):
            make("mixnet_s")
    finally:
        keras.config.set_image_data_format("channels_last")
