"""On PyTorch layers run as PyTorch does them: a training step has TensorFlow's numbers."""

import importlib.util
import os
import pickle
import subprocess
import sys

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.blocks import InvertedResidual

ROWS = [
    InvertedResidual(8, 1, 2, 2, (3, 5), 2, 2, squeeze=0.5, activation="silu"),
    InvertedResidual(8, 1, 1, 3, (3,)),
]
SIDE = 33  # odd: strided padding has something to get wrong

CHILD = """
import pickle, sys
import torch
from tests.layers import test_torch
given = pickle.load(open(sys.argv[1], "rb"))
found = {name: test_torch.torch_step(name, *each) for name, each in given.items()}
pickle.dump(found, open(sys.argv[2], "wb"))
"""


def network(name: str):
    arguments = {"weights": None, "classes": 4, "dropout_rate": 0.0, "input_shape": (SIDE, SIDE, 3)}
    if name == "resnet":  # pools, and a convolution of 7 x 7
        return kerazoo.create_model("resnet10", **arguments)
    return kerazoo.MixNet(blocks=ROWS, stem_filters=4, head_filters=8, padding=name, **arguments)


def tensorflow_step(name: str):
    """Weights, pictures, and what a step of training is: outputs, gradients, moving statistics."""
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    model = network(name)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4, SIDE, SIDE, 3)).astype("float32")
    wanted = rng.normal(size=(4, 4)).astype("float32")
    weights = [v.numpy() for v in model.weights]
    with tf.GradientTape() as tape:
        y = model(x, training=True)
        loss = tf.reduce_mean(y * wanted)
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
    answer = (y.numpy(), [g.numpy() for g in gradients], _moving(model))
    return (weights, x, wanted), (*answer, model(x, training=False).numpy())


def torch_step(name: str, weights, x, wanted):
    import torch

    model = network(name)
    model.set_weights(weights)
    kernel = model.get_layer("stem_conv").kernel.value
    assert kernel.permute(3, 2, 0, 1).is_contiguous(memory_format=torch.channels_last)
    y = model(torch.from_numpy(x), training=True)
    (y * torch.from_numpy(wanted)).mean().backward()
    gradients = [v.value.grad.numpy() for v in model.trainable_variables]
    with torch.no_grad():
        after = model(torch.from_numpy(x), training=False)
    assert len(list(model.parameters())) >= len(gradients)
    return y.detach().numpy(), gradients, _moving(model), after.numpy()


def _moving(model):
    return [keras.ops.convert_to_numpy(v) for v in model.weights if "moving" in v.path]


def test_a_training_step(tmp_path):
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed")
    steps = {name: tensorflow_step(name) for name in ("same", "symmetric", "resnet")}
    (tmp_path / "given").write_bytes(
        pickle.dumps({name: given for name, (given, _) in steps.items()})
    )
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "given"), str(tmp_path / "found")],
        env={**os.environ, "KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for name, found in pickle.loads((tmp_path / "found").read_bytes()).items():
        outputs, gradients, moving, after = steps[name][1]
        np.testing.assert_allclose(found[0], outputs, atol=1e-5, err_msg=name)
        for ours, theirs in zip(found[1], gradients, strict=True):
            assert np.linalg.norm(ours - theirs) < 1e-3 * np.linalg.norm(theirs) + 1e-6
        for ours, theirs in zip(found[2], moving, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found[3], after, atol=1e-5, err_msg=name)
