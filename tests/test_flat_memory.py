"""What is done again and again takes no more memory than what is done a few times."""

import json
import subprocess
import sys

import pytest

MEASURE = """
import gc, json, sys
import keras
import numpy as np
import kerazoo
from kerazoo.data.arrays import array_source
from kerazoo.deploy import Runner
from tensorflow.python.framework import ops

keras.utils.set_random_seed(1)
inputs = x = keras.Input((32, 32, 3))
for _ in range(int(sys.argv[2])):
    x = keras.layers.Activation("silu")(keras.layers.Conv2D(4, 1)(x))
x = keras.layers.Dense(2, activation="softmax")(keras.layers.GlobalAveragePooling2D()(x))
model = keras.Model(inputs, x)
record = kerazoo.Preprocessing(size=(32, 32))
pictures = np.zeros((2, 32, 32, 3), "uint8")
data = array_source(pictures, [0, 1], classes=("a", "b"))

def evaluate():
    kerazoo.evaluate(model, data, preprocessing=record)

def open_runner():
    Runner(model, "tensorflow", preprocessing=record).predict(pictures)

def resident():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20

def grown(what, warm=3):
    for call in range(warm + int(sys.argv[1])):
        if call == warm:
            before, gradients = resident(), len(ops.gradient_registry._registry)
        what()
        gc.collect()  # what waits for the collector is not kept for ever
    return resident() - before, len(ops.gradient_registry._registry) - gradients

print(json.dumps({"evaluate": grown(evaluate), "runner": grown(open_runner)}))
"""


def check(calls, layers):
    # A process of its own: a forked one meets the pages of its parent one by one.
    words = [sys.executable, "-c", MEASURE, str(calls), str(layers)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert list(found) == ["evaluate", "runner"]
    for what, (megabytes, gradients) in found.items():
        assert gradients == 0, what  # of one a layer and call
        assert megabytes < 10, what


def test_a_network_with_swish_leaves_no_gradients_behind(monkeypatch, capsys):
    """In this process, where memory would say nothing."""
    monkeypatch.setattr(sys, "argv", ["-c", "1", "2"])
    exec(MEASURE, {"__name__": "measure"})
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {what: gradients for what, (_, gradients) in found.items()} == {
        "evaluate": 0,
        "runner": 0,
    }


def test_a_network_with_swish_leaves_nothing_behind():
    """Each trace left its graph for ever: TensorFlow keeps the gradients that swish brings."""
    check(calls=4, layers=10)


@pytest.mark.faults
def test_fifty_times():
    check(calls=50, layers=40)  # 10 MB are a fifth of one a call, of two


def test_a_gradient_tape_around_is_no_matter():
    """The graph has no gradients left; what comes out are arrays, through which none could go."""
    import keras
    import numpy as np
    import tensorflow as tf

    from kerazoo.inference import inference_function

    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(2, 1, activation="silu")(inputs))
    x, run = np.ones((2, 4, 4, 3), "float32"), inference_function(model)
    with tf.GradientTape() as tape:
        found = run(x)
        loss = tf.reduce_sum(model(x))
    np.testing.assert_allclose(found, model(x), rtol=1e-5)
    gradients = tape.gradient(loss, model.trainable_variables)  # those of others are not touched
    assert all(np.abs(each).max() > 0 for each in gradients)
