"""Layers and networks are written with keras.ops: other backends give TensorFlow's numbers."""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import kerazoo
from tests.models.test_every_model import SMALLEST, make, smallest_side

OTHERS = ("jax", "torch")
LESS = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}  # compiling takes longer than running

RUN = """
import json, sys
import keras, numpy as np, kerazoo
from tests.models.test_backends import digest
folder, ids = sys.argv[1], json.loads(sys.argv[2])


def drawn(*args, **kwargs):
    raise AssertionError("Keras drew initial values: JAX compiles a program for each shape of them")


for name in ("Zeros", "Ones", "Constant", "VarianceScaling", "RandomNormal", "RandomUniform"):
    getattr(keras.initializers, name).__call__ = drawn


def run(model, x):
    if keras.backend.backend() != "jax":
        return model(x, training=False)
    import jax  # one compilation, not one for each operation

    values = [[v.value for v in model.trainable_variables]]
    values += [[v.value for v in model.non_trainable_variables]]
    return jax.jit(lambda *a: model.stateless_call(*a, training=False)[0])(*values, x)


errors, digests = {}, {}
for id, side in ids.items():
    keras.utils.set_random_seed(7)
    model = kerazoo.create_model(id, weights=None, classes=7, input_shape=(side, side, 3))
    digests[id] = digest(model)
    stored = np.load(f"{folder}/{id}.npz")
    tensors = {name: stored[name] for name in stored.files}
    x, expected = tensors.pop("x"), tensors.pop("y")
    kerazoo.load_weights(model, tensors)
    y = keras.ops.convert_to_numpy(run(model, x))
    errors[id] = float(np.abs(y - expected).max() / np.abs(expected).max())
    keras.backend.clear_session(free_memory=False)
print(json.dumps([errors, digests]))
"""


def digest(model):
    """Of every weight's bits."""
    found = hashlib.sha256()
    for variable in model.weights:
        found.update(keras.ops.convert_to_numpy(variable).tobytes())
    return found.hexdigest()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Weights, a picture and TensorFlow's answer for the smallest network of each family.

    And the digests of random weights from a seed.
    """
    folder = tmp_path_factory.mktemp("recorded")
    rng = np.random.default_rng(0)
    sides, digests = {}, {}
    for id in SMALLEST:
        keras.backend.clear_session(free_memory=False)
        # Odd and larger than the least: strided padding has something to get wrong.
        sides[id] = smallest_side(id) + 9
        keras.utils.set_random_seed(7)
        model = make(id, input_shape=(sides[id], sides[id], 3))
        digests[id] = digest(model)
        for variable in model.weights:
            if variable.path.endswith(("moving_variance", "gamma")):
                variable.assign(rng.uniform(0.5, 1.5, variable.shape))
            elif variable.path.endswith(("moving_mean", "beta", "bias")):
                variable.assign(rng.normal(0, 0.3, variable.shape))
        x = rng.normal(size=(1, sides[id], sides[id], 3)).astype("float32")
        weights = {v.path: v.numpy() for v in model.weights if "seed_generator" not in v.path}
        np.savez(folder / f"{id}.npz", x=x, y=np.asarray(model(x)), **weights)
    return folder, sides, digests


def _where_installed(backend: str):
    """Skipped before anything is recorded for it."""
    missing = importlib.util.find_spec(backend) is None
    return pytest.param(
        backend, marks=pytest.mark.skipif(missing, reason=f"{backend} is not installed")
    )


@pytest.mark.parametrize("backend", [*map(_where_installed, OTHERS)])
def test_same_numbers_as_tensorflow(recorded, backend):
    folder, sides, digests = recorded
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(folder), json.dumps(sides)],
        env={**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", **LESS},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    errors, drawn = json.loads(done.stdout.splitlines()[-1])
    assert drawn == digests, "another backend, other random weights"
    assert set(errors) == set(SMALLEST)
    print(f"{backend}: worst {max(errors.values()):.1e} of {len(errors)} families")
    assert max(errors.values()) < 1e-4, errors


def test_every_family_is_recorded():
    families = {entry.family for entry in kerazoo.registry.catalogue().values()}
    found = {kerazoo.registry.catalogue()[id].family for id in SMALLEST}
    assert found == {
        family
        for family in families
        if any(
            entry.family == family and entry.task == "classification"
            for entry in kerazoo.registry.catalogue().values()
        )
    }
