"""Several devices give the weights of one: two logical CPUs, and two processes on the loopback."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kerazoo.training import distribution

ROOT = Path(__file__).resolve().parents[2]
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
from kerazoo.training.layer_rates import scale_variables

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
"""

MIRRORED = (
    NETWORK
    + """
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
distribution.start("mirrored")
cases = {"plain": {}, "clipped": {"global_clipnorm": 0.3, "use_ema": True}}
found = {n: [fitted(s, **a) for s in ("none", "mirrored")] for n, a in cases.items()}
found["replicas"] = distribution.replicas("mirrored")
for name, call in {
    "accumulate": lambda: fitted("mirrored", gradient_accumulation_steps=2),
    "batch": lambda: distribution.batches(
        tf.data.Dataset.range(9).batch(9, drop_remainder=True), "mirrored"
    ),
}.items():
    try:
        call()
    except ValueError as error:
        found[name] = str(error)
with distribution.scope("mirrored"):
    model = network()
copy = distribution.local_copy(model)
found["copy"] = [
    len(copy.variables[0].value.values) if hasattr(copy.variables[0].value, "values") else 1,
    float(np.abs(copy(PICTURES) - model(PICTURES)).max()),
]
print(json.dumps(found))
"""
)


def run(code: str, **environment) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer(process: subprocess.Popen):
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, error[-3000:]
    return json.loads(out.splitlines()[-1])


def assert_same(one, two, atol=2e-6):
    assert one.keys() == two.keys()
    for path in one:
        np.testing.assert_allclose(two[path], one[path], rtol=1e-4, atol=atol, err_msg=path)


@pytest.fixture(scope="module")
def mirrored():
    return answer(run(MIRRORED, KERAS_BACKEND="tensorflow"))


@pytest.mark.parametrize("case", ["plain", "clipped"])
def test_mirrored_devices_give_the_weights_of_one(mirrored, case):
    (one, before), (two, history) = mirrored[case]
    assert_same(one, two)
    for name in ("loss", "accuracy"):
        np.testing.assert_allclose(history[name], before[name], rtol=1e-5)
    # 33 pictures on two devices: the last one is left out, and no device is left without.
    assert before["val_accuracy"][-1] * 33 == pytest.approx(round(before["val_accuracy"][-1] * 33))
    assert history["val_accuracy"][-1] * 32 == pytest.approx(
        round(history["val_accuracy"][-1] * 32)
    )


def test_clipping_and_averages_make_a_difference(mirrored):
    plain, clipped = (mirrored[case][1][0]["predictions/kernel"] for case in ("plain", "clipped"))
    assert np.abs(np.subtract(plain, clipped)).max() > 0.01


def test_mirrored_refuses_what_keras_cannot(mirrored):
    assert mirrored["replicas"] == 2
    assert "`accumulate` must be 1 with the strategy 'mirrored'" in mirrored["accumulate"]
    assert "`batch_size` must be a multiple of the number of devices, 2" in mirrored["batch"]


def test_a_local_copy_is_the_same_network_on_one_device(mirrored):
    devices, difference = mirrored["copy"]
    assert devices == 1
    assert difference < 1e-6


PARALLEL = (
    NETWORK
    + """
distribution.start("data_parallel")
import jax
weights, history = fitted("data_parallel", global_clipnorm=0.3)
with distribution.scope("data_parallel"):
    model = network()
copy = distribution.local_copy(model)
different, stopped = None, None
try:
    distribution.check_same("epoch", [7, jax.process_index()])
except ValueError as error:
    different = str(error)
done = []
distribution.chief_does(lambda: done.append(1))
try:
    distribution.chief_does(lambda: done[2])
except Exception as error:
    stopped = type(error).__name__
data = tf.data.Dataset.range(10).batch(4)
print(json.dumps({
    "weights": weights, "history": history, "chief": distribution.is_chief(),
    "replicas": distribution.replicas("data_parallel"), "processes": jax.process_count(),
    "parts": [b.tolist() for b in distribution.batches(data, "data_parallel").as_numpy_iterator()],
    "alone": np.asarray(copy.predict_on_batch(PICTURES[:2])).tolist(), "different": different,
    "done": done, "stopped": stopped,
}))
"""
)


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


@pytest.fixture(scope="module")
def parallel():
    """What one process found, and what each of two did."""
    pytest.importorskip("jax")
    settings = {
        "KERAS_BACKEND": "jax",
        distribution.ADDRESSES: f"127.0.0.1:{free_port()}",
        distribution.PROCESSES: "2",
    }
    both = [run(PARALLEL, **settings, **{distribution.PROCESS: str(i)}) for i in range(2)]
    try:
        two = [answer(process) for process in both]
    finally:
        for process in both:
            process.kill()
    return answer(run(PARALLEL, KERAS_BACKEND="jax")), two


def test_two_processes_give_the_weights_of_one(parallel):
    one, two = parallel
    assert (one["processes"], one["replicas"]) == (1, 1)
    for each in two:
        assert (each["processes"], each["replicas"]) == (2, 2)
        assert_same(one["weights"], each["weights"], atol=1e-5)
        np.testing.assert_allclose(each["history"]["loss"], one["history"]["loss"], rtol=1e-5)
    assert two[0]["weights"] == two[1]["weights"]
    assert two[0]["history"] == two[1]["history"]


def test_processes_share_out_batches_in_order(parallel):
    one, two = parallel
    assert one["parts"] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert two[0]["parts"] == [[0, 1], [4, 5], [8]]
    assert two[1]["parts"] == [[2, 3], [6, 7], [9]]


def test_one_process_is_the_chief_and_all_agree(parallel):
    one, two = parallel
    assert one["chief"]
    assert [each["chief"] for each in two] == [True, False]
    assert one["different"] is None
    assert all("`epoch` must be the same on all machines" in each["different"] for each in two)
    assert [each["done"] for each in [one, *two]] == [[1], [1], []]
    assert [each["stopped"] for each in [one, *two]] == ["IndexError"] * 2 + ["RuntimeError"]
    for each in two:
        np.testing.assert_allclose(each["alone"], one["alone"], rtol=1e-5, atol=1e-6)
