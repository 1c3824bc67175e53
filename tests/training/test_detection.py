"""A detector learns through the same run as classifiers do, and leaves what it needs."""

import csv
import json

import numpy as np
import pytest

from kerazoo.data.open import open_source
from kerazoo.evaluation import evaluate
from kerazoo.tasks.detection.detector import detector_of
from kerazoo.training.finetuning.run import finetune
from kerazoo.training.recipe import load_recipe
from kerazoo.training.run import Run, train
from kerazoo.training.trained import load_trained
from tests.data.boxes.folders import picture, voc
from tests.tiny import DEEP

pytestmark = pytest.mark.usefixtures("tiny_net")

SHAPE = (96, 96)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eight pictures, each with a box of one of two classes."""
    root = tmp_path_factory.mktemp("voc")
    rows = {f"{n}": [("ab"[n % 2], 2 * n, 3, 2 * n + 18, 3 + 14 + n, 0)] for n in range(8)}
    voc(root, rows)
    for name in rows:
        picture(root / f"JPEGImages/{name}.png")
    (root / "ImageSets/Main/val.txt").write_text("0\n1\n")
    return root


def recipe(folder, **changes):
    values = {
        "model": "ssd",
        "epochs": 2,
        "batch_size": 4,
        "arguments": {"backbone": DEEP, "anchors": "auto"},
        "data": {"name": str(folder), "validation": "val", "test": "val"},
        "preprocessing": {"size": list(SHAPE), "fit": "stretch", "crop_fraction": 1.0},
        "augmentation": {"crop": "objects"},
        "optimizer": {"name": "adam", "learning_rate": 0.01},
        "transfer": {"freeze": "backbone"},
    }
    return load_recipe(values | changes)


@pytest.fixture(scope="module")
def run(tiny_net, folder, tmp_path_factory):
    output = tmp_path_factory.mktemp("run")
    return output, train(recipe(folder), output, progress=False)


def test_the_log_has_losses_and_the_figure(run):
    output, result = run
    with open(output / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    for row in rows:
        total = float(row["codes_loss"]) + float(row["logits_loss"])
        assert float(row["loss"]) == pytest.approx(total, rel=1e-3)
        assert np.isfinite(float(row["val_loss"]))
        assert 0 <= float(row["val_ap"]) <= 1
    assert float(rows[1]["loss"]) < float(rows[0]["loss"])
    assert set(result) >= {"test_ap", "test_pictures"}
    assert result["test_pictures"] == 2


def test_the_network_comes_back_with_its_anchors_and_thresholds(run, folder):
    output, result = run
    model = load_trained(output)
    assert model.info.labels == ("a", "b")
    assert detector_of(model).anchors.rule == "fitted"
    assert len(model.info.confidence.thresholds) == 2
    stored = json.loads((output / "run.json").read_text())["confidence"]
    assert stored["pictures"] == 2
    found = evaluate(model, open_source(folder, "val"))
    assert found.headline == pytest.approx(result["test_ap"], abs=1e-5)


def test_a_classifiers_trunk_is_a_start(folder, tmp_path, monkeypatch):
    """All layers but the head have the classifier's weights."""
    from kerazoo.registry import create_model

    trunk = create_model(DEEP, weights=None, classes=3)
    trunk.save(tmp_path / "trunk.keras")
    own = recipe(
        folder,
        arguments={"backbone": DEEP},
        transfer={"trunk": str(tmp_path / "trunk.keras")},
    )
    started = Run(own, tmp_path / "run")
    started.open()
    started.load()
    started.build()
    names = [n for n in ("stem_conv", "stem_bn") if any(x.name == n for x in trunk.layers)]
    assert names
    for name in names:
        ours, theirs = (m.get_layer(name).get_weights() for m in (started.model, trunk))
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match=r"`transfer\.trunk` must be left out beside `weights`"):
        recipe(folder, weights="imagenet", transfer={"trunk": "mobilenet_v1"})


def test_classes_of_the_same_name_start_from_their_rows(run, folder, tmp_path, caplog):
    output, _ = run
    old = load_trained(output)
    other = tmp_path / "voc"
    rows = {f"{n}": [("bc"[n % 2], 2 * n, 3, 2 * n + 18, 17, 0)] for n in range(4)}
    voc(other, rows)
    arguments = {"backbone": DEEP, "anchors": old.info.arguments["anchors"]}
    data = {"name": str(other), "test": "train"}
    own = recipe(folder, weights=str(output), arguments=arguments, data=data)
    started = Run(own, tmp_path / "run")
    started.open()
    with caplog.at_level("INFO", "kerazoo"):
        started.build()
    assert "1 of 2 classes start as those of the same name." in caplog.text
    counts = detector_of(old).anchors.counts
    (new_bias, old_bias) = (
        m.get_layer("classes1_conv").get_weights()[1].reshape(counts[0], 3)
        for m in (started.model, old)
    )
    np.testing.assert_array_equal(new_bias[:, [0, 1]], old_bias[:, [0, 2]])  # background, and b


def test_fine_tuning_ends_with_a_folder_to_publish(run, folder, tmp_path):
    """All layers from the first step, by the task's own plan; nothing of a classifier is said."""
    output, _ = run
    result = finetune(
        output,
        folder,
        tmp_path / "tuned",
        epochs=1,
        changes={"transfer.freeze": "backbone", "optimizer.ema": 0.0, "optimizer.name": "adam"},
        progress=False,
    )
    assert result["task"] == "detection"
    assert result["kept"] == "1_all"
    assert 0 <= result["ap"] <= 1
    begun = json.loads((tmp_path / "tuned/1_all/run.json").read_text())["start"]
    with open(tmp_path / "tuned/1_all/log.csv") as file:
        (row,) = csv.DictReader(file)
    # Never worse than the start, of which the figure is known.
    assert result["validation"]["1_all"] >= round(begun["val_ap"], 6)
    better = float(row["val_ap"]) > begun["val_ap"] or (
        float(row["val_ap"]) == begun["val_ap"] and float(row["val_loss"]) < begun["val_loss"]
    )
    assert result["epoch"] == int(better)
    files = {path.name for path in (tmp_path / "tuned").iterdir()}
    assert files >= {"model.keras", "model.safetensors", "precision.png", "1_all"}
    card = (tmp_path / "tuned/README.md").read_text()
    assert "object-detection" in card
    assert "classifier" not in card
    with pytest.raises(ValueError, match="`unfreeze_epochs` must be left out: all layers"):
        finetune(output, folder, tmp_path / "other", unfreeze_epochs=2)


def test_a_start_that_no_epoch_is_better_than_is_kept(run, folder, tmp_path):
    """Whose steps are far too long: the best weights are those that it began with."""
    output, _ = run
    before = evaluate(load_trained(output), open_source(folder, "val")).headline
    result = finetune(
        output,
        folder,
        tmp_path / "worse",
        epochs=1,
        learning_rate=50.0,
        changes={
            "optimizer.name": "sgd",
            "optimizer.warmup_epochs": 0,
            "optimizer.ema": 0.0,
            "optimizer.global_clipnorm": 10.0,
        },
        progress=False,
    )
    assert (result["kept"], result["epoch"]) == ("1_all", 0)
    assert result["validation"]["1_all"] == pytest.approx(before, abs=1e-3)
    kept, old = load_trained(tmp_path / "worse/1_all", best=True), load_trained(output)
    for new, value in zip(kept.get_weights(), old.get_weights(), strict=True):
        np.testing.assert_allclose(new, value, atol=1e-6)
