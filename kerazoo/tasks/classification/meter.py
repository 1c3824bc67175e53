"""How many pictures a classifier names rightly."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._errors import counted, invalid

_NORMAL = 1.959964  # standard deviations to either side that hold 95 % of a normal distribution


@dataclass(frozen=True)
class Accuracy:
    """Accuracy on a data set.

    Attributes:
        top1, top5: In percent.
        count: Pictures.
        seconds: Of the clock.
    """

    top1: float
    top5: float
    count: int
    seconds: float

    @property
    def headline(self) -> float:
        """Top-1 as a share of 1."""
        return self.top1 / 100

    @property
    def interval(self) -> tuple[float, float]:
        """Where `top1` on all such pictures is, in percent, with 95 % confidence."""
        low, high = wilson_interval(round(self.top1 * self.count / 100), self.count)
        return 100 * low, 100 * high

    def draw(self, folder: Path) -> None:
        """Nothing: what can be drawn needs the answers, see `Task.draw_figures`."""

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers, for JSON; `interval` is that of `top1`, in percent."""
        return {**asdict(self), "interval": [round(each, 2) for each in self.interval]}

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"top-1 {self.top1:.2f} %, top-5 {self.top5:.2f} %, "
            f"{counted(self.count, 'picture')} in {self.seconds:.1f} s; "
            f"95 % interval of top-1: {low:.1f} to {high:.1f} %"
        )


def wilson_interval(right: int, count: int) -> tuple[float, float]:
    """Lowest and highest share that `right` of `count` speak for, with 95 % confidence.

    Wilson's score interval: right for few pictures and for shares near 0 and 1 too.
    """
    share, spread = right / count, _NORMAL**2 / count
    middle = share + spread / 2
    half = _NORMAL * math.sqrt(share * (1 - share) / count + spread / (4 * count))
    return max(0.0, (middle - half) / (1 + spread)), min(1.0, (middle + half) / (1 + spread))


class ClassificationMeter:
    """Counts classes that are the best, and among the best five.

    Scores that tie are ranked by class index, so equal scores earn nothing.

    Args:
        source: Its `classes` are those of the scores.
    """

    def __init__(self, source: Any):
        self._source, self._hits, self._count = source, np.zeros(2, "int64"), 0

    def update(self, outputs: Mapping[str, Any], targets: Any) -> None:
        """Takes in a batch.

        Args:
            outputs: `scores`, `(batch, classes)`.
            targets: Classes, int64 `(batch,)`.

        Raises:
            ValueError: Scores of other classes than the source's.
        """
        scores, labels = np.asarray(outputs["scores"]), np.asarray(targets)
        classes = len(self._source.classes)
        if scores.ndim != 2 or scores.shape[1] != classes:
            rule = f"a classifier of the {classes} classes of {self._source.name!r}"
            raise invalid("model", f"scores of shape {scores.shape}", rule)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :5] == labels[:, None]
        self._hits += best[:, :1].sum(), best.sum()
        self._count += len(labels)

    def result(self, seconds: float) -> Accuracy:
        """Top-1 and top-5 of all pictures so far."""
        if not self._count:
            raise ValueError("No picture was measured.")
        top1, top5 = (100 * self._hits / self._count).tolist()
        return Accuracy(top1, top5, self._count, seconds)
