"""Networks are built without values; draws are NumPy's."""

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo._initial_values import initial_value, late_values

SMALL = {"alpha": 0.25, "classes": 3, "input_shape": (32, 32, 3)}


def make(**arguments):
    return kerazoo.MobileNetV1(**{"weights": None, **SMALL, **arguments})


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A network and its weights in a file."""
    path = tmp_path_factory.mktemp("stored") / "weights.safetensors"
    model = make()
    from safetensors.numpy import save_file

    save_file({v.path: v.numpy() for v in model.weights}, path)
    return model, path


@pytest.fixture
def no_draws(monkeypatch):
    def drawn(*args, **kwargs):
        raise AssertionError("initial values were computed")

    monkeypatch.setattr(np.random, "default_rng", drawn)
    monkeypatch.setattr(keras.initializers.VarianceScaling, "__call__", drawn)
    monkeypatch.setattr(keras.initializers.Ones, "__call__", drawn)


def test_nothing_is_drawn_where_weights_follow(stored, no_draws):
    model, path = stored
    loaded = make(weights=str(path))
    for ours, theirs in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy(), ours.path)
    with pytest.raises(AssertionError, match="were computed"):
        make()


def test_a_head_that_starts_fresh_is_drawn(stored):
    loaded = make(weights=str(stored[1]), classes=5)
    assert np.std(loaded.get_layer("predictions").kernel.numpy()) > 0.01
    assert np.std(loaded.get_layer("stem_conv").kernel.numpy()) > 0.01


def test_weights_that_do_not_fit_leave_nothing_behind(tmp_path):
    from safetensors.numpy import save_file

    save_file({"stem_conv/kernel": np.zeros((3, 3, 3, 8), "float32")}, tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match="missing from the source"):
        make(weights=str(tmp_path / "a.safetensors"))
    with keras.StatelessScope():  # would initialise what was left
        pass
    assert keras.Variable(np.ones(2)).numpy().sum() == 2


def test_same_seed_same_values():
    first, again, other = (
        (keras.utils.set_random_seed(seed), make().get_weights())[1] for seed in (1, 1, 2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_a_configuration_is_built_the_same_way(stored, no_draws, monkeypatch):
    model, _ = stored
    with late_values():
        copy = kerazoo.ZooModel.from_config(model.get_config())
        copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(copy.weights[0].numpy(), model.weights[0].numpy())


def test_variables_from_before_take_what_was_assigned():
    variable = keras.Variable(np.zeros(3))
    with late_values():
        inner = keras.layers.Dense(2, kernel_initializer="ones")
        inner.build((None, 3))
        variable.assign(np.arange(3.0))
        inner.bias.assign([1.0, 2.0])
    assert variable.numpy().tolist() == [0, 1, 2]
    assert inner.bias.numpy().tolist() == [1, 2]
    assert inner.kernel.numpy().tolist() == [[1, 1]] * 3


@pytest.mark.parametrize(
    "make_initializer",
    [
        keras.initializers.GlorotUniform,
        keras.initializers.HeNormal,
        lambda seed: keras.initializers.VarianceScaling(
            2.0, "fan_out", "untruncated_normal", seed=seed
        ),
        lambda seed: keras.initializers.RandomNormal(0.5, 0.2, seed=seed),
        lambda seed: keras.initializers.TruncatedNormal(-1.0, 2.0, seed=seed),
        lambda seed: keras.initializers.RandomUniform(-0.1, 0.4, seed=seed),
    ],
)
def test_the_distribution_is_that_of_keras(make_initializer):
    initializer = make_initializer(seed=5)
    shape = (3, 3, 40, 200)
    ours = initial_value(initializer, shape, "float32")
    theirs = keras.ops.convert_to_numpy(initializer(shape, "float32"))
    assert ours.dtype == theirs.dtype
    quantiles = np.linspace(0.001, 0.999, 21)
    expected = np.quantile(theirs, quantiles)
    np.testing.assert_allclose(np.quantile(ours, quantiles), expected, atol=0.04 * theirs.std())
    assert np.abs(ours - ours.mean()).max() < 1.1 * np.abs(theirs - theirs.mean()).max()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64", "int32"])
def test_dtypes(dtype):
    for initializer in (keras.initializers.Constant(2), keras.initializers.RandomNormal(stddev=3)):
        value = initial_value(initializer, (4, 5), dtype)
        assert (value.dtype.name, value.shape) == (dtype, (4, 5))
    assert initial_value(keras.initializers.Ones(), (2,), dtype).astype(float).tolist() == [1, 1]


def test_other_initializers_draw_as_they_do():
    seed = keras.random.SeedGenerator(3)
    one, two = (
        keras.ops.convert_to_numpy(
            initial_value(keras.initializers.RandomNormal(seed=seed), (3,), "float32")
        )
        for _ in range(2)
    )
    assert not np.array_equal(one, two)  # a SeedGenerator moves on
    square = keras.initializers.Identity()
    np.testing.assert_array_equal(initial_value(square, (2, 2), "float32"), np.eye(2))
    assert initial_value(lambda shape, dtype: (shape, dtype), (2,), "int8") == ((2,), "int8")
