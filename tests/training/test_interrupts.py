"""Ctrl-C ends a run behind a step whose state is saved; reports say how far a run is."""

import os
import signal
import threading
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from kerazoo.cli import main
from kerazoo.report.curves import draw_curves
from kerazoo.tasks import get_task
from kerazoo.training.callbacks import Backup, Bookkeeping, StopOnNaN, Watch
from kerazoo.training.interrupts import Interrupted, StopWhenAsked, asked_to_stop
from kerazoo.training.reports import Report, phase_of
from kerazoo.training.state import Position, load_state, read_position

STEPS, EPOCHS = 4, 3
MONITOR = get_task("classification").monitor


def fit(folder, start=None, *, press=()):
    """A run of a tiny network, in which Ctrl-C is pressed in some steps of the second epoch."""
    start = start or Position()
    keras.utils.set_random_seed(0)
    layers = [keras.Input((2,)), keras.layers.Dense(2, activation="softmax")]
    model = keras.Sequential(layers)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = np.random.default_rng(0).normal(size=(STEPS, 2)), np.arange(STEPS) % 2
    model.optimizer.build(model.trainable_variables)
    load_state(model, folder / "state.npz")
    guard, books = StopOnNaN(), Bookkeeping(lambda step: np.float32(0.1), STEPS, start)
    watch = Watch(MONITOR, start, None)
    backup = Backup(folder / "state.npz", STEPS, None, books, watch, guard, saved=lambda at: None)

    class Press(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_begin(self, batch, logs=None):
            if self.epoch == 1 and batch in press:
                os.kill(os.getpid(), signal.SIGINT)

    with asked_to_stop() as asked:
        report = Report(EPOCHS, STEPS, False, books, MONITOR, "probe", start)
        model.fit(
            *(x, y),
            batch_size=1,
            steps_per_epoch=STEPS - start.step,
            initial_epoch=start.epoch,
            epochs=EPOCHS if not start.step else start.epoch + 1,
            validation_data=(x, y),
            callbacks=[
                *(Press(), guard, books, watch, backup, report),
                StopWhenAsked(asked, backup, EPOCHS),
            ],
            verbose=0,
            shuffle=False,
        )


def test_the_present_step_is_finished_and_saved(tmp_path, capsys):
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted, match="stopped at step 2 of 4 of epoch 2/3, which is saved"):
        fit(tmp_path, press=[1])
    assert signal.getsignal(signal.SIGINT) is handler
    out, err = capsys.readouterr()
    assert "stopping after this step" in err
    position = read_position(tmp_path / "state.npz")
    assert (position.epoch, position.step) == (1, 2)
    assert position.logs["loss"] > 0
    fit(tmp_path, position)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "probe: going on at step 2 of 4 of epoch 2/3"
    assert lines[1].startswith("probe: epoch 2/3  loss ")
    assert out.startswith("probe: epoch 1/3  loss ")


def test_lines_say_how_long_all_epochs_take(tmp_path, monkeypatch, capsys):
    """By the pace after the first step, which builds the graph: two seconds a step here."""
    times = iter([60.0, 62.0, 64.0])
    monkeypatch.setattr("kerazoo.training.reports.time.monotonic", lambda: next(times))
    report = Report(EPOCHS, STEPS, None, SimpleNamespace(done_before=0), MONITOR)
    told = []

    bar = SimpleNamespace(at=lambda done, note: told.append(note))
    monkeypatch.setattr("kerazoo.training.reports.Progress", lambda *_, **__: bar)
    report.on_epoch_begin(0)
    for step in range(3):
        report.on_train_batch_end(step, {"loss": 1.0})
    left = [EPOCHS * STEPS - done for done in (2, 3)]
    assert told == ["", *(f"0:00:{2 * steps} to go in all" for steps in left)]


def test_in_the_last_step_the_epoch_is_finished(tmp_path, capsys):
    with pytest.raises(Interrupted, match="stopped after epoch 2/3, which is saved"):
        fit(tmp_path, press=[STEPS - 1])
    assert read_position(tmp_path / "state.npz").epoch == 2
    assert capsys.readouterr().out.count("probe: epoch") == 2


def test_the_second_time_it_ends_at_once(tmp_path):
    with asked_to_stop() as asked:
        os.kill(os.getpid(), signal.SIGINT)
        assert asked()
        with pytest.raises(KeyboardInterrupt) as raised:
            os.kill(os.getpid(), signal.SIGINT)
        assert not isinstance(raised.value, Interrupted)


def test_other_threads_leave_signals_alone():
    found = []

    def run():
        with asked_to_stop() as asked:
            found.append(asked())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [False]


def test_the_command_that_goes_on_is_printed(monkeypatch, capsys):
    def stop(args):
        raise Interrupted("stopped at step 2 of 4 of epoch 2/3, which is saved")

    monkeypatch.setattr("kerazoo.cli.train.run", stop)
    assert main(["train", "a recipe.toml", "--output", "runs/a"]) == 130
    assert capsys.readouterr().err == (
        "kerazoo: stopped at step 2 of 4 of epoch 2/3, which is saved; go on with: "
        "kerazoo train 'a recipe.toml' --output runs/a\n"
    )


def test_phases_are_named(tmp_path, monkeypatch):
    assert phase_of(Path("runs/pets/1_probe")) == "probe"
    assert phase_of(Path("runs/pets")) == phase_of(Path("runs/1_2")) == ""
    drawn, logs = [], []
    for name, epochs in (("1_probe", 2), ("2_unfrozen", 3)):
        (tmp_path / name).mkdir()
        rows = [f"{i},1.0,0.5,0.5" for i in range(epochs)]
        logs.append(tmp_path / name / "log.csv")
        logs[-1].write_text("\n".join(["epoch,loss,accuracy,val_accuracy", *rows]))
    monkeypatch.setattr("kerazoo.report.curves.save_figure", lambda figure, _: drawn.append(figure))
    assert draw_curves(logs, tmp_path / "curves.png", MONITOR)
    assert draw_curves(logs[:1], tmp_path / "curves.png", MONITOR)
    both, alone = (figure.axes[0] for figure in drawn)
    assert [(text.get_text(), text.xy[0]) for text in both.texts] == [
        ("probe", 0.6),
        ("unfrozen", 2.6),
    ]
    assert len(alone.texts) == 0
