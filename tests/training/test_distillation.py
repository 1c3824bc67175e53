"""A teacher in the input pipeline: what it says, of which pictures, and what cannot teach."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import kerazoo
from kerazoo.open import find
from kerazoo.tasks import get_task
from kerazoo.training.distillation import build_teacher, find_teacher
from kerazoo.training.inputs import fit_batches, open_inputs
from kerazoo.training.recipe import load_recipe
from kerazoo.training.run import Run

TEACHER = Path(__file__).parents[2] / "weights/resnet10_cifar10"
TASK = get_task("classification")
SMALL = {"data.train": "train[:200]", "data.test": "test[:40]", "batch_size": 32}
# Another normalisation than the teacher's.
OTHER = {"preprocessing.mean": [0.5, 0.5, 0.5], "preprocessing.std": [0.5, 0.5, 0.5]}


@pytest.fixture(scope="module")
def teacher():
    model = kerazoo.create_model(
        "resnet10", weights=None, classes=10, input_shape=(32, 32, 3), stem="cifar"
    )
    kerazoo.load_weights(model, TEACHER / "model.safetensors")
    return model


@pytest.mark.parametrize(("changes", "size"), [({}, None), (OTHER, None), (OTHER, 24)])
def test_the_teacher_has_its_share_of_the_labels(data_dir, tmp_path, teacher, changes, size):
    settings = {"distillation.teacher": str(TEACHER), "distillation.weight": 0.7}
    recipe = load_recipe("mixnet_s_cifar10", {**SMALL, **changes, **settings})
    run = Run(recipe, tmp_path, data_dir)
    run.open()
    run.load()
    inputs = run.inputs
    x, y = next(iter(fit_batches(recipe, inputs, size=size).batches))
    alone = fit_batches(recipe, replace(inputs, teacher=None), size=size)
    pictures, labels = next(iter(alone.batches))
    np.testing.assert_array_equal(x, pictures)
    record = inputs.preprocessing
    pixels = x * np.float32(record.std) + np.float32(record.mean)
    if size:
        pixels = tf.image.resize(pixels, (32, 32), antialias=True)
    config = json.loads((TEACHER / "config.json").read_text())["preprocessing"]
    taken = (pixels - np.float32(config["mean"])) / np.float32(config["std"])
    opinion = teacher(taken, training=False).numpy()
    np.testing.assert_allclose(y, 0.3 * labels + 0.7 * opinion, atol=2e-5)
    np.testing.assert_allclose(y.numpy().sum(1), 1, atol=1e-5)
    # No comparison of a teacher that says the same of everything.
    assert len(set(opinion.argmax(1))) > 4


def test_the_teacher_knows_what_it_learned(shared, tmp_path, teacher):
    """The pictures reach it as it saw them in training: on others it would be right by chance."""
    settings = {"distillation.teacher": str(TEACHER), "distillation.weight": 1.0}
    recipe = load_recipe("mixnet_s_cifar10", {**SMALL, **settings})
    run = Run(recipe, tmp_path, shared / "tfds")
    run.open()
    run.load()
    _, opinion = next(iter(fit_batches(recipe, run.inputs).batches))
    alone = fit_batches(recipe, replace(run.inputs, teacher=None))
    _, labels = next(iter(alone.batches))
    assert (opinion.numpy().argmax(1) == labels.numpy().argmax(1)).mean() > 0.8


def test_what_cannot_teach(data_dir, tmp_path):
    record = open_inputs(load_recipe("mixnet_s_cifar10", SMALL), data_dir).preprocessing
    five = [str(i) for i in range(5)]
    with pytest.raises(ValueError, match=r"`distillation\.teacher` must be .* 5 classes"):
        build_teacher(*find_teacher(TEACHER), 0.5, TASK, record, five)
    with pytest.raises(ValueError, match="Did you mean"):
        find("mobilenet_v3_smal")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match=r"a folder with model\.safetensors"):
        find(empty)
    for key, value in {"weight": 1.5, "teacher": ""}.items():
        with pytest.raises(ValueError, match=rf"distillation\.{key}"):
            load_recipe("mixnet_s_cifar10", {f"distillation.{key}": value})
    with pytest.raises(ValueError, match="Did you mean"):
        load_recipe("mixnet_s_cifar10", {"distillation.teachers": "x"})


def facts_of(recipe, data_dir, folder):
    run = Run(recipe, folder, data_dir)
    run.open()
    return run.facts()


def test_the_record_names_the_teachers_weights(data_dir, tmp_path):
    """A folder's run is not gone on with by another teacher that lies at the same place."""
    recipe = load_recipe("mixnet_s_cifar10", {**SMALL, "distillation.teacher": str(TEACHER)})
    facts = facts_of(recipe, data_dir, tmp_path)
    file = TEACHER / "model.safetensors"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert facts["teacher"] == {"model": "resnet10", "id": str(file), "sha256": digest}
    alone = load_recipe("mixnet_s_cifar10", SMALL)
    assert facts_of(alone, data_dir, tmp_path)["teacher"] is None
