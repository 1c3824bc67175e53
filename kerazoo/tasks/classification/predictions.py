"""From scores to the best classes, and how those are shown."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerazoo.labels import Prediction, decode_predictions, tell_guess

NOT_SURE = "not sure: "  # before the best class, where its score is below the threshold


class Classes(list):
    """The best classes of a picture, `Prediction`s, best first.

    Attributes:
        reached: Whether each has the score that its class needs (`kerazoo.confidence`); empty where
            nobody measured that.
    """

    reached: Sequence[bool] = ()

    @property
    def sure(self) -> bool | None:
        """Of the best one; None where nobody measured it."""
        return self.reached[0] if self.reached else None


def decode(outputs: Mapping[str, Any], record: Any, top: int = 5) -> list[Classes]:
    """The best classes of each picture, best first, as `kerazoo.decode_predictions`.

    Args:
        outputs: `scores`, `(batch, classes)`.
        record: Carries `labels` and maybe `confidence`; without labels the number of classes
            decides, which is said.
        top: How many classes.
    """
    labels = getattr(record, "labels", None) or None
    confidence = getattr(record, "confidence", None)
    scores = outputs["scores"]
    if labels is None:
        tell_guess(np.shape(scores)[-1])
    found = [Classes(each) for each in decode_predictions(scores, top, labels=labels)]
    if confidence is not None:
        shares = probabilities(np.asarray(scores))
        thresholds = confidence.of_classes(shares.shape[1])
        for each, row in zip(found, shares, strict=True):
            each.reached = [bool(row[c.index] >= thresholds[c.index]) for c in each]
    return found


def rows(prediction: Sequence[Prediction]) -> list[tuple[str, ...]]:
    """`("94.3", "tabby, tabby cat")` for each class."""
    return [(f"{100 * score:.1f}", name) for name, score in captions(prediction)]


def captions(prediction: Sequence[Prediction]) -> list[tuple[str, float]]:
    """Name and score of each class; the best one says where the network is not sure."""
    found = [(each.name, each.score) for each in prediction]
    if getattr(prediction, "sure", None) is False:
        found[0] = (NOT_SURE + found[0][0], found[0][1])
    return found


def as_json(prediction: Sequence[Prediction]) -> list[dict[str, Any]]:
    """`{"index": 281, "name": "tabby, tabby cat", "score": 0.943, "sure": True}` for each class."""
    reached = getattr(prediction, "reached", ()) or [None] * len(prediction)
    return [each._asdict() | {"sure": sure} for each, sure in zip(prediction, reached, strict=True)]


def probabilities(scores: np.ndarray) -> np.ndarray:
    """Scores `(count, classes)` as float32 shares of 1.

    Scores beyond 0 to 1 (logits, of a model made with `classifier_activation=None`) go through a
    softmax.
    """
    scores = scores.astype("float32")
    if scores.min() >= 0 and scores.max() <= 1:
        return scores
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)
