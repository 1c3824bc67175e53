"""MobileNetV3-Small at batch 2 and 32 px runs away: so does Keras' own from the same weights.

In float64, for batch norm of two numbers magnifies rounding ten thousand times.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerazoo

pytestmark = pytest.mark.faults  # half a minute
SIZES = {"input_shape": (32, 32, 3), "weights": None, "classes": 10, "dropout_rate": 0.0}


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Ours, Keras' own, and of each of our variables its place among Keras'."""
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy("float64")
    ours = kerazoo.create_model("mobilenet_v3_small", classifier_activation=None, **SIZES)
    own = [variable.numpy() for variable in ours.weights]
    theirs = keras.applications.MobileNetV3Small(
        include_preprocessing=False, classifier_activation=None, **SIZES
    )
    glorot = [variable.numpy() for variable in theirs.weights]
    for number, variable in enumerate(theirs.weights, 1):
        variable.assign(np.full(variable.shape, number, "float32"))
    path = tmp_path_factory.mktemp("weights") / "numbers.weights.h5"
    theirs.save_weights(path)
    kerazoo.load_weights(ours, path)
    places = [int(variable.numpy().flat[0]) - 1 for variable in ours.weights]
    assert sorted(places) == list(range(len(theirs.weights)))
    keras.config.set_dtype_policy("float32")
    return ours, theirs, own, glorot, places


def largest_after_three_steps(model, values):
    """The loss of the first step, and the largest weight after the third."""
    for variable, value in zip(model.weights, values, strict=True):
        variable.assign(np.reshape(value, variable.shape))
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 32, 32, 3)), np.array([1, 7])
    optimizer, losses = keras.optimizers.SGD(0.1), []
    for _ in range(3):
        with tf.GradientTape() as tape:
            scores = model(x, training=True)
            loss = keras.losses.sparse_categorical_crossentropy(y, scores, from_logits=True)
            loss = tf.reduce_mean(loss)
        weights = [variable.value for variable in model.trainable_variables]
        optimizer.apply(tape.gradient(loss, weights), model.trainable_variables)
        losses.append(float(loss))
    return losses[0], max(float(np.abs(v).max()) for v in model.trainable_variables)


def test_both_run_away_alike(networks):
    ours, theirs, own, glorot, places = networks
    moved = [None] * len(places)
    for place, value in zip(places, own, strict=True):
        moved[place] = value
    found = {
        "own": largest_after_three_steps(ours, own),
        "theirs from own": largest_after_three_steps(theirs, moved),
        "ours from Glorot's": largest_after_three_steps(ours, [glorot[p] for p in places]),
        "Glorot's": largest_after_three_steps(theirs, glorot),
    }
    assert found["own"] == pytest.approx(found["theirs from own"], rel=1e-3)  # the same network
    assert found["Glorot's"] == pytest.approx(found["ours from Glorot's"], rel=1e-3)
    assert min(largest for _, largest in found.values()) > 100  # whoever drew the weights
