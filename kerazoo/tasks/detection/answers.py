"""What a detector found in every picture of a source, kept to be looked at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerazoo.confidence import Confidence
from kerazoo.data.source import Source
from kerazoo.tasks.detection.average_precision import match_class
from kerazoo.tasks.detection.evaluation import BoxMeter, DetectionFigures
from kerazoo.tasks.detection.meter import Classes, DetectionMeter

UNSURE = 0.5  # threshold of a class of which nothing was found rightly


@dataclass(frozen=True, eq=False)
class Answers:
    """What `gather` makes.

    Attributes:
        source: The pictures.
        indices: Place of each picture in the source, int64 `(count,)`.
        classes: Which class of the network is which of the source.
        boxes: Truths and detections of all pictures.
        figures: What was measured of them.
        interval: Where AP of all such pictures is, with 95 % confidence.
    """

    source: Source
    indices: np.ndarray
    classes: Classes
    boxes: BoxMeter
    figures: DetectionFigures
    interval: tuple[float, float] | None

    @property
    def headline(self) -> float:
        """AP, 0 to 1."""
        return self.figures.headline

    @property
    def count(self) -> int:
        """Number of pictures."""
        return self.figures.count

    def thresholds(self) -> np.ndarray:
        """Of each measured class the score with the best F1, or `UNSURE`."""
        known = self.figures.thresholds
        return np.array([known.get(name, UNSURE) for name in self.classes.names])

    def judged(self, row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of one picture, at the thresholds and IoU 0.5.

        Returns:
            Rows of its detections above the threshold; whether each is right (or lies on a crowd);
            and of each truth whether it was missed.
        """
        picture = self.boxes.pictures[row]
        shown = np.flatnonzero(picture["scores"] >= self.thresholds()[picture["classes"]])
        right = np.zeros(len(shown), bool)
        missed = ~picture["crowd"]
        for number in np.unique(np.append(picture["classes"][shown], picture["labels"])):
            truths = np.flatnonzero(picture["labels"] == number)
            mine = np.flatnonzero(picture["classes"][shown] == number)
            rows = shown[mine]
            order = np.argsort(-picture["scores"][rows], kind="stable")
            mine, rows = mine[order], rows[order]
            given = picture["truths"][truths], picture["crowd"][truths]
            found = match_class([(*given, picture["boxes"][rows], picture["scores"][rows])])
            # More than COCO's 100 of a class in a picture are not judged: they count as wrong.
            right[mine[: len(found.scores)]] = found.right[0] | found.ignored[0]
            hits = int(found.right[0].sum())
            missed[truths] = _missed(picture, truths, rows[: len(found.scores)][found.right[0]])
            assert missed[truths].sum() + hits == (~picture["crowd"][truths]).sum()
        return shown, right, missed


def _missed(picture: Mapping[str, np.ndarray], truths: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """Of truths of one class, whether none of the right detections, best first, is theirs."""
    from kerazoo.tasks.detection.boxes import overlaps

    free = ~picture["crowd"][truths]
    shared = overlaps(picture["boxes"][hits], picture["truths"][truths])
    for row in shared:
        taken = np.where(free, row, -1.0)
        # COCO gives equal overlaps to the last truth.
        free[len(taken) - 1 - taken[::-1].argmax()] = False
    return free


def gather(
    batches: Iterable[tuple[Mapping[str, Any], Any]],
    source: Source,
    indices: np.ndarray,
    network: Any,
) -> Answers:
    """All that a detector found in a source; arguments as of `Task.gather`."""
    meter = DetectionMeter(source, network)
    for outputs, targets in batches:
        meter.update(outputs, targets)
    interval = meter.boxes.interval()
    return Answers(source, indices, meter.classes, meter.boxes, meter.result(0.0), interval)


def calibrate(model: Any, answers: Answers) -> Confidence:
    """The score of each class from which on its boxes are worth showing; weights stay.

    Args:
        model: The detector; its classes are in its order.
        answers: Of it, on pictures that it has not learned from.
    """
    known = np.append(answers.thresholds(), UNSURE)  # the last for classes that were not measured
    thresholds = known[answers.classes.of_network]
    return Confidence(1.0, tuple(float(each) for each in thresholds), answers.count)
