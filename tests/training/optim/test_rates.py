"""Rates, optimizers and losses that recipes name, against the formulas and Keras itself."""

import keras
import numpy as np
import pytest

from kerazoo.tasks import get_task
from kerazoo.training.optim import optimizers, rates
from kerazoo.training.recipe import load_recipe

STEPS = 10  # in an epoch


def values(schedule, epochs):
    return [float(schedule(round(STEPS * epoch))) for epoch in epochs]


def recipe(**changes):
    base = {"model": "mobilenet_v1_025", "epochs": 20, "optimizer": {"warmup_epochs": 0}}
    return load_recipe(base, {key.replace("__", "."): value for key, value in changes.items()})


def test_constant():
    assert values(rates.constant(0.3, STEPS), (0, 5, 1e6)) == pytest.approx([0.3] * 3)


def test_cosine_with_warm_up():
    schedule = rates.cosine(0.4, 20, 0.1, 4, STEPS)
    expected = [0, 0.2, 0.4, 0.25, 0.1]
    assert values(schedule, (0, 2, 4, 12, 20)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("staircase", [True, False])
def test_exponential(staircase):
    schedule = rates.exponential(0.256, 0.97, 2.4, staircase, STEPS)
    for epoch in (0, 2.3, 2.4, 5, 100):
        power = epoch / 2.4
        power = np.floor(power + 1e-9) if staircase else power
        assert values(schedule, [epoch])[0] == pytest.approx(0.256 * 0.97**power, rel=1e-5)


def test_piecewise_falls_at_the_first_step_of_a_milestone():
    schedule = rates.piecewise(0.1, [2, 3.5], 0.1, STEPS)
    found = [float(schedule(step)) for step in (0, 19, 20, 34, 35, 1000)]
    assert found == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


def test_warm_up_comes_before_any_schedule_and_survives_saving():
    changes = {"schedule": {"name": "exponential"}, "optimizer__learning_rate": 0.016}
    schedule = optimizers.recipe_schedule(recipe(**changes, optimizer__warmup_epochs=5), STEPS)
    expected = [0, 0.008, 0.016 * 0.97**2, 0.016 * 0.97**4]
    assert values(schedule, (0, 2.5, 5, 9.6)) == pytest.approx(expected, rel=1e-5)
    again = rates.WarmUp.from_config(schedule.get_config())
    assert values(again, range(12)) == values(schedule, range(12))


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("cosine", {"minimum": 0.2}, "minimum"),
        ("exponential", {"decay": 1.1}, "decay"),
        ("exponential", {"every": 0}, "every"),
        ("piecewise", {"milestones": [3, 2]}, "milestones"),
        ("piecewise", {"milestones": []}, "milestones"),
        ("cosine", {"epochs": 3}, r"schedule\.epochs.*left out"),
        ("constant", {"decay": 0.1}, "schedule argument"),
    ],
)
def test_wrong_schedules(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        optimizers.recipe_schedule(recipe(schedule={"name": name, **arguments}), STEPS)


def test_warm_up_longer_than_the_run():
    with pytest.raises(ValueError, match="`warmup_epochs` must be 0 or more, and below 20"):
        optimizers.recipe_schedule(recipe(optimizer__warmup_epochs=20), STEPS)


@pytest.mark.parametrize("name", sorted(optimizers.optimizer_classes()))
def test_every_optimizer_of_keras_makes_steps(name):
    changes = {"optimizer__name": name, "optimizer__learning_rate": 0.01}
    changes |= {"optimizer__global_clipnorm": 1.0, "optimizer__ema": 0.9}
    optimizer = optimizers.make_optimizer(recipe(**changes), STEPS)
    assert type(optimizer).__name__.lower() == name
    assert (optimizer.use_ema, optimizer.ema_momentum) == (True, 0.9)
    kernel = keras.Variable(np.ones((3, 2), "float32"), name="kernel")
    for _ in range(3):
        optimizer.apply([keras.ops.convert_to_tensor(np.full((3, 2), 0.5, "float32"))], [kernel])
    found = keras.ops.convert_to_numpy(kernel)
    assert np.isfinite(found).all()
    assert (found < 1).all()


def test_defaults_are_those_of_the_first_recipes():
    """SGD with Nesterov momentum 0.9, decoupled decay of kernels alone."""
    changes = {"optimizer__learning_rate": 0.1, "optimizer__weight_decay": 0.01}
    optimizer = optimizers.make_optimizer(recipe(**changes, schedule={"name": "constant"}), STEPS)
    assert isinstance(optimizer, keras.optimizers.SGD)
    assert (optimizer.momentum, optimizer.nesterov) == (0.9, True)
    names = ("kernel", "gamma", "bias")
    variables = [keras.Variable(np.ones(2, "float32"), name=name) for name in names]
    optimizer.apply([keras.ops.zeros(2)] * 3, variables)
    found = [float(v[0]) for v in variables]
    assert found == pytest.approx([1 - 0.1 * 0.01, 1, 1])


def test_no_decay_where_the_recipe_asks_for_none():
    for name in ("adamw", "muon"):
        optimizer = optimizers.make_optimizer(recipe(optimizer__name=name), STEPS)
        kernel = keras.Variable(np.ones((2, 2), "float32"), name="kernel")
        optimizer.apply([keras.ops.zeros((2, 2))], [kernel])
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(kernel), np.ones((2, 2)))


def test_l2_pulls_kernels_by_its_factor():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="predictions")])
    optimizers.add_l2(model, 0.1)
    kernel = keras.ops.convert_to_numpy(model.layers[0].kernel)
    assert float(sum(model.losses)) == pytest.approx(0.05 * np.sum(kernel**2), rel=1e-5)


def test_label_smoothing():
    loss = get_task("classification").loss(recipe(optimizer__label_smoothing=0.2), None)
    logits = np.array([[2.0, 0.0]], "float32")
    log_p = logits - np.log(np.exp(logits).sum())
    assert float(loss(np.array([[1.0, 0.0]], "float32"), logits)) == pytest.approx(
        -(0.9 * log_p[0, 0] + 0.1 * log_p[0, 1]), rel=1e-5
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer__name": "adam", "optimizer__momentum": 0.9}, r"optimizer\.momentum.*Adam has"),
        ({"optimizer__arguments": {"learning_rate": 1.0}}, r"set as optimizer\.learning_rate"),
        ({"optimizer__arguments": {"nestrov": False}}, "Did you mean 'nesterov'"),
        ({"optimizer__clipnorm": 1.0, "optimizer__clipvalue": 1.0}, "without clipnorm"),
    ],
)
def test_wrong_optimizers(changes, message):
    with pytest.raises(ValueError, match=message):
        optimizers.make_optimizer(recipe(**changes), STEPS)
