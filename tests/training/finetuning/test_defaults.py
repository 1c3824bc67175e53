"""Fine-tuning where nobody says how: the probe on stored features, the table, what is kept."""

import dataclasses
import importlib.util
import json
import re
import shutil

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo._locks import holding
from kerazoo.cli import main
from kerazoo.data.arrays import array_source
from kerazoo.data.classes import with_classes
from kerazoo.data.folder import folder_source
from kerazoo.deploy.exporting.record import describe
from kerazoo.open import open_model
from kerazoo.pictures import PictureError
from kerazoo.tasks import get_task
from kerazoo.training import finetune, load_trained
from kerazoo.training.callbacks import Watch
from kerazoo.training.finetuning import plan, size
from kerazoo.training.finetuning.judgement import best_of, judge
from kerazoo.training.finetuning.size import choose_size
from kerazoo.training.finetuning.splits import choose_splits, is_held_out
from kerazoo.training.fit import legs
from kerazoo.training.recipe import load_recipe
from kerazoo.training.recipe_sections import WITH_HELD_OUT
from kerazoo.training.state import Position
from tests import ROOT
from tests.training.finetuning.test_finetune import (  # noqa: F401
    COLOURS,
    changed,
    paint,
    start,
    weights,
)

pytestmark = pytest.mark.usefixtures("tiny_net")

