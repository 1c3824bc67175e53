"""Temperature and thresholds of a classifier, from pictures that it did not learn from."""

import numpy as np

from kerazoo.confidence import Confidence
from kerazoo.tasks.classification.regression import log_softmax

FEW = 5  # pictures of a class below which it has the threshold of all classes together
_LEAST, _MOST = 0.05, 20.0  # temperature


def measure_confidence(logits: np.ndarray, targets: np.ndarray) -> Confidence:
    """What held-out pictures say of a classifier's scores.

    Args:
        logits: float32 `(count, classes)`.
        targets: True classes, int `(count,)`.
    """
    temperature = spread(logits, targets)
    scores = np.exp(log_softmax(logits / temperature))
    true = np.arange(scores.shape[1]) == targets[:, None]
    common = best_threshold(scores.ravel(), true.ravel())
    thresholds = [
        best_threshold(scores[:, i], true[:, i]) if true[:, i].sum() >= FEW else common
        for i in range(scores.shape[1])
    ]
    return Confidence(temperature, tuple(round(t, 4) for t in thresholds), len(targets))


def spread(logits: np.ndarray, targets: np.ndarray) -> float:
    """The temperature: what logits are divided by for the least cross-entropy.

    The true class counts for a little less than all, as if two more pictures had been held out, one
    of them answered wrongly (Platt 1999): of few pictures, all of them right, anything else would
    make certainties.

    Args:
        logits: `(count, classes)`.
        targets: True classes, int `(count,)`.
    """
    count, classes = logits.shape
    wrong = 1 / (count + 2)
    wanted = np.full_like(logits, wrong / max(classes - 1, 1))
    wanted[np.arange(count), targets] = 1 - wrong

    def slope(temperature: float) -> float:
        """Of the cross-entropy over 1 / temperature, in which it is convex."""
        shares = np.exp(log_softmax(logits / temperature))
        return float(np.sum((shares - wanted) * logits))

    low, high = _LEAST, _MOST
    for _ in range(40):  # bisection of the logarithm
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if slope(middle) < 0 else (middle, high)
    return round(float(np.sqrt(low * high)), 4)


def best_threshold(scores: np.ndarray, true: np.ndarray) -> float:
    """The score from which on "yes" has the best F1; halfway to the next lower one.

    Args:
        scores: `(count,)`, 0 to 1.
        true: Whether "yes" is right, bool `(count,)`.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, right = scores[order], true[order]
    f1 = 2 * np.cumsum(right) / (np.arange(1, len(right) + 1) + right.sum())
    ends = np.append(ranked[1:] < ranked[:-1], True)  # equal scores are answered alike
    best = int(np.argmax(np.where(ends, f1, -1)))
    below = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    return float((ranked[best] + below) / 2)
