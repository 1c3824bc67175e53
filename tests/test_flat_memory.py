"""What is done again and again takes no more memory than what is done a few times."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT


def check(task, calls, openings, layers):
    # A process of its own: a forked one meets the pages of its parent one by one.
    script = str(Path(__file__).with_name("memory_over_time.py"))
    words = [sys.executable, script, task, *map(str, (calls, openings, layers))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert list(found) == ["evaluate", "runner"]
    for (what, (megabytes, gradients)), times in zip(found.items(), (calls, openings), strict=True):
        assert gradients == 0, what  # of one a layer and call
        assert megabytes < max(5, 0.2 * times), what  # 2 a call, and 17 an opening, were kept


def test_a_network_with_swish_leaves_no_gradients_behind(capsys):
    """In this process, where memory would say nothing."""
    from tests import memory_over_time

    memory_over_time.main("classification", calls=1, openings=1, layers=2)
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {what: gradients for what, (_, gradients) in found.items()} == {
        "evaluate": 0,
        "runner": 0,
    }


def test_a_network_with_swish_leaves_nothing_behind():
    """Each trace left its graph for ever: TensorFlow keeps the gradients that swish brings."""
    check("classification", calls=3, openings=2, layers=10)


# Evaluating a detector takes seconds, exporting it for a Runner more of them.
@pytest.mark.faults
@pytest.mark.parametrize(
    ("task", "calls", "openings"),
    [("classification", 50, 50), ("segmentation", 50, 12), ("detection", 50, 12)],
)
def test_many_times(task, calls, openings):
    check(task, calls, openings, layers=10)


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
