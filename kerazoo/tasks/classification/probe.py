"""A linear probe: the classifier that held-out pictures choose, and how sure it may be."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerazoo.confidence import Confidence
from kerazoo.tasks.classification.confidence import measure_confidence, spread
from kerazoo.tasks.classification.regression import Linear, fit, log_softmax

# Strongest first, each a start for the next; see `regression.fit` for their unit.
PENALTIES = tuple(10.0 ** (-power / 2) for power in range(-1, 10))
PATIENCE = 2  # penalties in a row that may be worse than the best before the rest is left out
# With fewer held-out pictures chance would choose: then all pictures are held out in turn.
ENOUGH, FOLDS = 1000, 5


@dataclass(frozen=True, eq=False)
class Stored:
    """Pictures as a frozen network sees them.

    Attributes:
        features: float32 `(count, features)`.
        targets: Classes, int64 `(count,)`.
    """

    features: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, rows: Any) -> "Stored":
        return Stored(self.features[rows], self.targets[rows])

    def __add__(self, other: "Stored") -> "Stored":
        parts = (self, other)
        features = np.concatenate([each.features for each in parts])
        return Stored(features, np.concatenate([each.targets for each in parts]))


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
        learned: Features and classes of the training pictures.
        held_out: The same of the validation pictures.
        classes: Number of classes.
        whole: Whether the final classifier learns from `held_out` too.
    """
    shortened, rotation = _shortened(learned[0], held_out[0])
    train = Stored(shortened[: len(learned[0])], learned[1])
    watch = Stored(shortened[len(learned[0]) :], held_out[1])
    pool = train + watch if whole else train
    parts = [(train, watch)] if len(watch) >= ENOUGH else list(_folds(pool))
    penalty, logits, targets = _choose(parts, classes)
    confidence = measure_confidence(logits, targets)
    watched = fit(train.features, train.targets, classes, penalty)
    final = fit(pool.features, pool.targets, classes, penalty, watched) if whole else watched
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
        found = [
            fit(part.features, part.targets, classes, penalty, before)
            for (part, _), before in zip(parts, found, strict=True)
        ]
        logits = np.concatenate(
            [each.logits(part.features) for each, (_, part) in zip(found, parts, strict=True)]
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


def _shortened(*parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features in the few dimensions that they span, and the way back.

    The same kernels come out: what is across from all pictures would be 0 under any penalty.
    """
    features = np.concatenate(parts)
    if len(features) >= features.shape[1]:
        return features, np.eye(features.shape[1], dtype="float32")
    rotation, lower = np.linalg.qr(features.T)
    return np.ascontiguousarray(lower.T), rotation


def _figures(classifier: Linear, part: Stored, temperature: float) -> dict[str, float]:
    logits = classifier.logits(part.features) / temperature
    accuracy = float(np.mean(logits.argmax(1) == part.targets))
    return {"accuracy": accuracy, "loss": cross_entropy(logits, part.targets)}


def cross_entropy(logits: np.ndarray, targets: np.ndarray) -> float:
    """Mean of the negative logarithms of what a softmax gives the true classes."""
    return -float(np.mean(log_softmax(logits)[np.arange(len(targets)), targets]))
