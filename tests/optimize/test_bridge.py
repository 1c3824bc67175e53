"""Keras 3 networks rebuilt in tf_keras: the same outputs, and weights that come back."""

import os
import sys

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.optimize import largest_difference, to_tf_keras
from kerazoo.optimize._tfmot import legacy
from tests.processes import run_python

NETWORKS = [
    "mobilenet_v1_025",
    "mobilenet_v2_035",
    "mobilenet_v3_small_050",
    "mixnet_s",
    "mnasnet_a1_075",
    "resnet18",
    "resnext50_32x4d",
    "espnetv2_s_0_5",
    "shufflenet_v1_g3_x0_25",
    "shufflenet_v2_x0_5",
    "flgc_mobilenet_v2",
]


def network(id: str, size: int = 64, **arguments):
    """With statistics and slopes that differ from channel to channel."""
    keras.utils.set_random_seed(0)
    shape = {"input_shape": (size, size, 3), "classes": 7, "classifier_activation": None}
    model = kerazoo.create_model(id, weights=None, **shape, **arguments)
    rng = np.random.default_rng(1)
    for variable in model.variables:
        name = variable.path.rsplit("/", 1)[-1]
        if name in ("moving_variance", "gamma"):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif name in ("moving_mean", "beta", "bias", "alpha"):
            variable.assign(rng.normal(0, 0.2, variable.shape))
    return model


def pictures(count: int = 2, size: int = 64) -> np.ndarray:
    return np.random.default_rng(2).normal(size=(count, size, size, 3)).astype("float32")


@pytest.mark.parametrize("id", NETWORKS)
def test_outputs_are_equal(id):
    model = network(id)
    bridge = to_tf_keras(model)
    assert type(bridge.model).__module__.startswith("tf_keras")
    kinds = {type(layer).__module__.partition(".")[0] for layer in bridge.model.layers}
    assert kinds <= {"tf_keras", "kerazoo"}
    x = pictures()
    assert largest_difference(bridge, x) < 1e-5
    # The copy that the bridge keeps is the model, not another one.
    theirs, ours = np.asarray(bridge.model(x)), keras.ops.convert_to_numpy(model(x))
    assert np.abs(theirs - ours).max() < 1e-5 * np.abs(ours).max()
    assert np.abs(ours[0] - ours[1]).max() > 1e-3 * np.abs(ours).max()


def test_real_weights_on_real_pictures(shared):
    from kerazoo.data.pipeline import evaluation_batches
    from kerazoo.data.tfds import tfds_source

    model = kerazoo.MixNetS(weights="cifar10")
    source = tfds_source("cifar10", "test[:64]", data_dir=shared / "tfds")
    x, labels = next(iter(evaluation_batches(source, model.info.preprocessing, 64)))
    bridge = to_tf_keras(model)
    assert largest_difference(bridge, x) < 1e-5
    assert (np.asarray(bridge.model(x)).argmax(-1) == labels.numpy()).mean() > 0.7


TRAINED = ["mobilenet_v3_small_050", "mixnet_s", "espnetv2_s_0_5", "flgc_mobilenet_v2"]


@pytest.mark.parametrize("id", TRAINED)
def test_trained_weights_come_back(id):
    model = network(id)
    before = [np.array(v) for v in model.variables]
    bridge = to_tf_keras(model)
    optimizer = legacy().keras.optimizers.SGD(0.01)
    bridge.model.compile(optimizer, "mse", run_eagerly=True)  # tracing takes 20 times as long
    bridge.model.fit(pictures(8), np.ones((8, 7)), batch_size=4, epochs=1, verbose=0)
    back = bridge.take_back(bridge.model)
    assert largest_difference(bridge, pictures()) < 1e-5
    # What was given is not touched, and what came back is something else.
    for variable, old in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(np.array(variable), old)
    x = pictures()
    assert np.abs(np.asarray(back(x)) - np.asarray(model(x))).max() > 1e-3


def test_tfmot_prunes_what_was_rebuilt():
    packages = legacy()
    sparsity = packages.tfmot.sparsity.keras
    bridge = to_tf_keras(network("mobilenet_v1_025", 32))
    schedule = sparsity.ConstantSparsity(0.5, begin_step=0, frequency=1)
    pruned = sparsity.prune_low_magnitude(bridge.model, pruning_schedule=schedule)
    pruned.compile(packages.keras.optimizers.SGD(0.001), "mse", run_eagerly=True)
    steps = [sparsity.UpdatePruningStep()]
    pruned.fit(pictures(8, 32), np.ones((8, 7)), batch_size=4, verbose=0, callbacks=steps)
    back = bridge.take_back(sparsity.strip_pruning(pruned))
    kernels = [v for v in back.variables if v.path.endswith("pointwise_conv/kernel")]
    assert len(kernels) == 13
    for kernel in kernels:
        assert np.mean(np.array(kernel) == 0) == pytest.approx(0.5, abs=0.02)


def test_keras_3_stays_what_tf_keras_is():
    """Importing TF-MOT changes neither `tf.keras` nor what later processes inherit."""
    code = (
        "import os, tensorflow as tf\n"
        "from kerazoo.optimize._tfmot import legacy\n"
        "legacy()\n"
        "print(tf.keras.__version__.split('.')[0], os.environ.get('TF_USE_LEGACY_KERAS'))"
    )
    environment = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    done = run_python(code, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["3", "None"]


class Doubled(keras.layers.Layer):
    def call(self, inputs):
        return inputs * 2


def test_layers_without_a_rule_are_named():
    x = keras.Input((8, 8, 3))
    model = keras.Model(x, Doubled(name="twice")(x))
    with pytest.raises(ValueError, match=r"twice \(Doubled\)"):
        to_tf_keras(model)


def test_half_precision_is_refused():
    x = keras.Input((8, 8, 3))
    model = keras.Model(x, keras.layers.Conv2D(2, 1, dtype="mixed_float16", name="half")(x))
    with pytest.raises(ValueError, match=r"half \(Conv2D\)"):
        to_tf_keras(model)
    with pytest.raises(ValueError, match="functional or sequential"):
        to_tf_keras("mixnet_s")


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_model_optimization", None)
    with pytest.raises(ImportError, match=r"kerazoo\[tfmot\]"):
        legacy()
