"""What training asks the task, and what a run finds out before anything is built."""

import json
import shutil
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.data.arrays import array_source
from kerazoo.data.source import Source
from kerazoo.report.curves import draw_curves
from kerazoo.tasks import get_task
from kerazoo.tasks.description import Figure
from kerazoo.training import run as running
from kerazoo.training.callbacks import KeepBest, Watch
from kerazoo.training.inputs import load_inputs, open_inputs, recipe_task
from kerazoo.training.recipe import load_recipe
from kerazoo.training.recipe_sections import Transfer
from kerazoo.training.reports import Expect, Report
from kerazoo.training.run import Run, train
from kerazoo.training.state import Position
from kerazoo.training.trained import load_trained
from kerazoo.training.transfer.layers import head, prepare
from tests import ROOT
from tests.tiny import NAME

pytestmark = pytest.mark.usefixtures("tiny_net")

ERROR = Figure("mean_error", "error", "error", percent=False, higher_is_better=False)
SMALL = {"batch_size": 4, "epochs": 1, "optimizer.warmup_epochs": 0}


def pictures(count=12, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (count, 32, 32, 3), "uint8")
    return array_source(x, np.arange(count) % classes, classes)


def recipe(**changes):
    return load_recipe("mixnet_s_cifar10", {**SMALL, "model": NAME, **changes})


def sources(**other):
    return {"train": pictures(), "test": pictures(6, seed=1), **other}


def test_the_task_is_that_of_the_model_unless_the_recipe_says_another():
    assert recipe().task is None
    assert recipe_task(recipe()).name == "classification"
    assert recipe_task(recipe(model="espnet")).name == "segmentation"
    assert recipe_task(recipe(task="segmentation")).name == "segmentation"
    with pytest.raises(ValueError, match="Did you mean 'segmentation'"):
        recipe(task="segmentatoin")
    with pytest.raises(ValueError, match="`data` must be a data set for segmentation"):
        open_inputs(recipe(task="segmentation"), sources=sources())


def test_targets_are_checked_by_the_task():
    found = sources()
    labels = np.array([0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0])
    rows = zip(np.zeros((12, 32, 32, 3), "uint8"), labels, strict=True)
    found["train"] = array_source(*map(np.stack, zip(*rows, strict=True)), 2)
    # What `array_source` refuses itself: a class without a picture.
    found = {
        name: Source(**{**vars(each), "classes": ("a", "b", "c")}) for name, each in found.items()
    }
    with pytest.raises(ValueError, match="pictures of every class; none of 'c'"):
        load_inputs(recipe(), open_inputs(recipe(), sources=found))


@pytest.mark.parametrize(
    ("monitor", "values", "kept"),
    [(get_task("classification").monitor, [0.1, 0.3, 0.2], 1), (ERROR, [3.0, 2.0, 2.5], 1)],
)
def test_the_best_epoch_is_best_in_the_monitors_sense(monitor, values, kept, tmp_path):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, name="d")])
    watch = Watch(monitor, Position())
    best = KeepBest(tmp_path / "best.weights.h5", watch, None)
    watch.set_model(model)
    best.set_model(model)
    for epoch, value in enumerate(values):
        model.layers[0].set_weights([np.array([[float(epoch)]])])
        for each in (watch, best):
            each.on_epoch_end(epoch, {f"val_{monitor.name}": value, "val_loss": 1.0})
    assert watch.best == values[kept]
    assert watch.waited == len(values) - 1 - kept
    model.load_weights(tmp_path / "best.weights.h5")
    assert model.layers[0].get_weights()[0].tolist() == [[float(kept)]]


def test_a_line_an_epoch_in_the_monitors_words(capsys):
    logs = {"loss": 1.5, "learning_rate": 0.1, "seconds": 2.0}
    Report(9, 1, False, None, get_task("classification").monitor).on_epoch_end(
        0, {**logs, "accuracy": 0.5, "val_accuracy": 0.25}
    )
    Report(9, 1, False, None, ERROR).on_epoch_end(
        0, {**logs, "mean_error": 3.5, "val_mean_error": 4.25}
    )
    lines = capsys.readouterr().out.splitlines()
    assert "loss 1.5000  accuracy 50.00 %  validation 25.00 %  rate 0.1  2 s" in lines[0]
    assert "mean_error 3.5000  validation 4.2500" in lines[1]


@pytest.mark.parametrize(
    ("seconds", "finished", "told"), [(2.0, 0, 14), (2.0, 5, 7), (0.1, 0, None)]
)
def test_minutes_to_expect(capsys, monkeypatch, seconds, finished, told):
    """10 epochs of 40 steps, and 24 pictures that are looked at after each: as two steps more."""
    clock = iter([100.0 + seconds * step for step in (0, 3)])
    monkeypatch.setattr("kerazoo.training.reports.time.monotonic", lambda: next(clock))
    recipe = SimpleNamespace(epochs=10, batch_size=4, patience=None)
    inputs = SimpleNamespace(steps=40, validation=SimpleNamespace(count=24))
    expect = Expect(recipe, inputs, "all", Position(epoch=finished))
    for step in range(9):
        expect.on_train_batch_end(step)
    out = capsys.readouterr().out
    if told is None:
        assert out == ""
    else:
        left = 10 - finished
        assert out == f"all: about {told} minutes to expect for {left} epochs of 40 steps\n"


