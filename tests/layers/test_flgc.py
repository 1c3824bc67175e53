"""The learned groups: golden values, rules, training, duplicated channels."""

import keras
import numpy as np
import pytest
from keras import ops

from kerazoo.layers import FLGCConv2D
from tests.processes import run_jax, run_python
from tests.references import REFERENCES

GOLDEN = REFERENCES / "golden/flgc_layer.npz"

# Runs on any backend: prints the largest error over the largest value of every golden number.
GOLDEN_CHECK = """
import sys
import keras, numpy as np
from kerazoo.layers import FLGCConv2D

data = dict(np.load(sys.argv[1]))
backend = keras.backend.backend()


def gradients(layer, x, upstream):
    names = ["channel_scores", "filter_scores", "kernel", *(["bias"] if layer.use_bias else [])]
    order = [next(v for v in layer.trainable_variables if v.name == n) for n in names]
    if backend == "tensorflow":
        import tensorflow as tf

        x = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
            loss = tf.reduce_sum(y * upstream)
        found = tape.gradient(loss, [x, *order])
    else:
        import jax

        def loss(x, *values):
            chosen = dict(zip([v.path for v in order], values))
            values = [chosen[v.path] for v in layer.trainable_variables]
            fixed = [v.value for v in layer.non_trainable_variables]
            y, _ = layer.stateless_call(values, fixed, x)
            return (y * upstream).sum()

        arguments = (x, *[v.value for v in order])
        found = jax.jit(jax.grad(loss, range(len(arguments))))(*arguments)
        y = layer(x)
    return np.asarray(y), dict(zip(["input", "S", "T", "kernel", "bias"], map(np.asarray, found)))


for case in ("pointwise", "spatial"):
    get = lambda key: data[f"{case}.{key}"]
    last = lambda x: x.transpose(0, 2, 3, 1)
    kernel = get("kernel").transpose(2, 3, 1, 0)
    pad = int(get("padding"))
    x = np.pad(last(get("input")), [(0, 0), (pad, pad), (pad, pad), (0, 0)])
    for variant, suffix in (("winner", ""), ("plain", "_plain")):
        layer = FLGCConv2D(
            kernel.shape[-1], kernel.shape[0], get("S").shape[1], strides=int(get("stride")),
            use_bias=f"{case}.bias" in data, straight_through=variant,
        )
        layer.build(x.shape)
        layer.kernel.assign(kernel)
        layer.channel_scores.assign(get("S"))
        layer.filter_scores.assign(get("T"))
        if layer.use_bias:
            layer.bias.assign(get("bias"))
        y, grads = gradients(layer, x, last(get("upstream")))
        expected = {
            "S": get("grad_S" + suffix), "T": get("grad_T" + suffix),
            "kernel": get("grad_kernel").transpose(2, 3, 1, 0), "input": last(get("grad_input")),
        }
        if layer.use_bias:
            expected["bias"] = get("grad_bias")
        if pad:
            grads["input"] = grads["input"][:, pad:-pad, pad:-pad]
        pairs = {name: (grads[name], value) for name, value in expected.items()}
        pairs["output"] = (y, last(get("output")))
        a = layer.assignment()
        mask = np.zeros((kernel.shape[-1], kernel.shape[2]))
        for g, rows in enumerate(a.filters):
            mask[np.ix_(rows, a.inputs(g))] = 1
        pairs["mask"] = (mask, get("mask"))
        for name, (ours, theirs) in pairs.items():
            assert ours.shape == theirs.shape, (name, ours.shape, theirs.shape)
            print(case, variant, name, np.abs(ours - theirs).max() / np.abs(theirs).max())
"""


def _layer(scores, filter_scores, filters=None, **kw):
    """A built 1x1 layer with the given scores and a kernel of random numbers."""
    scores, filter_scores = np.array(scores, "float32"), np.array(filter_scores, "float32")
    layer = FLGCConv2D(len(filter_scores), 1, scores.shape[1], **kw)
    layer.build((None, 5, 5, len(scores)))
    layer.channel_scores.assign(scores)
    layer.filter_scores.assign(filter_scores)
    return layer


def _one_hot_scores(groups, number):
    return np.eye(number, dtype="float32")[list(groups)]


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_golden_forward_and_gradients(backend):
    if backend == "jax":
        pytest.importorskip("jax")
        done = run_jax(GOLDEN_CHECK, GOLDEN)
    else:
        done = run_python(GOLDEN_CHECK, GOLDEN)
    assert done.returncode == 0, done.stderr
    errors = {tuple(line.split()[:3]): float(line.split()[3]) for line in done.stdout.splitlines()}
    assert len(errors) == 2 * 6 + 2 * 7
    assert max(errors.values()) < 1e-5, errors


def test_equal_scores_go_to_the_lowest_group():
    layer = _layer(np.zeros((4, 3)), np.ones((5, 3)))
    assert layer.assignment().channels == ((0, 1, 2, 3), (), ())
    assert layer.assignment().filters == ((0, 1, 2, 3, 4), (), ())


