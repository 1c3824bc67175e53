"""Real (small) runs on CIFAR-10: killed and resumed, and with everything a recipe can ask for."""

import csv
import json
import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import kerazoo
from kerazoo._locks import holding
from kerazoo.checkpoints.read.tensors import read_tensors
from kerazoo.cli import main
from kerazoo.data.open import open_source
from kerazoo.training.recipe import load_recipe
from kerazoo.training.run import train
from kerazoo.training.trained import load_trained
from tests.tiny import NAME

pytestmark = pytest.mark.usefixtures("tiny_net")

SMALL = """
model = "tiny_net"
epochs = 3
batch_size = 32
seed = 3
[arguments]
stem_strides = 1
[data]
name = "cifar10"
train = "train[:256]"
test = "test[:100]"
[optimizer]
learning_rate = 0.05
warmup_epochs = 1
ema = 0.9
global_clipnorm = 5.0
label_smoothing = 0.1
"""
STEPS = 8  # in an epoch


@pytest.fixture(scope="module")
def recipe_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "small.toml"
    path.write_text(SMALL)
    return path


@pytest.fixture(scope="module")
def whole(data_dir, recipe_file, tmp_path_factory):
    """A run that nothing interrupts."""
    output = tmp_path_factory.mktemp("whole") / "run"
    words = ["train", str(recipe_file), "--output", str(output)]
    assert main([*words, "--data-dir", str(data_dir), "--tensorboard"]) == 0
    return output


