"""What a classifier says of every picture of a source, kept to be looked at."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kerazoo.data.corrupt import find_corrupt
from kerazoo.data.source import Source
from kerazoo.evaluation import scored_batches
from kerazoo.pictures import open_picture
from kerazoo.preprocessing import Preprocessing
from kerazoo.report.contact_sheet import pil_picture


@dataclass(frozen=True, eq=False)
class Answers:
    """What `collect_answers` gathers.

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
    def predicted(self) -> np.ndarray:
        """Class with the highest score, int64 `(count,)`; of equal scores the first."""
        return self.scores.argmax(1)

    @property
    def accuracy(self) -> float:
        """Share of the pictures that are named rightly, 0 to 1."""
        return float(np.mean(self.predicted == self.labels))

    def confusion(self) -> np.ndarray:
        """Pictures by true class (row) and predicted class (column), int64 `(classes, classes)`."""
        count = self.scores.shape[1]
        pairs = self.labels * count + self.predicted
        return np.bincount(pairs, minlength=count * count).reshape(count, count)

    def mistakes(self) -> np.ndarray:
        """Rows with a wrong answer, those with the highest score for it first."""
        wrong = np.flatnonzero(self.predicted != self.labels)
        return wrong[np.argsort(-self.scores[wrong].max(1, initial=0), kind="stable")]


def collect_answers(
    model: Any,
    source: Source,
    *,
    preprocessing: Preprocessing | None = None,
    batch_size: int = 32,
    limit: int | None = None,
    on_corrupt: str = "fail",
    progress: Callable[[int, int], None] | None = None,
) -> Answers:
    """Runs a classifier on pictures and keeps every score.

    Scores beyond 0 to 1 (logits, of a model made with `classifier_activation=None`) go through a
    softmax.

    Args:
        model: A kerazoo model, or any Keras classifier together with `preprocessing`.
        source: The pictures, as `kerazoo.data.open.open_source` opens them.
        preprocessing: In place of the model's own.
        batch_size: Pictures at a time.
        limit: Only this many pictures, the first ones.
        on_corrupt: `"fail"`, or `"skip"` to leave out pictures that cannot be decoded.
        progress: Called with (pictures done, pictures in all) after each batch.

    Raises:
        ValueError, PictureError: As `kerazoo.evaluate`.
    """
    batches = scored_batches(
        model,
        source,
        preprocessing=preprocessing,
        batch_size=batch_size,
        limit=limit,
        progress=progress,
        on_corrupt=on_corrupt,
    )
    scores, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    total = min(source.count, limit or source.count)
    indices = np.arange(total)
    if len(labels) < total:
        indices = np.delete(indices, [each.index for each in find_corrupt(source, total)])
    return Answers(source, indices, labels, _probabilities(scores))


def pictures_at(source: Source, indices: Sequence[int]) -> list[Any]:
    """Some pictures of a source as PIL pictures in RGB or grey, whole, in the order asked for.

    Args:
        source: The pictures.
        indices: Their places in the source.
    """
    wanted = [int(i) for i in indices]
    if source.fetch:
        return [_pil(source.fetch(tf.constant(i, tf.int64))[0], source.encoded) for i in wanted]
    if not wanted:
        return []
    numbers = tf.constant(wanted, tf.int64)
    rows = source.pictures.enumerate().take(max(wanted) + 1)
    rows = rows.filter(lambda index, row: tf.reduce_any(index == numbers))
    by_index = {int(index): _pil(row[0], source.encoded) for index, row in rows}
    return [by_index[i] for i in wanted]


def _pil(data: tf.Tensor, encoded: bool) -> Any:
    return open_picture(data.numpy()) if encoded else pil_picture(data.numpy())


def _probabilities(scores: np.ndarray) -> np.ndarray:
    scores = scores.astype("float32")
    if scores.min() >= 0 and scores.max() <= 1:
        return scores
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)