def test_collapsed_layer_is_an_ordinary_convolution():
    layer = _layer(np.zeros((4, 3)), np.ones((5, 3)))
    x = np.random.default_rng(0).normal(size=(2, 5, 5, 4)).astype("float32")
    expected = ops.conv(x, layer.kernel, padding="valid", data_format="channels_last")
    np.testing.assert_array_equal(layer(x), expected)


def test_filters_of_a_group_without_channels_give_their_bias():
    layer = _layer(_one_hot_scores([0, 0, 1, 1], 3), _one_hot_scores([0, 2, 1, 2], 3))
    layer.bias.assign([1.0, 2.0, 3.0, 4.0])
    x = np.random.default_rng(0).normal(size=(2, 5, 5, 4)).astype("float32")
    y = np.asarray(layer(x))
    assert (y[..., 1] == 2).all()
    assert (y[..., 3] == 4).all()
    assert y[..., 0].std() > 0
    assert y[..., 2].std() > 0


def test_a_layer_in_which_nobody_meets_is_not_dead():
    # Channels in groups 0 and 1, every filter in 2: filters move to their next best choice.
    scores = [[0, 3, 5], [2, 1, 5], [4, 1, 9]]
    layer = _layer(_one_hot_scores([0, 0, 1, 1], 3), scores)
    assert layer.assignment().filters == ((1, 2), (0,), ())
    x = np.ones((1, 5, 5, 4), "float32")
    gradients = _gradients(layer, x)
    assert all(np.abs(g).max() > 0 for name, g in gradients.items() if name != "bias")


def _gradients(layer, x):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(tf.cast(layer(x), "float32")))
    found = tape.gradient(loss, [v.value for v in layer.trainable_variables])
    names = [v.name for v in layer.trainable_variables]
    return {name: np.asarray(g) for name, g in zip(names, found, strict=True)}


SCORES = [  # group 0 owns channels 0, 1, 2, 3; group 1 owns 4; group 2 owns 5; group 3 owns none
    [9, 0, 0, 0],
    [8, 3, 0, 0],
    [4, 0, 0, 0],
    [2, 1.9, 1.5, 0],
    [7.5, 8, 0, 7],
    [6, 0, 6.5, 0],
]


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        (0, ((), (), (), ())),
        (1, ((), (), (), ())),  # means 9, 8, 6.5
        (3, ((4,), (), (), ())),  # mean of 9, 8, 4 is 7: 7.5 exceeds it, 6 does not
        (4, ((4, 5), (), (), ())),  # mean of all four is 5.75; the others use what they have
    ],
)
def test_duplicated_channels(top, expected):
    layer = _layer(SCORES, np.eye(4), duplicate_top=top)
    assert layer.assignment().channels == ((0, 1, 2, 3), (4,), (5,), ())
    assert layer.assignment().duplicated == expected


def test_a_score_equal_to_the_mean_is_not_copied():
    layer = _layer([[4, 0], [4, 0], [4, 9]], np.eye(2), duplicate_top=2)
    assert layer.assignment().duplicated == ((), ())
    layer.channel_scores.assign(np.array([[4, 0], [4, 0], [4.001, 9]]))
    assert layer.assignment().duplicated == ((2,), ())


def test_softmax_scores_choose_other_duplicates():
    # Raw: 5 exceeds the mean 3. As a probability it is below it, as the row has a larger winner.
    scores = [[3, 0], [3, 0], [5, 9]]
    assert _layer(scores, np.eye(2), duplicate_top=3).assignment().duplicated == ((2,), ())
    layer = _layer(scores, np.eye(2), duplicate_top=3, duplicate_scores="softmax")
    assert layer.assignment().duplicated == ((), ())


def test_duplicated_channels_against_a_loop():
    rng = np.random.default_rng(3)
    scores, filters = rng.normal(size=(20, 4)), rng.normal(size=(11, 4))
    layer = _layer(scores, filters, duplicate_top=3)
    owner = scores.argmax(1)
    copies = 0
    for g in range(4):
        members = np.sort(scores[owner == g, g])[::-1]
        mean = members[:3].astype("float32").mean()
        expected = tuple(c for c in range(20) if owner[c] != g and scores[c, g] > mean)
        assert layer.assignment().duplicated[g] == expected
        copies += len(expected)
    x = rng.normal(size=(1, 5, 5, 20)).astype("float32")
    y, kernel = np.asarray(layer(x)), np.asarray(layer.kernel)[0, 0]
    for g, rows in enumerate(layer.assignment().filters):
        inputs = list(layer.assignment().inputs(g))
        expected = x[..., inputs] @ kernel[np.ix_(inputs, rows)]
        np.testing.assert_allclose(y[..., list(rows)], expected, atol=1e-5)


