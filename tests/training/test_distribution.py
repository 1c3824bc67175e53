"""Several devices give the weights of one: two logical CPUs, and two processes on the loopback."""

import csv
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kerazoo.checkpoints.read.tensors import read_tensors
from kerazoo.training import distribution
from tests import ROOT
from tests.weights_files import folded_mobilenet

ENVIRONMENT = dict(zip(distribution.ENVIRONMENT, ("127.0.0.1:1234", "2", "1"), strict=True))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in (*distribution.ENVIRONMENT, "TF_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def test_one_device_needs_nothing():
    import tensorflow as tf

    distribution.start("none")
    dataset = tf.data.Dataset.range(5).batch(2)
    assert distribution.batches(dataset, "none") is dataset
    assert distribution.replicas("none") == 1
    assert distribution.is_chief()
    with distribution.scope("none"):
        assert tf.distribute.get_strategy().num_replicas_in_sync == 1


@pytest.mark.parametrize(
    ("strategy", "environment", "message"),
    [
        ("mirored", {}, "Unknown `strategy`. Did you mean 'mirrored'"),
        ("multi_worker_mirrored", {}, "'data_parallel' on JAX.*KERAS_BACKEND=jax, KERAS_DISTRIB"),
        ("data_parallel", {}, "'data_parallel' needs KERAS_BACKEND=jax"),
        ("none", ENVIRONMENT, "must be 'data_parallel' where .*NUM_PROCESSES is 2"),
        ("mirrored", ENVIRONMENT, "must be 'data_parallel' where .*NUM_PROCESSES is 2"),
        ("none", {distribution.PROCESSES: "2"}, "`KERAS_DISTRIBUTION_JOB_ADDRESSES` must be set"),
        ("none", ENVIRONMENT | {distribution.PROCESS: "2"}, "PROCESS_ID` must be a number from 0"),
        ("none", ENVIRONMENT | {distribution.PROCESSES: "x"}, "must be a positive number"),
        ("none", {"TF_CONFIG": "{"}, "`TF_CONFIG` must be JSON"),
    ],
)
def test_what_cannot_train(monkeypatch, strategy, environment, message):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=message):
        distribution.start(strategy)


def test_workers_of_tensorflow_are_refused(monkeypatch):
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    for strategy in ("none", "mirrored"):
        with pytest.raises(ValueError, match=r"TF_CONFIG.*fails under MultiWorker.*KERAS_BACKEND"):
            distribution.start(strategy)
    cluster["cluster"]["worker"].pop()
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    distribution.start("none")


# A smooth network: where a ReLU's input is 0 to rounding, its gradient is anybody's guess.
NETWORK = """
import json, sys
import keras, numpy as np, tensorflow as tf
from kerazoo.layers import BatchNormalization
from kerazoo.training import distribution
from kerazoo.training.optim.layer_rates import scale_variables

rng = np.random.default_rng(0)
PICTURES, LABELS = rng.normal(size=(64, 16, 16, 3)).astype("float32"), rng.integers(0, 4, 64)

def network():
    keras.utils.set_random_seed(0)
    x = image = keras.Input((16, 16, 3))
    for i in range(3):
        x = keras.layers.Conv2D(8, 3, strides=2, name=f"conv{i}")(x)
        x = keras.layers.Activation("silu")(BatchNormalization(name=f"bn{i}")(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(4, name="predictions", dtype="float32")(x))
"""

# The command itself, on weights into which batch normalisation was folded: it is restored before
# the first step.
TRAIN = """
import contextlib
from kerazoo.cli import main

def train(strategy, output):
    words = ["train", sys.argv[1], "--data-dir", sys.argv[2], "--output", output]
    with contextlib.redirect_stdout(sys.stderr):
        assert main([*words, "--strategy", strategy]) == 0
"""
RECIPE = """
model = "mobilenet_v1_025"
weights = "{weights}"
epochs = 2
batch_size = 16
seed = 3
[arguments]
stem_strides = 1
dropout_rate = 0.0
[data]
train = "train[:32]"
validation = "test[:32]"
test = "test[:9]"
[optimizer]
learning_rate = 0.01
warmup_epochs = 0
[transfer]
layer_decay = 0.9
"""