def rows(output) -> list[dict]:
    with open(output / "log.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def assert_same_weights(a, b):
    ours, theirs = (read_tensors(f / "model.weights.h5") for f in (a, b))
    assert set(ours) == set(theirs)
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_what_a_run_leaves(whole, data_dir):
    log = rows(whole)
    assert [int(row["epoch"]) for row in log] == [0, 1, 2]
    assert float(log[0]["learning_rate"]) == pytest.approx(0.05 * 7 / 8)  # end of the warm-up
    assert float(log[2]["learning_rate"]) < 0.001
    assert all(0 <= float(row["val_accuracy"]) <= 1 for row in log)
    result = json.loads((whole / "result.json").read_text())
    assert result["steps"] == 3 * STEPS
    assert result["test_pictures"] == 100
    assert (whole / "curves.png").read_bytes()[:4] == b"\x89PNG"
    assert list((whole / "tensorboard").rglob("events.*"))
    assert not (whole / "backup").exists()
    run = json.loads((whole / "run.json").read_text())
    assert run["command"].startswith("kerazoo train ")
    assert (whole / "command.txt").read_text().strip() == run["command"]
    assert run["data"]["train"] == {"name": "cifar10", "split": "train[:256]", "count": 256}
    assert run["classes"][:2] == ["airplane", "automobile"]
    assert run["recipe"]["seed"] == 3
    assert {"keras", "tensorflow", "numpy"} <= set(run["versions"])
    assert len(run["sessions"]) == 1


def test_the_network_of_a_run_has_names_and_the_accuracy_of_the_result(whole, data_dir):
    model = load_trained(whole)
    assert model.info.labels[2] == "bird"
    assert model.output_shape == (None, 10)
    found = kerazoo.evaluate(model, "cifar10", "test[:100]", data_dir=data_dir)
    result = json.loads((whole / "result.json").read_text())
    assert found.top1 / 100 == pytest.approx(result["test_accuracy"], abs=1e-6)
    best = max(float(row["val_accuracy"]) for row in rows(whole))
    model = load_trained(whole, best=True)
    found = kerazoo.evaluate(model, "cifar10", "test[:100]", data_dir=data_dir)
    assert found.top1 / 100 == pytest.approx(best, abs=1e-6)
    # The exported weights are those of `create_model(weights=FILE)` too.
    again = kerazoo.create_model(
        NAME,
        weights=str(whole / "model.weights.h5"),
        stem_strides=1,
        classes=10,
        input_shape=(32, 32, 3),
    )
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(again(x), load_trained(whole)(x), rtol=1e-5, atol=1e-6)


def test_an_ended_run_is_not_run_again(whole, data_dir, recipe_file, capsys):
    before = (whole / "run.json").read_text()
    words = ["train", str(recipe_file), "--output", str(whole)]
    assert main([*words, "--data-dir", str(data_dir)]) == 0
    assert (whole / "run.json").read_text() == before


def test_another_run_is_refused(whole, data_dir, recipe_file, capsys):
    words = ["train", str(recipe_file), "--output", str(whole), "--seed", "4"]
    assert main([*words, "--data-dir", str(data_dir)]) == 2
    assert "seed = 3, not 4" in capsys.readouterr().err
    assert (whole / "result.json").exists()


def test_a_killed_run_ends_with_the_weights_of_a_whole_one(data_dir, recipe_file, whole, tmp_path):
    output = tmp_path / "run"
    words = ["train", str(recipe_file), "--output", str(output), "--backup-every", "3"]
    words += ["--data-dir", str(data_dir)]
    log = open(tmp_path / "log.txt", "w+")  # noqa: SIM115
    # A process of its own has to be told of the network too.
    code = "import kerazoo, tests.tiny; kerazoo.register_model(tests.tiny.TinyNet); "
    code += "from kerazoo.cli import main; raise SystemExit(main())"
    command = [sys.executable, "-c", code, *words]
    process = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.monotonic() + 300
    # Epoch 1 is logged: the kill comes somewhere in epoch 2 or later.
    while not (output / "log.csv").exists() or not rows(output):
        assert process.poll() is None, (tmp_path / "log.txt").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (output / "result.json").exists()
    assert (output / "backup").is_dir()

    assert main(words) == 0
    assert [int(row["epoch"]) for row in rows(output)] == [0, 1, 2]
    run = json.loads((output / "run.json").read_text())
    assert len(run["sessions"]) == 2
    assert json.loads((output / "result.json").read_text())["steps"] == 3 * STEPS
    assert_same_weights(output, whole)


class InterruptedRunError(Exception):
    pass


@pytest.mark.parametrize("at", [5, 13])
def test_a_broken_epoch_goes_on_at_the_step(data_dir, recipe_file, whole, tmp_path, at):
    import keras

    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.optimizer.iterations) == at:
                raise InterruptedRunError

    output = tmp_path / "run"
    recipe = load_recipe(str(recipe_file))
    options = {"data_dir": data_dir, "backup_every": 2}
    with pytest.raises(InterruptedRunError):
        train(recipe, output, **options, callbacks=[Interrupt()])
    train(recipe, output, **options)
    assert_same_weights(output, whole)
    for ours, theirs in zip(rows(output), rows(whole), strict=True):
        for key in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert float(ours[key]) == pytest.approx(float(theirs[key]), rel=1e-3, abs=1e-4)


