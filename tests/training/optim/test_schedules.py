"""The schedules follow their sources, per epoch and per step, in graphs and after reloading."""

import json
import sys

import keras
import numpy as np
import pytest
from keras import ops

from kerazoo.training.optim.schedules import (
    MILESTONES,
    CyclicWarmRestarts,
    cosine_restarts,
    epoch_callback,
    make_schedule,
    plot_schedule,
)


def rates(schedule, steps):
    return np.array([float(schedule(step)) for step in steps])


# What github.com/sacmehta/ESPNetv2's own scheduler gave for 300 epochs, rounded to 5 decimals.
# fmt: off
ORIGINAL = {
    0: 0.1, 1: 0.5, 2: 0.4, 3: 0.3, 4: 0.2, 5: 0.1, 6: 0.5, 7: 0.4,
    49: 0.2, 50: 0.1, 51: 0.25, 52: 0.2, 55: 0.05, 56: 0.25, 100: 0.05, 101: 0.125,
    130: 0.025, 131: 0.0625, 161: 0.03125, 191: 0.01562, 195: 0.00313, 221: 0.00781,
    251: 0.00391, 281: 0.00195, 282: 0.00156, 299: 0.00078,
}
# fmt: on


def test_cyclic_is_that_of_the_original_code():
    found = rates(CyclicWarmRestarts(), ORIGINAL)
    np.testing.assert_allclose(found, list(ORIGINAL.values()), atol=6e-6)


def test_cyclic_is_the_papers_without_the_first_epoch_rule():
    schedule = CyclicWarmRestarts(gentle_start=False)
    epochs = np.arange(300)
    halvings = sum((epochs >= m).astype(int) for m in MILESTONES)
    expected = (0.5 - epochs % 5 * 0.1) * 0.5**halvings
    np.testing.assert_allclose(rates(schedule, epochs), expected, rtol=1e-5)


