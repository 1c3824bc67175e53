"""A linear probe: the classifier that held-out pictures choose, and how sure it may be."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerazoo.confidence import Confidence
from kerazoo.tasks.classification.confidence import measure_confidence, spread
from kerazoo.tasks.classification.regression import Linear, fit, log_softmax

# Strongest first, each a start for the next; see `regression.fit` for their unit.
PENALTIES = tuple(10.0 ** (-power / 2) for power in range(-2, 8))
PATIENCE = 2  # penalties in a row that may be worse than the best before the rest is left out
# With fewer held-out pictures chance would choose: then all pictures are held out in turn.
ENOUGH, FOLDS = 1000, 5
# Multiply-adds of a step up to which BLAS works on one thread. Several wait for each other by
# spinning: where the machine has other work, ten times longer than such a step takes.
SMALL = 10**9


@dataclass(frozen=True, eq=False)
class Stored:
    """Pictures as a frozen network sees them.

    Attributes:
        features: float32 `(views, count, features)`, the pictures themselves first.
        targets: Classes, int64 `(count,)`.
    """

    features: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, rows: Any) -> "Stored":
        return Stored(self.features[:, rows], self.targets[rows])

    def __add__(self, other: "Stored") -> "Stored":
        targets = np.concatenate([self.targets, other.targets])
        return Stored(np.concatenate([self.features, other.features], axis=1), targets)

    def fit(self, classes: int, penalty: float, start: Linear | None = None) -> Linear:
        """The classifier of all views; see `regression.fit`."""
        views, _, width = self.features.shape
        targets = np.tile(self.targets, views)
        return fit(self.features.reshape(-1, width), targets, classes, penalty, start)

    def logits(self, classifier: Linear) -> np.ndarray:
        """What a classifier says of the pictures themselves."""
        return classifier.logits(self.features[0])


@dataclass(frozen=True, eq=False)
class Probe:
    """What `fit_probe` found.

    Attributes:
        watched: Weights of the layer, kernel and bias, fitted to the training pictures alone.
        final: The same, fitted to all that may be learned from.
        logs: `loss`, `accuracy` and the same with `val_`, of `watched`.
        confidence: Of both; the temperature is in the weights already.
        facts: `penalty`, for the record.
    """

    watched: tuple[np.ndarray, np.ndarray]
    final: tuple[np.ndarray, np.ndarray]
    logs: dict[str, float]
    confidence: Confidence
    facts: dict[str, Any]


def fit_probe(learned: tuple, held_out: tuple, classes: int, whole: bool) -> Probe:
    """The linear classifier of stored features; see `Task.fit_head`.

    The penalty is that with the least cross-entropy on held-out pictures: those of `held_out` where
    they are many, otherwise each fifth of all pictures in turn (of `learned` alone unless `whole`).

    Args:
        learned: Features `(views, count, width)` and classes of the training pictures.
        held_out: The same of the validation pictures.
        classes: Number of classes.
        whole: Whether the final classifier learns from `held_out` too.
    """
    count, width = learned[0].shape[0] * len(learned[1]), learned[0].shape[-1]
    with _threads(count * width * classes):
        return _fit(learned, held_out, classes, whole)


def _threads(work: int) -> contextlib.AbstractContextManager:
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1 if work <= SMALL else None, user_api="blas")


def _fit(learned: tuple, held_out: tuple, classes: int, whole: bool) -> Probe:
    shortened, rotation = _shortened(np.concatenate([learned[0], held_out[0]], axis=1))
    train = Stored(shortened[:, : len(learned[1])], learned[1])
    watch = Stored(shortened[:, len(learned[1]) :], held_out[1])
    pool = train + watch if whole else train
    parts = [(train, watch)] if len(watch) >= ENOUGH else list(_folds(pool))
    penalty, logits, targets = _choose(parts, classes)
    confidence = measure_confidence(logits, targets)
    watched = train.fit(classes, penalty)
    # From nothing: begun at the other one, it may end there, which is within the tolerance.
    final = pool.fit(classes, penalty) if whole else watched
    logs = {
        prefix + name: value
        for prefix, part in (("", train), ("val_", watch))
        for name, value in _figures(watched, part, confidence.temperature).items()
    }
    weights = [
        (rotation @ each.kernel / confidence.temperature, each.bias / confidence.temperature)
        for each in (watched, final)
    ]
    return Probe(weights[0], weights[1], logs, confidence, {"penalty": penalty})


def _choose(
    parts: list[tuple[Stored, Stored]], classes: int
) -> tuple[float, np.ndarray, np.ndarray]:
    """The best penalty, with logits and classes of the held-out pictures under it."""
    targets = np.concatenate([held_out.targets for _, held_out in parts])
    best: tuple[float, float, np.ndarray] | None = None
    found: list[Linear | None] = [None] * len(parts)
    worse = 0
    for penalty in PENALTIES:
        fitted = [
            part.fit(classes, penalty, before)
            for (part, _), before in zip(parts, found, strict=True)
        ]
        found = [*fitted]
        logits = np.concatenate(
            [part.logits(each) for each, (_, part) in zip(fitted, parts, strict=True)]
        )
        loss = cross_entropy(logits / spread(logits, targets), targets)
        if best is None or loss < best[1]:
            best, worse = (penalty, loss, logits), 0
        elif (worse := worse + 1) > PATIENCE:
            break
    assert best is not None  # there are penalties
    return best[0], best[2], targets


def _folds(pool: Stored) -> Iterator[tuple[Stored, Stored]]:
    """The rest and a fifth, five times; each fifth has a share of every class."""
    order = np.argsort(pool.targets, kind="stable")
    fold = np.empty(len(pool), int)
    fold[order] = np.arange(len(pool)) % FOLDS
    for number in range(min(FOLDS, len(pool))):
        yield pool[fold != number], pool[fold == number]


def _shortened(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features `(views, count, width)` in the few dimensions that they span, and the way back.

    The same kernels come out: what is across from all pictures would be 0 under any penalty.
    """
    views, count, width = features.shape
    if views * count >= width:
        return features, np.eye(width, dtype="float32")
    rotation, lower = np.linalg.qr(features.reshape(-1, width).T)
    return np.ascontiguousarray(lower.T).reshape(views, count, -1), rotation


def _figures(classifier: Linear, part: Stored, temperature: float) -> dict[str, float]:
    logits = part.logits(classifier) / temperature
    accuracy = float(np.mean(logits.argmax(1) == part.targets))
    return {"accuracy": accuracy, "loss": cross_entropy(logits, part.targets)}


def cross_entropy(logits: np.ndarray, targets: np.ndarray) -> float:
    """Mean of the negative logarithms of what a softmax gives the true classes."""
    return -float(np.mean(log_softmax(logits)[np.arange(len(targets)), targets]))
