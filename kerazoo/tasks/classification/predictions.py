"""From scores to the best classes, and how those are shown."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerazoo.labels import Prediction, decode_predictions


def decode(outputs: Mapping[str, Any], record: Any, top: int = 5) -> list[list[Prediction]]:
    """The best classes of each picture, best first, as `kerazoo.decode_predictions`.

    Args:
        outputs: `scores`, `(batch, classes)`.
        record: Carries `labels`; without any the number of classes decides.
        top: How many classes.
    """
    labels = getattr(record, "labels", None) or None
    return decode_predictions(outputs["scores"], top, labels=labels)


def rows(prediction: Sequence[Prediction]) -> list[tuple[str, ...]]:
    """`("94.3", "tabby, tabby cat")` for each class."""
    return [(f"{100 * each.score:.1f}", each.name) for each in prediction]


def as_json(prediction: Sequence[Prediction]) -> list[dict[str, Any]]:
    """`{"index": 281, "name": "tabby, tabby cat", "score": 0.943}` for each class."""
    return [each._asdict() for each in prediction]


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