@pytest.mark.parametrize("variant", ["winner", "plain"])
def test_gradients_of_duplicated_connections(variant):
    """The formula of the docstring, by hand: copies pass gradients on as winners do."""
    scores = np.array(SCORES) / 4
    layer = _layer(scores, np.eye(4), duplicate_top=3, straight_through=variant, use_bias=False)
    assert layer.assignment().duplicated == ((4,), (), (), ())
    x = np.random.default_rng(0).normal(size=(2, 5, 5, 6)).astype("float32")
    kernel = np.asarray(layer.kernel)[0, 0]
    upstream = 2 * np.asarray(layer(x))
    # Filter n is the only one of group n: the gradient of channel c's entry for group n.
    entry = np.einsum("bhwc,bhwn->cn", x, upstream) * kernel
    chosen = np.eye(4)[scores.argmax(1)]
    chosen[4, 0] = 1
    passed = entry * chosen if variant == "winner" else entry
    soft = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    expected = soft * (passed - (passed * soft).sum(1, keepdims=True))
    found = _gradients(layer, x)["channel_scores"]
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("variant", ["winner", "plain"])
def test_mixed_precision_assigns_as_float32_and_has_finite_gradients(policy, variant):
    rng = np.random.default_rng(0)
    # Half precision sees ties here, float32 does not.
    scores = (1 + 1e-5 * rng.normal(size=(12, 4))).astype("float32")
    full = _layer(scores, scores)
    half = _layer(scores, scores, dtype=policy, straight_through=variant, duplicate_top=2)
    assert half.assignment().channels == full.assignment().channels
    y = half(rng.normal(size=(1, 5, 5, 12)))
    assert keras.backend.standardize_dtype(y.dtype) == policy.removeprefix("mixed_")
    gradients = _gradients(half, np.ones((1, 5, 5, 12), "float32"))
    assert all(np.isfinite(g).all() and g.dtype == np.float32 for g in gradients.values())


def _toy(top=0, variant="winner"):
    inputs = keras.Input((4, 4, 8))
    x = FLGCConv2D(8, 1, 2, duplicate_top=top, straight_through=variant, name="flgc")(inputs)
    return keras.Model(inputs, x)


@pytest.mark.parametrize("variant", ["winner", "plain"])
def test_training_learns_the_groups(variant):
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4, 4, 8)).astype("float32")
    halves = [rng.normal(size=(4, 4)) for _ in range(2)]
    y = np.concatenate([x[..., 4 * i : 4 * i + 4] @ halves[i] for i in range(2)], axis=-1)
    model = _toy(variant=variant)
    layer = model.get_layer("flgc")
    before = layer.assignment()
    model.compile(keras.optimizers.Adam(0.02), "mse", jit_compile=False)
    losses = model.fit(x, y, epochs=60, batch_size=16, verbose=0).history["loss"]
    assert layer.assignment() != before
    assert int(layer.training_calls) == 60 * 4
    assert losses[-1] < 0.7 * losses[0]
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_inference_does_not_count_as_training():
    model = _toy()
    model.predict(np.ones((2, 4, 4, 8)), verbose=0)
    assert int(model.get_layer("flgc").training_calls) == 0


def test_save_and_reload(tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 5, 12))
    x = FLGCConv2D(
        10, (3, 1), 4, 3, "plain", "softmax", strides=2, padding="same", activation="relu"
    )(inputs)
    model = keras.Model(inputs, x)
    x = np.random.default_rng(0).normal(size=(2, 6, 5, 12))
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again(x), model(x))
    assert again.layers[1].get_config() == model.layers[1].get_config()
    assert again.layers[1].assignment() == model.layers[1].assignment()
    assert again.layers[1].groups == 1 != again.layers[1].learned_groups == 4


def test_the_two_score_matrices_start_different():
    layer = FLGCConv2D(8, 1, 4)
    layer.build((None, 2, 2, 8))
    assert not np.allclose(layer.channel_scores, layer.filter_scores)
    assert 0.5 < np.std(layer.channel_scores) < 1.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"groups": 0}, r"`groups` must be a positive integer\. Received: `groups=0`"),
        ({"groups": 9}, r"`groups` must be at most the 8 filters\. Received: `groups=9`"),
        ({"groups": 2.0}, r"`groups` must be a positive integer\. Received: `groups=2.0`"),
        ({"duplicate_top": -1}, r"integer, 0 or more\. Received: `duplicate_top=-1`"),
        ({"straight_through": "hard"}, r"\('winner', 'plain'\).*`straight_through='hard'`"),
        ({"duplicate_scores": "log"}, r"\('raw', 'softmax'\).*`duplicate_scores='log'`"),
        ({"data_format": "channels_first"}, r"`data_format='channels_first'`"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        FLGCConv2D(8, 1, **{"groups": 4, **arguments})


@pytest.mark.parametrize(
    ("arguments", "channels", "message"),
    [
        ({"groups": 4}, 3, r"at most the 3 input channels\. Received: `groups=4`"),
        ({"groups": 2, "duplicate_top": 7}, 6, r"the 6 channels\. Received: `duplicate_top=7`"),
    ],
)
def test_arguments_that_do_not_fit_the_input(arguments, channels, message):
    with pytest.raises(ValueError, match=message):
        FLGCConv2D(8, 1, **arguments)(np.ones((1, 2, 2, channels)))


def test_assignment_before_building():
    with pytest.raises(ValueError, match="no groups before it is built"):
        FLGCConv2D(8, 1, 4, name="early").assignment()
