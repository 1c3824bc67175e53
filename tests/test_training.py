"""Recipes, and a real (small) run on CIFAR-10 that is killed and resumed."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from kerazoo.cli import main
from kerazoo.training.recipe import load_recipe, recipe_names

SMALL = """
model = "mobilenet_v1_025"
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
learning_rate = 0.1
warmup_epochs = 1
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def test_recipes_that_ship_are_valid():
    assert "mixnet_s_cifar10" in recipe_names()
    for name in recipe_names():
        assert load_recipe(name).epochs > 0
    assert load_recipe("mixnet_s_cifar10", epochs=2, seed=None).epochs == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model='mixnet_s'\nepochs=1\nbatchsize=3", "Did you mean 'batch_size'"),
        ("model='mixnet_s'\nepochs=1\n[optimizer]\nlr=3", r"Unknown `recipe key`.*optimizer\.lr"),
        ("model='mixnet_s'\nepochs=0", "`epochs` must be a positive integer"),
    ],
)
def test_wrong_recipes(tmp_path, text, message):
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_recipe(str(path))


def test_unknown_recipe_names_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'mixnet_s_cifar10'"):
        load_recipe("mixnet_cifar10")


def rows(output) -> list[dict]:
    with open(output / "log.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_killed_run_goes_on(shared, recipe, tmp_path):
    output = tmp_path / "run"
    command = [sys.executable, "-m", "kerazoo.cli", "train", str(recipe)]
    command += ["--output", str(output), "--data-dir", str(shared / "tfds")]
    log = open(tmp_path / "log.txt", "w+")  # noqa: SIM115
    process = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.monotonic() + 240
    # The backup of epoch 1 is complete when epoch 2 has been logged.
    while not (output / "log.csv").exists() or len(rows(output)) < 2:
        assert process.poll() is None, (tmp_path / "log.txt").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (output / "result.json").exists()

    assert main(command[3:]) == 0
    epochs = [int(row["epoch"]) for row in rows(output)]
    assert epochs[-1] == 2
    assert len(epochs) <= 4, "the run started again from nothing"
    result = json.loads((output / "result.json").read_text())
    assert result["test_pictures"] == 100
    assert 0 <= result["test_accuracy"] <= 1
    # The optimiser went on counting, so that the schedule did: 3 epochs of 256 // 32 steps.
    assert result["steps"] == 24
    assert json.loads((output / "recipe.json").read_text())["seed"] == 3
    assert (output / "command.txt").read_text().startswith("kerazoo train ")

    import kerazoo

    model = kerazoo.create_model(
        "mobilenet_v1_025",
        weights=str(output / "model.weights.h5"),
        stem_strides=1,
        classes=10,
        input_shape=(32, 32, 3),
    )
    assert model.output_shape == (None, 10)


def test_missing_data_is_one_line(recipe, tmp_path, capsys):
    code = main(["train", str(recipe), "--output", str(tmp_path / "r"), "--data-dir", "nowhere"])
    assert code == 2
    assert "nowhere" in capsys.readouterr().err