MIRRORED = (
    f"""{NETWORK}{TRAIN}
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
"""
    """
def fitted(strategy, **arguments):
    with distribution.scope(strategy):
        model = network()
        optimizer = keras.optimizers.SGD(0.5, momentum=0.9, weight_decay=0.01, **arguments)
        scale_variables(optimizer, {"conv1/kernel": 0.25})
        optimizer = distribution.adapt(model, optimizer, strategy)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)
        data = tf.data.Dataset.from_tensor_slices((PICTURES, LABELS))
        train, test = data.batch(16, drop_remainder=True), data.take(33).batch(16)
        history = model.fit(
            distribution.batches(train, strategy), epochs=2, verbose=0,
            validation_data=distribution.batches(test, strategy),
        ).history
    return {v.path: v.numpy().tolist() for v in model.variables}, history

def refusal(call):
    try:
        call()
    except ValueError as error:
        return str(error)

distribution.start("mirrored")
found = {
    "fits": [fitted(s, global_clipnorm=0.3, use_ema=True) for s in ("none", "mirrored")],
    "replicas": distribution.replicas("mirrored"),
}
found["accumulate"] = refusal(lambda: fitted("mirrored", gradient_accumulation_steps=2))
odd = tf.data.Dataset.range(9).batch(9, drop_remainder=True)
found["batch"] = refusal(lambda: distribution.batches(odd, "mirrored"))
for strategy in ("none", "mirrored"):
    train(strategy, f"{sys.argv[3]}/{strategy}")
print(json.dumps(found))
"""
)