def test_per_step_is_per_epoch_held_for_an_epoch():
    epoch, step = CyclicWarmRestarts(), CyclicWarmRestarts(steps_per_epoch=7)
    shown = [0, 6, 7, 13, 14, 41, 42, 7 * 51 - 1, 7 * 51, 7 * 299 + 6]
    np.testing.assert_array_equal(rates(step, shown), rates(epoch, [s // 7 for s in shown]))


def test_continuous_falls_within_the_epoch():
    schedule = CyclicWarmRestarts(
        minimum=0.1, maximum=0.6, cycle=2, milestones=[4], steps_per_epoch=4, continuous=True
    )
    found = rates(schedule, range(4 + 8 + 1))
    np.testing.assert_allclose(found[:4], 0.1, rtol=1e-6)
    np.testing.assert_allclose(found[4:12], 0.6 - 0.025 * np.arange(8), rtol=1e-5)
    assert found[12] == pytest.approx(0.6)
    assert float(schedule(4 + 16)) == pytest.approx(0.3)


def test_late_steps_are_still_told_apart():
    # 2**24 + 1 does not exist in float32.
    schedule = CyclicWarmRestarts(steps_per_epoch=2**24, milestones=[])
    assert float(schedule(2 * 2**24 - 1)) == pytest.approx(0.5)
    assert float(schedule(2 * 2**24)) == pytest.approx(0.4)


def test_cosine_restarts_in_epochs():
    schedule = cosine_restarts(0.2, cycle=10, cycle_growth=2, restart_decay=0.5, steps_per_epoch=3)
    assert isinstance(schedule, keras.optimizers.schedules.CosineDecayRestarts)
    found = rates(schedule, [0, 15, 31, 60])
    # Half way down; just after the restart at half the rate; half way through the longer cycle.
    late = 0.1 * 0.5 * (1 + np.cos(np.pi / 60))
    np.testing.assert_allclose(found, [0.2, 0.1, late, 0.05], rtol=1e-4)
    low = cosine_restarts(0.2, cycle=10, cycle_growth=1, minimum=0.02)
    assert float(low(10 - 1e-4)) == pytest.approx(0.02, rel=1e-3)
    assert float(low(10)) == pytest.approx(0.2)


SOME = [
    CyclicWarmRestarts(0.02, 0.3, 4, [8, 12], 0.1, 3, False, True, "mine"),
    CyclicWarmRestarts(steps_per_epoch=5),
    cosine_restarts(0.2, minimum=0.01, steps_per_epoch=3),
]


@pytest.mark.parametrize("schedule", SOME, ids=lambda s: s.name)
def test_serialisation(schedule):
    optimizer = keras.optimizers.SGD(schedule, momentum=0.9)
    config = json.loads(json.dumps(keras.optimizers.serialize(optimizer)))
    again = keras.optimizers.deserialize(config)._learning_rate
    assert type(again) is type(schedule)
    assert again.get_config() == schedule.get_config()
    np.testing.assert_array_equal(rates(again, range(40)), rates(schedule, range(40)))


def mean_answer(_, y):
    return ops.mean(y)


@pytest.mark.parametrize("steps_per_epoch", [1, 2])
def test_training_takes_the_rate_of_each_step(steps_per_epoch, tmp_path):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    schedule = CyclicWarmRestarts(cycle=2, milestones=[2], steps_per_epoch=steps_per_epoch)
    # With an input of 1 and the mean of outputs as loss, a step moves the weight by the rate.
    model.compile(keras.optimizers.SGD(schedule), mean_answer)
    model.layers[0].kernel.assign([[0.0]])
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(-float(model.layers[0].kernel[0, 0]))

    x = np.ones((2, 1), "float32")
    model.fit(x, x, batch_size=1, epochs=3, verbose=0, callbacks=[Watch()])
    np.testing.assert_allclose(np.diff([0, *seen]), rates(schedule, range(6)), rtol=1e-4)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    assert again.layers[0].kernel.shape == (1, 1)


def test_epoch_callback():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.7), "mse")
    x = np.ones((4, 1), "float32")
    callback = epoch_callback(CyclicWarmRestarts(steps_per_epoch=10), steps_per_epoch=10)
    history = model.fit(x, x, batch_size=2, epochs=4, verbose=0, callbacks=[callback]).history
    np.testing.assert_allclose(history["learning_rate"], [0.1, 0.5, 0.4, 0.3], rtol=1e-6)


def test_inside_a_graph():
    import tensorflow as tf

    schedule = CyclicWarmRestarts(steps_per_epoch=3)
    graph = tf.function(lambda step: schedule(step))
    steps = range(0, 3 * 60, 4)
    found = [float(graph(tf.constant(step, tf.int64))) for step in steps]
    np.testing.assert_allclose(found, rates(schedule, steps), rtol=1e-6)


def test_make_schedule():
    assert make_schedule("cyclic", cycle=4).cycle == 4
    assert make_schedule("cosine_restarts", cycle=4, steps_per_epoch=3).first_decay_steps == 12


@pytest.mark.parametrize(
    ("schedule", "arguments", "message"),
    [
        ("cyclic", {"minimum": 0}, "`minimum` must be a positive number. Received: `minimum=0`"),
        ("cyclic", {"maximum": 0.4}, "`maximum` must be None or at least `cycle * minimum` (0.5)"),
        ("cyclic", {"cycle": 0}, "`cycle` must be a positive integer"),
        ("cyclic", {"cycle": 2.5}, "`cycle` must be a positive integer"),
        ("cyclic", {"steps_per_epoch": 0}, "`steps_per_epoch` must be a positive integer"),
        ("cyclic", {"milestones": [50, 50]}, "`milestones` must be a list of positive integers in"),
        ("cyclic", {"milestones": 50}, "rising order. Received: `milestones=50`"),
        ("cyclic", {"milestones": "50"}, "rising order. Received: `milestones='50'`"),
        ("cyclic", {"decay": 1.5}, "`decay` must be a number above 0 and at most 1"),
        ("cyclic", {"gentle_start": 1}, "`gentle_start` must be True or False"),
        ("cyclic", {"continuous": None}, "`continuous` must be True or False"),
        ("cyclic", {"cycles": 5}, "Unknown `schedule argument`. Did you mean 'cycle'"),
        ("cosine_restarts", {"maximum": -1}, "`maximum` must be a positive number"),
        ("cosine_restarts", {"cycle_growth": 0.5}, "`cycle_growth` must be a number, at least 1"),
        ("cosine_restarts", {"restart_decay": 0}, "`restart_decay` must be a number above 0"),
        ("cosine_restarts", {"minimum": 0.1}, "`minimum` must be a number from 0 to below"),
        ("cosine_restart", {}, "Unknown `schedule`. Did you mean 'cosine_restarts'"),
    ],
)
def test_wrong_arguments(schedule, arguments, message):
    with pytest.raises(ValueError) as error:
        make_schedule(schedule, **arguments)
    assert message in str(error.value)


def test_plot(tmp_path):
    pytest.importorskip("matplotlib", reason="needs Matplotlib")
    from PIL import Image

    path = plot_schedule(CyclicWarmRestarts(), 300, tmp_path / "rate.png")
    picture = np.asarray(Image.open(path).convert("L"))
    assert path == tmp_path / "rate.png"
    assert picture.shape[1] > picture.shape[0] > 200
    assert picture.std() > 5
    assert plot_schedule(SOME[2], 10, str(tmp_path / "rate.svg")).read_text().startswith("<?xml")
    for steps, name, message in (
        (0, "a.png", "`steps` must be a positive integer"),
        (10, "a.jpgg", "Unknown `path`"),
    ):
        with pytest.raises(ValueError, match=message):
            plot_schedule(SOME[0], steps, tmp_path / name)
        assert not (tmp_path / name).exists()
    with pytest.raises(ValueError, match=r"`schedule` must be a `keras.optimizers.schedules"):
        plot_schedule(0.1, 10, tmp_path / "a.png")


def test_plot_without_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'needs Matplotlib: pip install "kerazoo\[plot\]"'):
        plot_schedule(SOME[0], 10, tmp_path / "a.png")