MONITOR = get_task("classification").monitor


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with train/ and test/; the latter lacks a class."""
    folder = tmp_path_factory.mktemp("data")
    paint(folder / "train", 4)
    paint(folder / "test", 2, seed=1)
    shutil.rmtree(folder / "test" / "green pear")
    return folder


@pytest.fixture(scope="module")
def run(data, start, tmp_path_factory):  # noqa: F811
    """The folder and result of a run with defaults alone."""
    output = tmp_path_factory.mktemp("runs") / "run"
    return output, finetune(start, data, output, size=32)


def test_the_probe_is_fitted_to_stored_features(run, start):  # noqa: F811
    output, result = run
    # Twelve pictures are too few for all layers, and for a batch of 32.
    record = json.loads((output / "run.json").read_text())
    assert [*record["finetune"]["phases"]] == ["1_probe"]
    assert record["finetune"]["phases"]["1_probe"]["transfer"]["head"] == WITH_HELD_OUT
    assert record["finetune"]["phases"]["1_probe"]["batch_size"] == 9
    assert record["data"]["train"]["count"] == 9
    assert record["data"]["validation"]["count"] == 3
    assert result["kept"] == "1_probe"
    assert result["phases"] == {"1_probe": result["accuracy"]}
    (line,) = (output / "1_probe/log.csv").read_text().splitlines()[1:]
    assert len(line.split(",")) == 7
    before, after = open_model(start), load_trained(output / "1_probe")
    assert changed(before, after) == {"predictions/kernel", "predictions/bias"}


def test_the_last_weights_know_the_held_out_pictures_too(run):
    output, _ = run
    judged, kept = (weights(output / f"1_probe/{n}.weights.h5") for n in ("best", "model"))
    different = {name for name in kept if (kept[name] != judged[name]).any()}
    assert len(different) == 2  # kernel and bias
    stored = weights(output / "model.keras")
    assert all((stored[name] == kept[name]).all() for name in kept)


def test_a_test_split_may_lack_classes(run, data):
    output, result = run
    assert (result["pictures"], result["classes"]) == (4, 3)
    source = with_classes(folder_source(data, "test"), list(COLOURS))
    found = kerazoo.evaluate(open_model(output / "model.keras"), source)
    assert result["accuracy"] == pytest.approx(found.top1 / 100)
    assert [int(label) for _, label in source.pictures] == [
        list(COLOURS).index(path.split("/")[-2]) for path in source.files
    ]
    assert source.fetch(0)[1] in (0, 2)


def test_unknown_classes_are_refused_by_name(data, start, tmp_path, capsys):  # noqa: F811
    folder = tmp_path / "data"
    shutil.copytree(data, folder)
    (folder / "test/red apple").rename(folder / "test/red cherry")
    words = ["finetune", str(start), "--data", str(folder), "--output", str(tmp_path / "run")]
    assert main([*words, "--size", "32"]) == 2
    assert "'red cherry' is none of them" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_confidence_travels_with_the_network(run):
    output, result = run
    model = open_model(output / "model.keras")
    assert len(model.info.confidence.thresholds) == 3
    assert result["confidence"] == model.info.confidence.to_dict()
    assert describe(model, None, None, format="keras", precision="float32", target=None).confidence
    published = open_model(output)  # model.safetensors with config.json
    assert published.info.confidence == model.info.confidence
    headless = open_model(output, include_top=False)
    assert headless.info.confidence is None


def test_a_damaged_picture_is_left_out_of_the_features_and_told(data, start, tmp_path, capsys):  # noqa: F811
    pictures, output = shutil.copytree(data, tmp_path / "data"), tmp_path / "run"
    for split in ("train", "test"):
        path = sorted((pictures / split).rglob("*.png"))[0]
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    words = [str(each) for each in ("finetune", start, "--data", pictures, "--output", output)]
    with holding(output):
        assert main(words) == 2
    assert "no other process is writing to" in capsys.readouterr().err
    assert main(words) == 1
    run = json.loads((output / "run.json").read_text())
    assert run["result"]["skipped_pictures"] == 2
    assert run["result"]["pictures"] == 3  # of four
    (skipped,) = json.loads((output / "1_probe/run.json").read_text())["skipped_pictures"]
    assert skipped.endswith(".png")
    told = capsys.readouterr().err
    assert re.search(r"Skipped .*0\.png: \w.*PNG", told), told
    assert main(words) == 1  # of a run that has ended as well
    with pytest.raises(PictureError, match=r"0\.png"):
        finetune(start, pictures, tmp_path / "no", changes={"data.on_corrupt": "fail"})


def test_too_large_batches_leave_nothing(data, start, tmp_path):  # noqa: F811
    with pytest.raises(ValueError, match="`batch_size` must be at most the number of pictures, 9"):
        finetune(start, data, tmp_path / "run", size=32, batch_size=36)
    assert not (tmp_path / "run").exists()


def test_a_head_of_more_than_a_layer_learns_in_steps():
    frozen = {"transfer.freeze": "backbone", "transfer.head": "features"}
    assert load_recipe("mixnet_s_cifar10", frozen).transfer.head == "features"
    with pytest.raises(ValueError, match=r"`transfer.head` must be 'steps' where more than"):
        load_recipe("mixnet_s_cifar10", {"transfer.head": "features"})


def test_the_table():
    assert [row.pictures for row in plan.TABLE] == sorted(row.pictures for row in plan.TABLE)
    assert plan.row_for(500) is plan.TABLE[0]
    assert plan.row_for(501) is plan.TABLE[1]
    assert plan.row_for(10**9) is plan.TABLE[-1]
    assert plan.unfreeze_epochs(222, 37) == 0  # six of a class
    assert plan.unfreeze_epochs(1000, 10) == plan.TABLE[1].epochs
    assert plan.batch_size(20) == 20
    assert plan.batch_size(2000) == 32
    for row in plan.TABLE:  # each makes a recipe
        count = int(min(row.pictures, 1e9))
        recipe = load_recipe({"model": "mixnet_s", **plan.unfrozen(count, row.epochs)})
        assert recipe.optimizer.learning_rate == row.rate
    assert plan.unfrozen(100, 1)["optimizer"]["warmup_epochs"] < 1


def test_the_table_in_the_docs_is_that_in_the_code():
    text = (ROOT / "docs/training.md").read_text()
    for row in plan.TABLE:
        cells = dataclasses.astuple(row)
        if row.pictures == float("inf"):
            cells = ("more", *cells[1:])
        assert f"| {' | '.join(map(str, cells))} |" in text


class TestSize:
    def pictures(self, side, count=20):
        shape = (count, side, side, 3)
        return array_source(np.zeros(shape, "uint8"), np.arange(count) % 2, 2)

    def test_large_pictures_take_the_weights_own(self):
        assert choose_size(224, 300_000_000, self.pictures(256), 12) == 224
        assert choose_size(384, 300_000_000, self.pictures(360), 12) == 384
        assert choose_size(224, 300_000_000, self.pictures(161), 12) == 224

    def test_small_ones_are_enlarged_within_the_budget(self, monkeypatch, capsys):
        source = self.pictures(32)
        assert choose_size(224, 300_000_000, source, 12) == 160
        words = "pictures of 32 pixels are enlarged to 160: 1.1e+11 multiply-adds in all, of a"
        assert capsys.readouterr().out.startswith(words)
        assert choose_size(128, 300_000_000, source, 12) == 128
        assert choose_size(224, 300_000_000, self.pictures(20), 12) == 96
        # A look at 160 pixels takes 153 million, a step three times that.
        cost = source.count * 37 * 300_000_000 * (160 / 224) ** 2
        monkeypatch.setattr(size, "BUDGET", cost)
        assert choose_size(224, 300_000_000, source, 12) == 160
        monkeypatch.setattr(size, "BUDGET", cost / 1.01)
        assert choose_size(224, 300_000_000, source, 12) == 128
        monkeypatch.setattr(size, "BUDGET", 1)
        assert choose_size(224, 300_000_000, source, 12) == 96
        assert choose_size(224, 300_000_000, self.pictures(120), 12) == 128  # not made smaller
        assert choose_size(128, 300_000_000, self.pictures(120), 12) == 128
        assert choose_size(112, 300_000_000, self.pictures(100), 12) == 100

    def test_of_files_some_are_looked_at(self, data):
        assert size.native_side(folder_source(data, "train")) == 40


def test_the_better_phase_is_kept_and_of_equals_the_probe(tmp_path):
    def log(name, *rows):
        lines = [f"{i},{accuracy},{loss}" for i, (accuracy, loss) in enumerate(rows)]
        path = tmp_path / name
        path.write_text("\n".join(["epoch,val_accuracy,val_loss", *lines]))
        return path

    probe = judge("probe", log("a.csv", (0.8, 0.5)), MONITOR, last=False)
    rows = (0.7, 0.1), (0.8, 0.9), (0.8, 0.4), (0.6, 0.2)
    level = judge("all", log("b.csv", *rows), MONITOR, last=False)
    assert (level.figure, level.loss) == (0.8, 0.4)
    assert judge("all", log("c.csv", *rows), MONITOR, last=True).figure == 0.6
    assert best_of([probe, level]) is probe
    thirds = [judge("a", log("e.csv", (f, 1.0)), MONITOR, last=True) for f in (1 / 3, 0.33333334)]
    assert best_of(thirds) is thirds[0]
    better = judge("all", log("d.csv", (0.9, 3.0)), MONITOR, last=False)
    assert best_of([probe, better]) is better
    begun = {"val_accuracy": 0.85, "val_loss": 0.7}
    kept = judge("all", log("f.csv", *rows), MONITOR, last=False, start=begun)
    assert (kept.figure, kept.epoch, level.epoch) == (0.85, 0, 3)
    assert judge("all", log("f.csv", *rows), MONITOR, last=True, start=begun).figure == 0.6
    least = judge("all", log("g.csv", (0.9, 0.6), (0.7, 0.5)), MONITOR, last=False, by_loss=True)
    assert (least.figure, least.epoch) == (0.7, 2)


def test_training_ends_when_it_waits_too_long():
    watch = Watch(MONITOR, Position(), patience=2)
    watch.set_model(keras.Sequential())
    stopped = []
    for figure, loss in ((0.5, 1.0), (0.5, 0.9), (0.4, 0.1), (0.5, 0.9)):
        watch.on_epoch_end(0, {"val_accuracy": figure, "val_loss": loss})
        stopped.append(watch.is_over)
    assert stopped == [False, False, False, True]
    assert watch.model.stop_training
    assert (watch.best, watch.best_loss, watch.waited) == (0.5, 0.9, 2)
    # By the loss, where the figure of few pictures goes up and down.
    watch = Watch(MONITOR, Position(), patience=2, by_loss=True)
    watch.set_model(keras.Sequential())
    for figure, loss in ((0.5, 1.0), (0.4, 0.9), (0.6, 0.95), (0.3, 0.8), (0.9, 0.85)):
        watch.on_epoch_end(0, {"val_accuracy": figure, "val_loss": loss})
    assert (watch.best, watch.best_loss, watch.waited) == (0.3, 0.8, 1)
    recipe = load_recipe("mixnet_s_cifar10", {"epochs": 9, "patience": 2, "resolution": []})
    assert legs(recipe, Position(4, waited=2)) == []
    assert [leg.first for leg in legs(recipe, Position(4, waited=1))] == [4]


class TestHeldOut:
    def test_a_share_of_every_class(self, data):
        record = choose_splits(data)
        assert record["fractions"] == {"train": 0.8, "validation": 0.2}  # of four, a tenth is none
        assert is_held_out(record, None)
        assert not is_held_out({"train": "train", "validation": "val", "test": "test"}, None)
        assert not is_held_out({**record, "test": "validation"}, None)
        assert not is_held_out({"train": "a", "validation": "a[:9]", "test": "t"}, "a[:9]")

    def test_parts_that_the_data_have_already(self, data):
        with pytest.raises(ValueError, match="`fractions` must be parts of a split 'train' that"):
            folder_source(data, "train", fractions={"train": 0.5, "test": 0.5})
        whole = folder_source(data, "test", fractions={"train": 0.5, "half": 0.5})
        assert whole.count == 4

    def test_a_csv_file(self, data, tmp_path):
        lines = ["path,label,split"]
        for split in ("train", "test"):
            lines += [f"{f},{f.split('/')[-2]},{split}" for f in folder_source(data, split).files]
        table = tmp_path / "fruit.csv"
        table.write_text("\n".join(lines))
        record = choose_splits(table)
        assert record["fractions"] == {"train": 0.8, "validation": 0.2}
        source = kerazoo.data.csv_source(table, "validation", fractions=record["fractions"])
        assert source.count == 3


def test_a_whole_file_of_another_kind_is_named(tmp_path, capsys):
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    other.save(tmp_path / "other.h5")
    words = ["finetune", str(tmp_path / "other.h5"), "--data", str(tmp_path), "--output", "x"]
    assert main(words) == 2
    assert "a `.h5` file that holds a network of kerazoo: this one holds" in capsys.readouterr().err


def test_without_matplotlib_the_figures_are_left_out(run, data, start, tmp_path, monkeypatch):  # noqa: F811
    output, _ = run
    copy = tmp_path / "run"
    shutil.copytree(output, copy)
    record = json.loads((copy / "run.json").read_text())
    begun = {key: record[key] for key in ("kerazoo", "command", "finetune")}
    (copy / "run.json").write_text(json.dumps(begun))
    for name in ("confusion.png", "mistakes.png"):  # one epoch has no curves
        (copy / name).unlink()
    find = importlib.util.find_spec
    missing = {"matplotlib"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n in missing else find(n))
    monkeypatch.setattr("kerazoo.report.curves.can_draw", lambda: False)
    assert finetune(start, data, copy, size=32) == record["result"]
    assert not (copy / "confusion.png").exists()
