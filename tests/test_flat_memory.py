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
for _ in range(40):
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

what, warm, calls = {"evaluate": evaluate, "runner": open_runner}[sys.argv[1]], 3, int(sys.argv[2])
for call in range(warm + calls):
    if call == warm:
        before, gradients = resident(), len(ops.gradient_registry._registry)
    what()
    gc.collect()  # what waits for the collector is not kept for ever
grown = resident() - before
print(json.dumps([grown, len(ops.gradient_registry._registry) - gradients]))
"""


def grown(what, calls):
    # A process of its own: a forked one meets the pages of its parent one by one.
    words = [sys.executable, "-c", MEASURE, what, str(calls)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("what", ["evaluate", "runner"])
def test_a_network_with_swish_leaves_nothing_behind(what):
    """Each trace left its graph for ever: TensorFlow keeps the gradients that swish brings."""
    megabytes, gradients = grown(what, 10)
    assert gradients == 0  # of 400
    assert megabytes < 10


@pytest.mark.faults
@pytest.mark.parametrize("what", ["evaluate", "runner"])
def test_fifty_times(what):
    megabytes, gradients = grown(what, 50)
    assert gradients == 0
    assert megabytes < 10  # a fifth of one a time, of two


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
