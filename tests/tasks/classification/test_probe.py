"""The linear probe: a convex problem, so that another solver's answer is the only right one."""

import numpy as np
import pytest
from scipy.optimize import minimize

from kerazoo.confidence import Confidence
from kerazoo.labels import Prediction
from kerazoo.tasks import get_task
from kerazoo.tasks.classification import probe as probing
from kerazoo.tasks.classification.confidence import best_threshold, measure_confidence, spread
from kerazoo.tasks.classification.meter import wilson_interval
from kerazoo.tasks.classification.probe import PENALTIES, fit_probe
from kerazoo.tasks.classification.regression import fit, log_softmax, scale_of

CLASSES, WIDTH = 4, 30


def blobs(count, seed, apart=0.6):
    """Features of classes that overlap, and loud ones that say nothing: a choice is needed."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(0, apart, (CLASSES, WIDTH))
    labels = np.arange(count) % CLASSES
    features = 5 + 3 * (centres[labels] + rng.normal(size=(count, WIDTH)))
    features[:, ::5] = rng.normal(0, 20, (count, WIDTH // 5))
    return features.astype("float32"), labels.astype("int64")


def test_the_fit_is_that_of_float64():
    features, labels = blobs(60, 0)
    penalty = 0.01
    x = features.astype("float64") - features.mean(0)
    scale = scale_of(x)
    x /= scale

    def loss(flat):
        kernel, bias = np.split(flat.reshape(WIDTH + 1, CLASSES), [-1])
        logs = log_softmax(x @ kernel + bias)
        error = (np.exp(logs) - np.eye(CLASSES)[labels]) / 60
        value = -logs[np.arange(60), labels].mean() + penalty / 2 * np.sum(kernel**2)
        return value, np.vstack([x.T @ error + penalty * kernel, error.sum(0)]).ravel()

    start = np.zeros((WIDTH + 1) * CLASSES)
    best = minimize(loss, start, jac=True, method="L-BFGS-B")
    found = fit(features, labels, CLASSES, penalty)
    ours = log_softmax(found.logits(features))
    value = -ours[np.arange(60), labels].mean() + penalty / 2 * np.sum((found.kernel * scale) ** 2)
    assert best.fun <= value + 1e-6 < best.fun + 1e-3


def test_another_start_and_fewer_dimensions_give_the_same():
    features, labels = blobs(24, 1)
    cold = fit(features, labels, CLASSES, 1.0)
    warm = fit(features, labels, CLASSES, 1.0, fit(features, labels, CLASSES, 10.0))
    np.testing.assert_allclose(cold.logits(features), warm.logits(features), atol=0.02)
    both = np.stack([features[:12], features[12:]])
    shortened, rotation = probing._shortened(both)
    assert shortened.shape == (2, 12, 24)
    short = fit(shortened.reshape(24, 24), labels, CLASSES, 1.0)
    np.testing.assert_allclose(rotation @ short.kernel, cold.kernel, atol=2e-3)


def stored(count, seed, views=1):
    """As `fit_probe` takes it; further views are like the first."""
    features, labels = blobs(count, seed)
    noise = np.random.default_rng(seed).normal(0, 0.1, (views, *features.shape))
    noise[0] = 0
    return (features + noise).astype("float32"), labels


@pytest.fixture(scope="module")
def found():
    return fit_probe(stored(120, 3, 2), stored(40, 4, 2), CLASSES, whole=True)


def test_the_probe_is_chosen_on_pictures_that_it_did_not_learn_from(found):
    features, labels = blobs(2000, 5)

    def accuracy(weights):
        kernel, bias = weights
        return np.mean((features @ kernel + bias).argmax(1) == labels)

    # Of the classifiers without a choice none is more than chance better.
    by_penalty = []
    for penalty in (PENALTIES[0], PENALTIES[-1]):
        each = fit(*blobs(120, 3), CLASSES, penalty)
        by_penalty.append(accuracy((each.kernel, each.bias)))
    assert accuracy(found.watched) > max(by_penalty) - 0.01
    assert accuracy(found.final) > accuracy(found.watched) - 0.01  # 160 pictures, not 120
    assert found.facts["penalty"] in PENALTIES[1:]
    assert 0.25 < found.logs["val_accuracy"] <= found.logs["accuracy"]
    assert found.logs["loss"] < found.logs["val_loss"]


def test_without_the_held_out_pictures_both_weights_are_the_same():
    alone = fit_probe(stored(40, 3), stored(8, 4), CLASSES, whole=False)
    for watched, final in zip(alone.watched, alone.final, strict=True):
        np.testing.assert_array_equal(watched, final)


def test_scores_are_shares_of_right_answers(found):
    features, labels = blobs(2000, 6)
    kernel, bias = found.final
    scores = np.exp(log_softmax(features @ kernel + bias))
    right = scores.argmax(1) == labels
    assert abs(scores.max(1).mean() - right.mean()) < 0.05
    assert len(found.confidence.thresholds) == CLASSES
    assert found.confidence.pictures == 160


def test_many_held_out_pictures_choose_alone(monkeypatch):
    monkeypatch.setattr(probing, "ENOUGH", 20)
    monkeypatch.setattr(probing, "_folds", lambda _: pytest.fail("in turn"))
    assert fit_probe(stored(40, 3), stored(20, 4), CLASSES, whole=True).confidence.pictures == 20


def test_temperature():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 3)).astype("float32")
    shares = np.exp(log_softmax(logits))
    labels = (shares.cumsum(1) < rng.random((4000, 1))).sum(1).clip(0, 2)
    assert spread(logits, labels) == pytest.approx(1, abs=0.1)
    assert spread(3 * logits, labels) == pytest.approx(3, abs=0.3)
    # All right, and only a few of them: no reason for certainty.
    certain = 10 * np.eye(3, dtype="float32")
    top = np.exp(log_softmax(certain / spread(certain, np.arange(3)))).max()
    assert top == pytest.approx(0.8, abs=0.01)


def test_thresholds():
    scores = np.array([0.9, 0.8, 0.6, 0.4, 0.2])
    assert best_threshold(scores, np.array([1, 1, 0, 0, 0], bool)) == pytest.approx(0.7)
    assert best_threshold(scores, np.array([1, 0, 1, 0, 0], bool)) == pytest.approx(0.5)
    assert best_threshold(scores, np.ones(5, bool)) == pytest.approx(0.1)
    # Equal scores are answered alike: none of them alone.
    assert best_threshold(np.array([0.5, 0.5, 0.1]), np.array([1, 0, 0], bool)) == 0.3
    logits = np.log(np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8]] * 4))
    few = measure_confidence(logits, np.array([0, 0, 1] * 4))
    assert few.thresholds[0] != few.thresholds[1]  # eight pictures of one, too few of the other
    assert few.pictures == 12


def test_not_sure():
    task = get_task("classification")

    class Record:
        labels = ("cat", "dog")
        confidence = Confidence(1.0, (0.7, 0.5), 20)

    scores = np.array([[0.6, 0.4], [0.45, 0.55]], "float32")
    cat, dog = task.decode({"scores": scores}, Record, top=1)
    assert [cat.sure, dog.sure] == [False, True]
    assert cat[0] == Prediction(0, "cat", pytest.approx(0.6))
    assert task.rows(cat) == [("60.0", "not sure: cat")]
    assert task.rows(dog) == [("55.0", "dog")]
    assert task.captions(cat)[0][0] == "not sure: cat"
    assert [each["sure"] for each in (*task.json(cat), *task.json(dog))] == [False, True]
    # Each class by what it needs itself: the second one is not as sure as the first.
    both, _ = task.decode({"scores": np.array([[0.1, 0.9], [0.5, 0.5]], "float32")}, Record, top=2)
    assert [(each["name"], each["sure"]) for each in task.json(both)] == [
        *(("dog", True), ("cat", False)),
    ]
    Record.confidence = None
    (nobody, _) = task.decode({"scores": scores}, Record, top=1)
    assert nobody.sure is None
    assert task.json(nobody)[0]["sure"] is None
    assert task.rows(nobody) == [("60.0", "cat")]


def test_wilson_interval():
    """Figures of Brown, Cai and DasGupta's review, and of R's `prop.test(correct = FALSE)`."""
    assert wilson_interval(0, 10) == (0.0, pytest.approx(0.2775, abs=1e-4))
    assert wilson_interval(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert wilson_interval(67, 74) == pytest.approx((0.8170, 0.9536), abs=1e-3)
