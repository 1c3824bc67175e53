"""Frozen groups: equal outputs, fewer multiply-adds, orders folded away, honest refusals."""

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.deploy import freeze_groups
from kerazoo.layers import FLGCConv2D, FrozenFLGCConv2D, GatherChannels
from tests.processes import run_python


def _randomised(model, seed=0):
    """The model with every weight random and batch-norm variances positive."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        values = rng.normal(size=variable.shape)
        if variable.name == "moving_variance":
            values = np.abs(values) + 0.5
        if variable.name == "training_calls":
            values = 1
        variable.assign(values)
    return model


def _of(model, kind):
    return [layer for layer in model._flatten_layers() if isinstance(layer, kind)]


def _check_equal(model, frozen, inputs=None):
    shape = (2, *(n or 9 for n in model.inputs[0].shape[1:]))
    x = np.random.default_rng(5).normal(size=shape).astype("float32")
    ours = keras.tree.flatten(frozen(x))
    for got, expected in zip(ours, keras.tree.flatten(model(x)), strict=True):
        expected = np.asarray(expected)
        assert np.abs(expected).max() > 0
        np.testing.assert_allclose(got, expected, atol=1e-5 * np.abs(expected).max())
    assert not _of(frozen, FLGCConv2D)


@keras.saving.register_keras_serializable("kerazoo_tests")
def _by_number(x):
    """An activation that does not treat all channels alike."""
    return x * np.arange(8, dtype="float32")


def _bn_relu(x):
    return keras.layers.ReLU()(keras.layers.BatchNormalization()(x))


def _chain():
    """Ordinary, learned, depthwise, learned, pooled classifier."""
    inputs = keras.Input((9, 9, 3))
    x = _bn_relu(keras.layers.Conv2D(16, 3, padding="same", name="first")(inputs))
    x = _bn_relu(FLGCConv2D(12, 1, 4, name="a")(x))
    x = _bn_relu(keras.layers.DepthwiseConv2D(3, strides=2, padding="same")(x))
    x = keras.layers.PReLU(shared_axes=[1, 2])(x)
    x = _bn_relu(FLGCConv2D(10, 3, 3, padding="same", dilation_rate=2, name="b")(x))
    x = keras.layers.Dropout(0.1)(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, keras.layers.Dense(5, activation="softmax")(x), name="chain")


def test_a_chain_needs_no_reordering_at_all():
    model = _randomised(_chain())
    frozen = freeze_groups(model)
    _check_equal(model, frozen)
    assert not _of(frozen, GatherChannels)
    # The ordinary convolution gives its filters in the order of the groups: slices.
    for channels in frozen.get_layer("a").group_channels:
        assert channels == tuple(range(channels[0], channels[-1] + 1))
    assert frozen.name == "chain"


def test_multiply_adds_and_parameters_fall_to_the_connections_in_use():
    model = _randomised(_chain())
    frozen = freeze_groups(model)
    masked = {p.name: p for p in kerazoo.profile(model).layers}
    left = {p.name: p for p in kerazoo.profile(frozen).layers}
    for name, places in (("a", 81), ("b", 25 * 9)):
        found = model.get_layer(name).assignment()
        used = sum(len(found.inputs(g)) * len(rows) for g, rows in enumerate(found.filters))
        dense = np.prod(model.get_layer(name).kernel.shape[2:])
        assert masked[name].macs == places * dense
        assert left[name].macs == places * used < masked[name].macs
        biases = model.get_layer(name).filters
        assert left[name].params == used * (9 if name == "b" else 1) + biases
    assert left["first"] == masked["first"]


def test_residual_blocks_move_one_of_two_tensors():
    inputs = keras.Input((None, None, 6))
    x = FLGCConv2D(8, 1, 2, use_bias=False, name="start")(inputs)
    for _ in range(2):
        y = _bn_relu(FLGCConv2D(8, 3, 4, padding="same", use_bias=False)(x))
        x = keras.layers.Add()([x, FLGCConv2D(8, 1, 2, use_bias=False)(y)])
    model = _randomised(keras.Model(inputs, x))
    frozen = freeze_groups(model)
    _check_equal(model, frozen)
    # One before each addition, one that restores the order of the output.
    assert len(_of(frozen, GatherChannels)) <= 3


@pytest.mark.parametrize("groups", [1, 3, 8])
@pytest.mark.parametrize("top", [0, 3])
def test_duplicated_channels_and_all_kinds_of_groups(groups, top):
    inputs = keras.Input((7, 8, 10))
    x = keras.layers.Conv2D(12, 1)(inputs)
    x = FLGCConv2D(9, 3, groups, top, strides=2, padding="same", activation="relu")(x)
    x = FLGCConv2D(11, 1, groups, top)(x)
    for seed in range(3):
        model = _randomised(keras.Model(inputs, x), seed)
        _check_equal(model, freeze_groups(model))


def test_empty_groups_constant_filters_and_unused_channels():
    inputs = keras.Input((4, 4, 4))
    x = keras.layers.Conv2D(4, 1)(inputs)
    model = _randomised(keras.Model(inputs, FLGCConv2D(5, 1, 3, name="flgc")(x)))
    layer = model.get_layer("flgc")
    layer.channel_scores.assign(np.eye(3)[[0, 1, 0, 1]])
    layer.filter_scores.assign(np.eye(3)[[2, 0, 2, 0, 0]])
    frozen = freeze_groups(model)
    _check_equal(model, frozen)
    assert frozen.get_layer("flgc").constant_filters == 2
    assert frozen.get_layer("flgc").group_filters == (3,)
    layer.filter_scores.assign(np.eye(3)[[2, 2, 2, 2, 2]])  # nobody meets: the rescue rule
    _check_equal(model, freeze_groups(model))


def test_layers_that_cannot_follow_get_the_old_order():
    inputs = keras.Input((8, 8, 6))
    first = FLGCConv2D(8, 1, 4)(inputs)
    side = keras.layers.Conv2D(8, 1, groups=2)(first)
    flat = keras.layers.Flatten()(first)
    both = keras.layers.Concatenate()([first, side])
    custom = keras.layers.Activation(_by_number)(first)
    summed = keras.ops.add(first, custom)
    outputs = [keras.layers.Dense(3)(flat), both, summed, first]
    model = _randomised(keras.Model(inputs, outputs))
    _check_equal(model, freeze_groups(model))


def test_shared_layers_and_nested_models():
    inner_in = keras.Input((5, 5, 8))
    y = FLGCConv2D(8, 1, 4, name="nested")(inner_in)
    inner = keras.Model(inner_in, keras.layers.ReLU()(y), name="inner")
    line = keras.Sequential(
        [keras.Input((5, 5, 8)), FLGCConv2D(8, 1, 2), keras.layers.ReLU()], name="line"
    )
    inputs = keras.Input((5, 5, 8))
    shared, act = FLGCConv2D(8, 1, 4, name="shared"), keras.layers.ReLU()
    add = keras.layers.Add()
    x = add([act(shared(inputs)), inputs])
    x = add([x, act(shared(x))])
    model = _randomised(keras.Model(inputs, line(inner(inner(x)))))
    frozen = freeze_groups(model)
    _check_equal(model, frozen)
    assert len(_of(frozen, FrozenFLGCConv2D)) == 3


def test_sequential_and_dictionary_outputs():
    model = keras.Sequential([keras.Input((5, 5, 8)), FLGCConv2D(8, 1, 2), keras.layers.ReLU()])
    _check_equal(_randomised(model), freeze_groups(model))
    inputs = keras.Input((5, 5, 8))
    x = FLGCConv2D(8, 1, 4)(inputs)
    model = _randomised(keras.Model(inputs, {"a": x, "b": _bn_relu(x)}))
    frozen = freeze_groups(model)
    _check_equal(model, frozen)
    assert set(frozen(np.ones((1, 5, 5, 8)))) == {"a", "b"}


def test_the_trained_model_is_untouched_and_shares_nothing():
    model = _randomised(_chain())
    before = [np.array(w) for w in model.get_weights()]
    frozen = freeze_groups(model)
    for variable in frozen.weights:
        variable.assign(np.zeros(variable.shape))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_saved_frozen_model_in_a_fresh_process(tmp_path):
    frozen = freeze_groups(_randomised(_chain()))
    x = np.random.default_rng(0).normal(size=(2, 9, 9, 3)).astype("float32")
    frozen.save(tmp_path / "m.keras")
    np.save(tmp_path / "x.npy", x)
    code = (
        "import sys, keras, numpy as np, kerazoo.layers\n"
        "m = keras.saving.load_model(sys.argv[1] + '/m.keras')\n"
        "np.save(sys.argv[1] + '/y.npy', m(np.load(sys.argv[1] + '/x.npy')))\n"
    )
    done = run_python(code, tmp_path)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), frozen(x))


def test_mixed_precision_is_kept():
    inputs = keras.Input((6, 6, 8))
    x = FLGCConv2D(8, 1, 2, dtype="mixed_float16", name="half")(inputs)
    model = _randomised(keras.Model(inputs, x))
    frozen = freeze_groups(model)
    assert frozen.get_layer("half").dtype_policy.name == "mixed_float16"
    x = np.random.default_rng(0).normal(size=(1, 6, 6, 8))
    np.testing.assert_allclose(frozen(x), model(x), atol=0.02)


def test_a_frozen_model_trains_further():
    frozen = freeze_groups(_randomised(_chain()))
    frozen.compile("sgd", "mse", jit_compile=False)
    x, y = np.random.default_rng(0).normal(size=(4, 9, 9, 3)), np.zeros((4, 5))
    before = np.asarray(frozen.get_layer("b").kernels[0]).copy()
    assert np.isfinite(frozen.train_on_batch(x, y))
    assert not np.array_equal(before, frozen.get_layer("b").kernels[0])


def test_untrained_means_never_called_in_training(tmp_path):
    model = _chain()
    with pytest.raises(ValueError, match=r"trained: none of its FLGC .*allow_untrained=True"):
        freeze_groups(model)
    _check_equal(model, freeze_groups(model, allow_untrained=True))
    model.compile("sgd", "mse", jit_compile=False)
    model.train_on_batch(np.ones((2, 9, 9, 3)), np.zeros((2, 5)))
    _check_equal(model, freeze_groups(model))
    model.save_weights(tmp_path / "w.weights.h5")
    again = _chain()
    again.load_weights(tmp_path / "w.weights.h5")
    _check_equal(again, freeze_groups(again))


def test_refusals():
    frozen = freeze_groups(_chain(), allow_untrained=True)
    with pytest.raises(ValueError, match=r"not frozen already\. Received: `model='chain'`"):
        freeze_groups(frozen)
    plain = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)], name="plain")
    with pytest.raises(ValueError, match=r"with FLGCConv2D layers\. Received: `model='plain'`"):
        freeze_groups(plain)
    with pytest.raises(ValueError, match=r"functional or sequential.*Received: `model=3`"):
        freeze_groups(3)


def test_learned_groups_in_a_wrapper_are_refused():
    inputs = keras.Input((2, 5, 5, 8))
    wrapped = keras.layers.TimeDistributed(FLGCConv2D(8, 1, 2, name="inside"))(inputs)
    with pytest.raises(ValueError, match=r"inside of other layers.*'inside'"):
        freeze_groups(keras.Model(inputs, wrapped), allow_untrained=True)


@pytest.mark.parametrize("indices", [[], [-1], [0.5]])
def test_wrong_indices(indices):
    with pytest.raises(ValueError, match=r"`indices` must be a (non-empty )?list"):
        GatherChannels(indices)


def test_frozen_layer_needs_a_number_for_each_group():
    with pytest.raises(ValueError, match=r"the 2 groups\. Received: `group_filters=\[3\]`"):
        FrozenFLGCConv2D([[0, 1], [2]], [3])