def chosen(shares, interrupt_at=None):
    """A callback that makes the network say one class throughout an epoch, another in the next.

    Args:
        shares: How often the class of each epoch is met, as its rank: 0 is the most frequent.
        interrupt_at: Step before which the run is broken off.
    """
    import keras

    class Chosen(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self._class = shares[epoch]

        def on_train_batch_end(self, batch, logs=None):
            kernel, bias = self.model.get_layer("predictions").trainable_variables
            kernel.assign(np.zeros(kernel.shape))
            bias.assign(np.eye(10)[self._class])
            if int(self.model.optimizer.iterations) == interrupt_at:
                raise InterruptedRunError

    return Chosen()


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("at", [None, 2, 3])
def test_the_best_epoch_stays_the_best(data_dir, recipe_file, tmp_path, at):
    """The first of three epochs, before a broken one (at step 3), another size, or both."""
    recipe = load_recipe(
        str(recipe_file),
        {
            "data.train": "train[:64]",
            "data.test": "test[:50]",
            "optimizer.ema": 0.0,
            "resolution": [[1, 24]],
        },
    )
    labels = [int(y) for _, y in open_source("cifar10", "test[:50]", data_dir=data_dir).pictures]
    often, seldom, less = np.argsort(-np.bincount(labels, minlength=10))[[0, -1, 5]]
    classes, output = (often, seldom, less), tmp_path / "run"
    options = {"data_dir": data_dir, "backup_every": 1}
    if at:
        with pytest.raises(InterruptedRunError):
            train(recipe, output, **options, callbacks=[chosen(classes, at)])
    train(recipe, output, **options, callbacks=[chosen(classes)])
    log = [float(row["val_accuracy"]) for row in rows(output)]
    assert log == [pytest.approx(labels.count(each) / 50) for each in classes]
    assert log[0] > log[2] >= log[1]
    best, last = load_trained(output, best=True), load_trained(output)
    assert best.get_layer("predictions").bias.numpy().argmax() == often
    assert last.get_layer("predictions").bias.numpy().argmax() == less
    found = kerazoo.evaluate(best, "cifar10", "test[:50]", data_dir=data_dir)
    assert found.top1 / 100 == pytest.approx(log[0])


def test_a_folder_is_trained_in_once_at_a_time(data_dir, recipe_file, tmp_path, capsys):
    words = ["train", str(recipe_file), "--data-dir", str(data_dir), "--output"]
    with holding(tmp_path / "run"):
        assert main([*words, str(tmp_path / "run")]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "`output` must be a folder that no other process is writing to" in line
    assert not (tmp_path / "run").exists()


EVERYTHING = {
    "epochs": 2,
    "optimizer.name": "rmsprop",
    "optimizer.learning_rate": 0.001,
    "optimizer.accumulate": 2,
    "optimizer.l2": 1e-4,
    "schedule": {"name": "exponential"},
    "augmentation.mixup": 0.2,
    "augmentation.cutmix": 1.0,
    "augmentation.erase": 0.5,
    "resolution": [[1, 24]],
}


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_everything_at_once(data_dir, recipe_file, tmp_path, dtype):
    recipe = load_recipe(str(recipe_file), {**EVERYTHING, "dtype": dtype})
    result = train(recipe, tmp_path / "run", data_dir)
    # Two batches for a step; mixed_float16 leaves out those that overflow.
    assert result["steps"] == 2 * STEPS // 2 or dtype == "mixed_float16"
    values = read_tensors(tmp_path / "run/model.weights.h5").values()
    assert all(np.isfinite(v).all() and v.dtype == np.float32 for v in values)
    assert load_trained(tmp_path / "run").input_shape == (None, 32, 32, 3)


def test_a_loss_that_is_not_finite_stops_the_run(data_dir, recipe_file, tmp_path):
    changes = {"optimizer.learning_rate": 1e38, "optimizer.warmup_epochs": 0}
    changes |= {"optimizer.global_clipnorm": None, "optimizer.ema": 0.0}
    recipe = load_recipe(str(recipe_file), changes)
    with pytest.raises(ArithmeticError, match="loss"):
        train(recipe, tmp_path / "run", data_dir)
    assert not (tmp_path / "run/result.json").exists()


def test_the_average_of_a_run_with_itself_is_that_run(whole, data_dir, tmp_path, monkeypatch):
    """`tools/average_runs.py`: the weights are the mean, the batch-norm statistics measured.

    So they are at the end of a run with EMA.
    """
    tool = Path(__file__).parents[2] / "tools/average_runs.py"
    output = tmp_path / "average"
    words = [str(output), str(whole), str(whole), "--data-dir", str(data_dir)]
    monkeypatch.setattr(sys, "argv", [str(tool), *words])
    runpy.run_path(str(tool), run_name="__main__")
    mean, one = load_trained(output), load_trained(whole)
    for a, b in zip(mean.trainable_variables, one.trainable_variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    for a, b in zip(mean.non_trainable_variables, one.non_trainable_variables, strict=True):
        if "moving" in a.path:
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    result = json.loads((output / "result.json").read_text())
    assert (result["test_pictures"], result["steps"]) == (100, 0)
    assert (output / "command.txt").read_text().startswith("python tools/average_runs.py ")