def test_curves_of_another_monitor(tmp_path, monkeypatch):
    (tmp_path / "log.csv").write_text(
        "epoch,loss,mean_error,val_mean_error\n0,1.0,3.5,4.25\n1,1.0,3.0,4.0\n"
    )
    drawn = []
    monkeypatch.setattr("kerazoo.report.curves.save_figure", lambda figure, _: drawn.append(figure))
    assert draw_curves(tmp_path / "log.csv", tmp_path / "curves.png", ERROR)
    axes = drawn[0].axes[1]
    assert axes.get_title() == "mean error"
    assert [line.get_ydata()[0] for line in axes.lines] == [3.5, 4.25]


def test_a_probe_trains_the_head():
    shape = {"weights": None, "input_shape": (64, 64, 3), "classes": 4}
    wide = kerazoo.create_model("mobilenet_v3_small", **shape)
    assert [layer.name for layer in head(wide)] == ["predictions"]
    espnet = kerazoo.create_model("espnet", **{**shape, "input_shape": (64, 64, 3)})
    prepare(espnet, Transfer(freeze="backbone"))
    learning = {layer.name.partition("_")[0] for layer in espnet.layers if layer.trainable_weights}
    assert learning == {"decoder", "predictions"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """That of a run of one epoch."""
    output = tmp_path_factory.mktemp("run") / "run"
    train(recipe(), output, sources=sources(), progress=False)
    return output


class TestRun:
    def test_the_folder_is_looked_at_before_anything_is_made(self, folder, monkeypatch):
        """Neither the teacher nor pictures in memory are waited for in vain."""

        def too_early(*_, **__):
            raise AssertionError("made before the folder was checked")

        for name in ("build_teacher", "load_inputs", "build_network"):
            monkeypatch.setattr(running, name, too_early)
        teacher = {"distillation.teacher": str(ROOT / "weights/mobilenet_v2_cifar10")}
        with pytest.raises(ValueError, match=r"another recipe: distillation\.teacher = null"):
            train(recipe(**teacher), folder, sources=sources())
        done = json.loads((folder / "result.json").read_text())
        assert train(recipe(), folder, sources=sources()) == done

    def test_start_weights_and_teacher_are_found_once(self, folder, tmp_path, monkeypatch):
        found = []
        for module, name in ((running, "find_teacher"), (running, "start_weights")):
            before = getattr(module, name)
            count = lambda *args, before=before, name=name: found.append(name) or before(*args)  # noqa: E731
            monkeypatch.setattr(module, name, count)
        changes = {"weights": str(folder / "model.weights.h5")}
        changes |= {"distillation.teacher": str(folder)}
        run = Run(recipe(**changes), tmp_path, sources=sources())
        run.open()
        run.load()
        run.build()
        assert sorted(found) == ["find_teacher", "start_weights"]
        trained = load_trained(folder)
        for ours, theirs in zip(run.model.weights, trained.weights, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        facts = run.facts()
        assert facts["weights"]["sha256"] == facts["teacher"]["sha256"]

    def test_a_teacher_of_other_classes_is_refused(self, folder, tmp_path):
        more = {"train": pictures(12, 4), "test": pictures(8, 4)}
        run = Run(recipe(**{"distillation.teacher": str(folder)}), tmp_path, sources=more)
        run.open()
        with pytest.raises(ValueError, match="for classification of the 4 classes"):
            run.load()

    def test_results_without_the_record_of_their_run_are_not_taken(self, folder, tmp_path):
        other = shutil.copytree(folder, tmp_path / "run")
        (other / "run.json").unlink()
        with pytest.raises(ValueError, match=r"no run\.json beside result\.json"):
            train(recipe(), other, sources=sources())
        with pytest.raises(FileNotFoundError, match=r"run\.json"):
            load_trained(other)

    def test_a_record_without_what_is_now_a_default_is_the_same(self, folder, tmp_path):
        other = shutil.copytree(folder, tmp_path / "run")
        run = json.loads((other / "run.json").read_text())
        assert run["preprocessing"].pop("fit") == "crop"
        del run["recipe"]["task"]
        (other / "run.json").write_text(json.dumps(run))
        assert Run(recipe(), other, sources=sources()).open() is None
        run["preprocessing"]["mean"] = [0.1, 0.1, 0.1]
        (other / "run.json").write_text(json.dumps(run))
        with pytest.raises(ValueError, match="other preprocessing"):
            Run(recipe(), other, sources=sources()).open()
