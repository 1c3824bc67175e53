"""What a classifier says of every picture of a source, kept to be looked at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerazoo.data.source import Source
from kerazoo.tasks.classification.meter import wilson_interval
from kerazoo.tasks.classification.predictions import probabilities


@dataclass(frozen=True, eq=False)
class Answers:
    """What `gather` makes.

    Attributes:
        source: The pictures.
        indices: Place of each picture in the source, int64 `(count,)`.
        labels: True classes, int64 `(count,)`.
        scores: Probabilities, float32 `(count, classes)`.
    """

    source: Source
    indices: np.ndarray
    labels: np.ndarray
    scores: np.ndarray

    @property
    def count(self) -> int:
        """Number of pictures."""
        return len(self.labels)

    @property
    def headline(self) -> float:
        """The accuracy."""
        return self.accuracy

    @property
    def predicted(self) -> np.ndarray:
        """Class with the highest score, int64 `(count,)`; of equal scores the first."""
        return self.scores.argmax(1)

    @property
    def accuracy(self) -> float:
        """Share of the pictures that are named rightly, 0 to 1."""
        return float(np.mean(self.predicted == self.labels))

    @property
    def interval(self) -> tuple[float, float]:
        """Where the accuracy on all such pictures is, in 95 of 100 cases (`wilson_interval`)."""
        return wilson_interval(int(np.sum(self.predicted == self.labels)), self.count)

    def confusion(self) -> np.ndarray:
        """Pictures by true class (row) and predicted class (column), int64 `(classes, classes)`."""
        count = self.scores.shape[1]
        pairs = self.labels * count + self.predicted
        return np.bincount(pairs, minlength=count * count).reshape(count, count)

    def mistakes(self) -> np.ndarray:
        """Rows with a wrong answer, those with the highest score for it first."""
        wrong = np.flatnonzero(self.predicted != self.labels)
        return wrong[np.argsort(-self.scores[wrong].max(1, initial=0), kind="stable")]


def gather(
    batches: Iterable[tuple[Mapping[str, Any], Any]], source: Source, indices: np.ndarray
) -> Answers:
    """All scores of a source.

    Scores beyond 0 to 1 (logits, of a model made with `classifier_activation=None`) go through a
    softmax.

    Args:
        batches: `scores`, `(batch, classes)`, and the true classes, int64 `(batch,)`.
        source: The pictures.
        indices: Their places in the source.
    """
    parts = [(outputs["scores"], labels) for outputs, labels in batches]
    scores, labels = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Answers(source, indices, labels, probabilities(scores))