PARALLEL = (
    NETWORK
    + TRAIN
    + """
distribution.start("data_parallel")
import jax

def error_of(call):
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"

with distribution.scope("data_parallel"):
    model = network()
done = []
distribution.chief_does(lambda: done.append(1))
data = tf.data.Dataset.range(10).batch(4)
found = {
    "processes": jax.process_count(),
    "replicas": distribution.replicas("data_parallel"),
    "chief": distribution.is_chief(),
    "done": done,
    "stopped": error_of(lambda: distribution.chief_does(lambda: done[2])),
    "different": error_of(lambda: distribution.check_same("epoch", [7, jax.process_index()])),
    "parts": [b.tolist() for b in distribution.batches(data, "data_parallel").as_numpy_iterator()],
    "alone": distribution.local_copy(model).predict_on_batch(PICTURES[:2]).tolist(),
}
train("data_parallel", f"{sys.argv[3]}/of_{jax.process_count()}")
print(json.dumps(found))
"""
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with a recipe; runs are left in it."""
    folder = tmp_path_factory.mktemp("runs")
    weights = folded_mobilenet(folder / "folded.weights.h5")
    (folder / "recipe.toml").write_text(RECIPE.format(weights=weights))
    return folder


def start(code: str, runs: Path, data_dir: Path, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, runs / "recipe.toml", data_dir, runs],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer(process: subprocess.Popen):
    out, error = process.communicate(timeout=400)
    assert process.returncode == 0, error[-3000:]
    return json.loads(out.splitlines()[-1])


def assert_same_run(one: Path, two: Path):
    """Weights agree far closer than training changed them, and so does the log."""
    a, b = (read_tensors(folder / "model.weights.h5") for folder in (one, two))
    recipe = (one.parent / "recipe.toml").read_text()
    before = read_tensors(Path(recipe.partition('weights = "')[2].partition('"')[0]))
    assert a.keys() == b.keys()
    for name, value in a.items():
        difference = np.abs(b[name] - value).max()
        assert difference <= 1e-3 * np.abs(value).max(), name
    # Names of the file that training starts from are those of keras.applications.
    for ours, theirs in (
        ("stem_conv/0", "conv1/0"),
        ("stage4_block1_pointwise_conv/0", "conv_pw_6/0"),
    ):
        change = np.abs(a[ours] - before[theirs]).max()
        assert np.abs(b[ours] - a[ours]).max() < 0.02 * change
    # Folded batch norms had no statistics.
    assert not before["conv1_bn/2"].any()
    assert a["stem_bn/2"].all()
    results = [json.loads((folder / "result.json").read_text()) for folder in (one, two)]
    for name in ("test_accuracy", "test_pictures", "steps"):
        assert results[0][name] == results[1][name]
    assert results[0]["test_pictures"] == 9
    logs = [list(csv.DictReader((folder / "log.csv").open())) for folder in (one, two)]
    assert [len(log) for log in logs] == [2, 2]
    for x, y in zip(*logs, strict=True):
        for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert float(x[name]) == pytest.approx(float(y[name]), rel=1e-3)


@pytest.fixture(scope="module")
def mirrored(runs, data_dir):
    return answer(start(MIRRORED, runs, data_dir, KERAS_BACKEND="tensorflow"))


def test_mirrored_devices_give_the_weights_of_one(mirrored):
    (one, before), (two, history) = mirrored["fits"]
    assert one.keys() == two.keys()
    for path in one:
        np.testing.assert_allclose(two[path], one[path], rtol=1e-4, atol=2e-6, err_msg=path)
    for name in ("loss", "accuracy"):
        np.testing.assert_allclose(history[name], before[name], rtol=1e-5)
    # 33 pictures on two devices: the last one is left out, and no device is left without.
    for accuracy, pictures in ((before["val_accuracy"][-1], 33), (history["val_accuracy"][-1], 32)):
        assert accuracy * pictures == pytest.approx(round(accuracy * pictures), abs=1e-4)


def test_mirrored_runs_of_the_command(mirrored, runs):
    assert_same_run(runs / "none", runs / "mirrored")


def test_mirrored_refuses_what_keras_cannot(mirrored):
    assert mirrored["replicas"] == 2
    assert "`accumulate` must be 1 with the strategy 'mirrored'" in mirrored["accumulate"]
    assert "`batch_size` must be a multiple of the number of devices, 2" in mirrored["batch"]


# Compiling takes longer than training here.
JAX = {"KERAS_BACKEND": "jax", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


@pytest.fixture(scope="module")
def parallel(runs, data_dir):
    """What one process found, and what each of two did."""
    pytest.importorskip("jax")
    settings = {
        **JAX,
        distribution.ADDRESSES: f"127.0.0.1:{free_port()}",
        distribution.PROCESSES: "2",
    }
    both = [
        start(PARALLEL, runs, data_dir, **settings, **{distribution.PROCESS: str(i)})
        for i in range(2)
    ]
    try:
        two = [answer(process) for process in both]
    finally:
        for process in both:
            process.kill()
    return answer(start(PARALLEL, runs, data_dir, **JAX)), two


def test_two_processes_give_the_weights_of_one(parallel, runs):
    one, two = parallel
    assert (one["processes"], one["replicas"]) == (1, 1)
    assert [(each["processes"], each["replicas"]) for each in two] == [(2, 2)] * 2
    assert_same_run(runs / "of_1", runs / "of_2")


def test_processes_share_out_batches_in_order(parallel):
    one, two = parallel
    assert one["parts"] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert two[0]["parts"] == [[0, 1], [4, 5], [8]]
    assert two[1]["parts"] == [[2, 3], [6, 7], [9]]


def test_one_process_is_the_chief_and_all_agree(parallel):
    one, two = parallel
    assert [each["chief"] for each in [one, *two]] == [True, True, False]
    assert [each["done"] for each in [one, *two]] == [[1], [1], []]
    stopped = [each["stopped"].partition(":")[0] for each in [one, *two]]
    assert stopped == ["IndexError", "IndexError", "RuntimeError"]
    assert one["different"] is None
    assert all("`epoch` must be the same on all machines" in each["different"] for each in two)


def test_a_local_copy_is_the_same_network_on_one_device(parallel):
    one, two = parallel
    for each in two:
        np.testing.assert_allclose(each["alone"], one["alone"], rtol=1e-5, atol=1e-6)
