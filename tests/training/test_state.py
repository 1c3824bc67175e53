"""What makes a run whole again: files in one move, the state, the log, the legs that are left."""

import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from kerazoo._files import write_file, write_json
from kerazoo.report.curves import draw_curves
from kerazoo.tasks import get_task
from kerazoo.training.callbacks import Averages, KeepBest, Watch, trim_log
from kerazoo.training.fit import Leg, legs
from kerazoo.training.recipe import load_recipe
from kerazoo.training.state import Position, load_state, save_state

MONITOR = get_task("classification").monitor


def network(units=2):
    keras.utils.set_random_seed(1)
    inputs = keras.Input((3,))
    x = keras.layers.Dropout(0.5)(keras.layers.Dense(units, name="dense")(inputs))
    model = keras.Model(inputs, x)
    optimizer = keras.optimizers.SGD(0.1, 0.9, use_ema=True)
    model.compile(optimizer, "mse", jit_compile=False)
    return model


def test_a_state_comes_back_with_momentum_average_and_random_state(tmp_path):
    path, model = tmp_path / "backup" / "state.npz", network()
    x, y = np.ones((4, 3), "float32"), np.zeros((4, 2), "float32")
    model.fit(x, y, epochs=3, verbose=0)
    position = Position(2, 5, {"loss": 0.5}, 0.25)
    save_state(model, path, position)
    kept = [keras.ops.convert_to_numpy(v) for v in (*model.variables, *model.optimizer.variables)]
    model.fit(x, y, epochs=1, verbose=0)
    fresh = network()
    for target in (model, fresh):
        assert load_state(target, path) == position
        found = [
            keras.ops.convert_to_numpy(v) for v in (*target.variables, *target.optimizer.variables)
        ]
        for a, b in zip(found, kept, strict=True):
            np.testing.assert_array_equal(a, b)
    assert int(fresh.optimizer.iterations) == 3
    with pytest.raises(ValueError, match="`backup` must be the backup of a run"):
        load_state(network(units=4), path)
    assert load_state(fresh, tmp_path / "none.npz") == Position()


def test_the_best_weights_are_the_average_which_the_model_has_but_meanwhile(tmp_path):
    model = network()
    model.run_eagerly = True
    for _ in range(3):
        model.train_on_batch(np.ones((4, 3), "float32"), np.zeros((4, 2), "float32"))
    own = {v.path: v.numpy() for v in model.trainable_variables}
    averages = model.optimizer._model_variables_moving_average
    mean = {path: v.numpy() for path, v in zip(own, averages, strict=True)}
    lender = Averages()
    best = KeepBest(tmp_path / "best.weights.h5", Watch(MONITOR, Position()), lender)
    for callback in (lender, best):
        callback.set_model(model)
    best.on_epoch_end(0)
    kept = network()
    kept.optimizer = None  # of which the file has nothing
    kept.load_weights(tmp_path / "best.weights.h5")
    for stored, variable in zip(kept.trainable_variables, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(stored.numpy(), mean[variable.path])
        np.testing.assert_array_equal(variable.numpy(), own[variable.path])
    assert any((own[path] != mean[path]).any() for path in own)


def test_a_kill_while_writing_leaves_the_file_before(tmp_path):
    path = tmp_path / "state.json"
    write_json(path, {"epoch": 1})
    program = f"""
import os, signal
from pathlib import Path
from kerazoo._files import write_file
def half(partial):
    partial.write_text('{{"epo')
    os.kill(os.getpid(), signal.SIGKILL)
write_file(Path({str(path)!r}), half)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == '{\n "epoch": 1\n}\n'
    write_json(path, {"epoch": 2})  # what the killed one left behind is in nobody's way
    assert [p.name for p in tmp_path.iterdir()] == ["state.json"]


def test_an_error_while_writing_leaves_nothing(tmp_path):
    def fail(partial):
        partial.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_file(tmp_path / "x.txt", fail)
    assert not list(tmp_path.iterdir())


def test_a_log_forgets_what_is_done_again(tmp_path):
    path = tmp_path / "log.csv"
    trim_log(path, 0)  # none yet
    path.write_text("epoch,loss\n0,3.0\n1,2.0\n2,1.0\n3,")
    trim_log(path, 2)
    assert path.read_text() == "epoch,loss\n0,3.0\n1,2.0\n"
    before = path.stat().st_mtime_ns
    trim_log(path, 2)
    assert path.stat().st_mtime_ns == before


def test_legs():
    """One for each size of pictures, and one for the rest of a broken epoch."""
    recipe = load_recipe({"model": "m", "epochs": 10, "resolution": [[0.4, 20], [7, 26]]})
    assert recipe.stages() == [(4, 20), (7, 26), (10, None)]
    whole = [Leg(0, 4, 0, 20), Leg(4, 7, 0, 26), Leg(7, 10, 0, None)]
    assert legs(recipe, Position()) == whole
    assert legs(recipe, Position(4)) == whole[1:]
    assert legs(recipe, Position(5, 3)) == [Leg(5, 6, 3, 26), Leg(6, 7, 0, 26), whole[2]]
    assert legs(recipe, Position(3, 1)) == [Leg(3, 4, 1, 20), *whole[1:]]
    assert legs(recipe, Position(9, 2)) == [Leg(9, 10, 2, None)]
    assert legs(recipe, Position(10)) == []


def test_curves_of_old_and_new_logs(tmp_path):
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    old.write_text("epoch,accuracy,loss,val_accuracy,val_loss\n0,0.1,2.0,0.2,1.9\n")
    new.write_text(
        "epoch,accuracy,learning_rate,loss,val_accuracy\n0,0.3,0.1,2.0,0.2\n1,0.4,0.1,1.8,0.3\n"
    )
    from PIL import Image

    sizes = {}
    for name, logs in {"new": new, "both": [old, new]}.items():
        assert draw_curves(logs, tmp_path / f"{name}.png", MONITOR)
        with Image.open(tmp_path / f"{name}.png") as drawn:
            sizes[name] = drawn.size
    # The rate has a panel of its own where all runs have logged it.
    assert sizes["new"][0] == pytest.approx(1.5 * sizes["both"][0], rel=0.01)
    assert not draw_curves(old, tmp_path / "empty.png", MONITOR)  # one epoch is no curve
    (tmp_path / "empty.csv").write_text("")
    assert not draw_curves(tmp_path / "empty.csv", tmp_path / "empty.png", MONITOR)
    assert not (tmp_path / "empty.png").exists()
