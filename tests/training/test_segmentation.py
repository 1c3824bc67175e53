"""A segmenter that learns, is measured, and finds what it has learned: end to end, in the small."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

import kerazoo
from kerazoo.data.masks.source import masks_source
from kerazoo.evaluation import evaluate
from kerazoo.training.recipe import Recipe
from kerazoo.training.run import train
from tests.tiny import NAME

SIZE = 32

pytestmark = pytest.mark.usefixtures("tiny_net")
CLASSES = ["dark", "bright"]
RECIPE = {
    "model": "lraspp",
    "arguments": {"backbone": NAME, "width": 8, "low_feature": "stride_2"},
    "epochs": 12,
    "batch_size": 4,
    "preprocessing": {
        "size": SIZE, "fit": "stretch", "interpolation": "bilinear", "antialias": False
    },
    "augmentation": {"crop": "random", "area": [0.5, 1.0]},
    "optimizer": {"name": "adamw", "learning_rate": 0.01, "warmup_epochs": 0.5},
}  # fmt: skip


def pictures(folder, count):
    """Grey noise, with a bright square that is the second class; a strip does not count."""
    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for i in range(count):
        pixels = rng.integers(0, 80, (40, 48, 3)).astype("uint8")
        mask = np.zeros((40, 48), "uint8")
        top, left = rng.integers(0, 20), rng.integers(0, 24)
        pixels[top : top + 20, left : left + 24] += 150
        mask[top : top + 20, left : left + 24] = 1
        mask[:2] = 255
        Image.fromarray(pixels).save(folder / f"images/p{i}.png")
        Image.fromarray(mask).save(folder / f"masks/p{i}.png")
    return folder


@pytest.fixture(scope="module")
def run(tiny_net, tmp_path_factory):
    root = tmp_path_factory.mktemp("segmentation")
    data = pictures(root / "data", 12)
    recipe = Recipe.from_dict(RECIPE)
    parts = {"train": 0.7, "validation": 0.3}
    sources = {
        name: masks_source(data, split, classes=CLASSES, fractions=parts)
        for name, split in (("train", "train"), ("validation", "validation"), ("test", "train"))
    }
    result = train(recipe, root / "run", sources=sources)
    return root / "run", sources, result, data


def test_it_learns_and_says_how_well(run):
    folder, sources, result, _ = run
    assert result["test_pictures"] == sources["test"].count
    with (folder / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    figures = [float(row["val_mean_iou"]) for row in rows]
    assert len(rows) == 12
    assert figures[-1] > figures[0]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])


def test_it_goes_on_from_weights(run, tmp_path):
    """The start is measured before the first step, and that spoils nothing."""
    folder, sources, _, _ = run
    short = {**RECIPE, "epochs": 1, "weights": str(folder / "model.weights.h5")}
    train(Recipe.from_dict(short), tmp_path / "run", sources=sources)
    start = json.loads((tmp_path / "run/run.json").read_text())["start"]
    found = evaluate(str(folder), sources["validation"], batch_size=4)
    assert start["val_mean_iou"] == pytest.approx(found.headline, abs=1e-5)
    assert found.headline > 0.8
    with open(tmp_path / "run/log.csv", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert float(row["val_loss"]) < 3 * start["val_loss"]


def test_the_figure_stands_beside_what_is_to_be_beaten(run):
    folder, _, result, _ = run
    figures = result["figures"]
    assert figures["miou"] == pytest.approx(100 * result["test_mean_iou"], abs=1e-4)
    assert 0 < figures["constant"] < figures["miou"]
    assert set(figures["iou"]) == set(CLASSES)
    assert (folder / "confusion.png").is_file()


def test_measured_again_it_is_the_same(run):
    folder, sources, result, _ = run
    found = evaluate(str(folder), sources["test"])
    assert found.headline == pytest.approx(result["test_mean_iou"], abs=1e-5)
    assert set(found.iou) == set(CLASSES)
    assert found.miou > found.constant + 5  # it says more than one class everywhere


def test_it_finds_what_it_has_learned(run, tmp_path):
    folder, _, _, data = run
    segments = kerazoo.predict(str(folder), data / "images/p0.png")
    assert segments.names == tuple(CLASSES)
    truth = np.asarray(Image.open(data / "masks/p0.png"))
    assert segments.mask.shape == truth.shape
    assert set(segments.areas) == set(CLASSES)
    bright = truth[(segments.mask == 1) & (truth != 255)]
    assert bright.mean() > 2 * (truth == 1).mean()  # where it says so, not anywhere
    segments.save(tmp_path / "overlay.png")
    segments.save_mask(tmp_path / "mask.png")
    np.testing.assert_array_equal(Image.open(tmp_path / "mask.png"), segments.mask)
    with Image.open(tmp_path / "overlay.png") as drawn:
        assert drawn.size > (48, 40)
