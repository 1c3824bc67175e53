"""COCO's matching of detections with truths, kept per picture, and what can be read from it.

faster-coco-eval gives COCO's twelve figures (`evaluation`), but not which detection of which
picture was right. That is needed for intervals (pictures drawn again and again), precision-recall
curves and the threshold to ship. The rules are those of pycocotools; its AP per class comes out
again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerazoo.tasks.detection.boxes import areas, intersections

IOUS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
MOST = 100  # detections of a class in a picture that count


@dataclass(frozen=True)
class ClassMatches:
    """Detections of one class in all pictures, best first.

    Attributes:
        scores: `(n,)`.
        pictures: int `(n,)`: number of the picture of each.
        right: bool `(ious, n)`.
        ignored: bool `(ious, n)`: neither right nor wrong (they lie on a crowd).
        truths: int `(pictures,)`: boxes to be found.
    """

    scores: np.ndarray
    pictures: np.ndarray
    right: np.ndarray
    ignored: np.ndarray
    truths: np.ndarray

    def average_precision(self, times: np.ndarray | None = None) -> np.ndarray:
        """AP at each IoU, `(ious,)`; NaN where there is nothing to find.

        Args:
            times: How often each picture counts, `(pictures,)`; default once.
        """
        times = np.ones(len(self.truths)) if times is None else times
        total = float(self.truths @ times)
        if not total:
            return np.full(len(IOUS), np.nan)
        return _interpolated(*self._curve(times, total)).mean(axis=1)

    def precision_at_recalls(self, iou: int = 0) -> np.ndarray:
        """The curve that AP is the mean of: precision at the recalls 0, 0.01, …, 1."""
        total = float(self.truths.sum())
        if not total:
            return np.full(len(RECALLS), np.nan)
        return _interpolated(*self._curve(np.ones(len(self.truths)), total))[iou]

    def best_f1(self, iou: int = 0) -> tuple[float, float, float] | None:
        """Threshold with the best F1, and precision and recall there; None if nothing is right.

        The threshold lies halfway to the next score below, so that rounding moves nobody across.
        """
        total = float(self.truths.sum())
        if not total or not self.right[iou].any():
            return None
        recall, precision = (c[iou] for c in self._curve(np.ones(len(self.truths)), total))
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        below = np.append(self.scores[1:], 0.0)
        f1 = np.where(below < self.scores, f1, -1.0)  # no threshold parts equal scores
        best = int(f1.argmax())
        threshold = (self.scores[best] + below[best]) / 2
        return float(threshold), float(precision[best]), float(recall[best])

    def interval(self, draws: int = 500, seed: int = 0) -> tuple[float, float]:
        """95 % bootstrap interval of AP over the ten IoUs: pictures are drawn with replacement.

        Draws without any truth say nothing and are left out; NaN where no draw has one.
        """
        count = len(self.truths)
        generator = np.random.default_rng(seed)
        figures = []
        for _ in range(draws):
            times = np.bincount(generator.integers(count, size=count), minlength=count)
            figures.append(self.average_precision(times.astype("float64")).mean())
        figures = [f for f in figures if not np.isnan(f)]
        if not figures:
            return float("nan"), float("nan")
        low, high = np.percentile(figures, (2.5, 97.5))
        return float(low), float(high)

    def _curve(self, times: np.ndarray, total: float) -> tuple[np.ndarray, np.ndarray]:
        """Recall and precision after each detection, `(ious, n)` both."""
        weight = times[self.pictures]
        right = np.cumsum(self.right * weight, axis=1)
        counted = np.cumsum(~self.ignored * weight, axis=1)
        return right / total, right / np.maximum(counted, np.spacing(1))


def _interpolated(recall: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Best precision at each of `RECALLS` or beyond it: `(ious, 101)`; 0 where none gets there."""
    falling = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    falling = np.pad(falling, ((0, 0), (0, 1)))
    places = np.array([np.searchsorted(row, RECALLS) for row in recall])
    return np.take_along_axis(falling, places, axis=1)


def match_class(
    pictures: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]],
) -> ClassMatches:
    """Matches one class in all pictures.

    Args:
        pictures: For each: boxes of truths `(m, 4)`, crowd flags `(m,)`, boxes of detections
            `(n, 4)`, scores `(n,)`.
    """
    parts = [(np.zeros(0), np.zeros(0, int), *np.zeros((2, len(IOUS), 0), bool))]
    for number, (truths, crowd, found, scores) in enumerate(pictures):
        if len(found):  # most classes are in few pictures
            order = np.argsort(-scores, kind="stable")[:MOST]
            right, ignored = _match_picture(truths, crowd.astype(bool), found[order])
            parts.append((scores[order], np.full(len(order), number), right, ignored))
    scores, numbers, right, ignored = (
        np.concatenate([part[i] for part in parts], axis=-1) for i in range(4)
    )
    order = np.argsort(-scores, kind="stable")
    counts = np.array([int((~p[1].astype(bool)).sum()) for p in pictures])
    return ClassMatches(scores[order], numbers[order], right[:, order], ignored[:, order], counts)


def _match_picture(
    truths: np.ndarray, crowd: np.ndarray, found: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Right and ignored, `(ious, n)` each, of detections that come best first."""
    right = np.zeros((len(IOUS), len(found)), bool)
    ignored = np.zeros_like(right)
    if not len(truths) or not len(found):
        return right, ignored
    shared = intersections(found.astype("float64"), truths.astype("float64"))
    own = areas(found.astype("float64"))[:, None]
    # Of a crowd any number may be found; what counts is the share of the detection inside it.
    union = np.where(crowd, own, own + areas(truths.astype("float64")) - shared)
    overlap = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    single, crowds = np.flatnonzero(~crowd), np.flatnonzero(crowd)
    for level, iou in enumerate(IOUS):
        least, taken = min(iou, 1 - 1e-10), np.zeros(len(truths), bool)
        for row in range(len(found)):
            free = single[~taken[single]]
            if len(free) and overlap[row, free].max() >= least:
                # pycocotools gives equal overlaps to the last truth.
                best = free[len(free) - 1 - overlap[row, free][::-1].argmax()]
                taken[best] = right[level, row] = True
            elif len(crowds) and overlap[row, crowds].max() >= least:
                ignored[level, row] = True
    return right, ignored
