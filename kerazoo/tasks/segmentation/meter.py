"""How well a segmenter does: pixels by true and predicted class, and what follows from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._errors import invalid
from kerazoo.tasks.segmentation.masks import UNSEEN, class_map
from kerazoo.tasks.segmentation.targets import decoded


class Confusion:
    """Pixels by true class (row) and predicted class (column).

    Pixels whose truth is `UNSEEN` (255) do not count; those that the network did not see count as
    wrong.

    Args:
        names: Of the classes.

    Attributes:
        matrix: int64 `(classes, classes + 1)`; the last column is of pixels without a prediction.
    """

    def __init__(self, names: Sequence[str]):
        self.names = tuple(names)
        self.matrix = np.zeros((len(self.names), len(self.names) + 1), "int64")

    def update(self, truth: np.ndarray, predicted: np.ndarray) -> None:
        """Takes in a mask, or several.

        Args:
            truth: True classes, of any integer type and shape.
            predicted: The same of the network.

        Raises:
            ValueError: They differ in shape, or hold classes that there are not.
        """
        truth, predicted = np.asarray(truth), np.asarray(predicted)
        if truth.shape != predicted.shape:
            raise invalid("truth", truth.shape, f"of the size of the prediction, {predicted.shape}")
        counts = truth != UNSEEN
        truth, predicted = truth[counts].astype("int64"), predicted[counts].astype("int64")
        classes = len(self.names)
        predicted = np.where(predicted == UNSEEN, classes, predicted)
        _check_classes("truth", truth, classes, classes)
        _check_classes("predicted", predicted, classes + 1, classes)
        pairs = truth * (classes + 1) + predicted
        self.matrix += np.bincount(pairs, minlength=self.matrix.size).reshape(self.matrix.shape)

    @property
    def iou(self) -> np.ndarray:
        """Intersection over union of each class, 0 to 1; NaN where it is in neither mask."""
        right, classes = np.diagonal(self.matrix), len(self.names)
        union = self.matrix.sum(1) + self.matrix[:, :classes].sum(0) - right
        with np.errstate(invalid="ignore"):
            return right / union

    @property
    def mean_iou(self) -> float:
        """Mean over the classes that are in either mask."""
        return float(np.nanmean(self.iou))

    @property
    def pixel_accuracy(self) -> float:
        """Share of the pixels that are named rightly."""
        return float(np.diagonal(self.matrix).sum() / self.matrix.sum())

    @property
    def constant(self) -> float:
        """Mean IoU of the best answer that is the same for every pixel: what is to be beaten."""
        there = self.matrix.sum(1)
        others = np.count_nonzero(there)
        return float((there / there.sum()).max() / others)


def _check_classes(name: str, values: np.ndarray, least_wrong: int, classes: int) -> None:
    wrong = values[(values < 0) | (values >= least_wrong)]
    if wrong.size:
        raise invalid(name, int(wrong[0]), f"a class from 0 to {classes - 1}, or {UNSEEN}")


@dataclass(frozen=True)
class Overlap:
    """What was measured on a data set.

    Attributes:
        miou: Mean IoU in percent, over the classes that are in a truth or in a prediction.
        pixel_accuracy: Percent of the pixels that are named rightly.
        iou: Of each class in percent, by name; None for one that is nowhere.
        constant: Mean IoU in percent of the best single class for every pixel.
        count: Pictures.
        seconds: Wall time.
        confusion: What these follow from.
    """

    miou: float
    pixel_accuracy: float
    iou: Mapping[str, float | None]
    constant: float
    count: int
    seconds: float
    confusion: Confusion = field(compare=False, repr=False)

    @property
    def headline(self) -> float:
        """The mean IoU as a share of 1."""
        return self.miou / 100

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers, for JSON."""
        return {
            "miou": self.miou,
            "pixel_accuracy": self.pixel_accuracy,
            "iou": dict(self.iou),
            "constant": self.constant,
            "count": self.count,
            "seconds": self.seconds,
        }

    def draw(self, folder: Path) -> None:
        """Leaves `confusion.png` in a folder."""
        from kerazoo.tasks.segmentation.figures import draw_confusion

        draw_confusion(self.confusion, self.count, folder)

    def __str__(self) -> str:
        return (
            f"mIoU {self.miou:.2f} % (one class everywhere: {self.constant:.2f} %), "
            f"pixel accuracy {self.pixel_accuracy:.2f} %, "
            f"{self.count} pictures in {self.seconds:.1f} s"
        )


def measured(confusion: Confusion, count: int, seconds: float) -> Overlap:
    """The figures of a confusion.

    Raises:
        ValueError: It has no pixel.
    """
    if not confusion.matrix.sum():
        raise ValueError("No pixel was measured: the truth of every one is left out (255).")
    shares = {
        name: None if np.isnan(value) else 100 * float(value)
        for name, value in zip(confusion.names, confusion.iou, strict=True)
    }
    return Overlap(
        100 * confusion.mean_iou,
        100 * confusion.pixel_accuracy,
        shares,
        100 * confusion.constant,
        count,
        seconds,
        confusion,
    )


class SegmentationMeter:
    """See `kerazoo.tasks.task.Meter`: masks at the size of the pictures.

    Args:
        source: Its `classes` are those of the network.
        network: A `kerazoo.predictor.Predictor`, which knows where pictures were put.

    Attributes:
        confusion: Of the pictures so far.
        count: How many.
    """

    def __init__(self, source: Any, network: Any) -> None:
        self._source, self._network = source, network
        self.confusion, self.count = Confusion(source.classes), 0

    def update(self, outputs: Mapping[str, Any], targets: Any) -> None:
        """Takes in a batch: `logits`, `(batch, height, width, classes)`, and the source's targets.

        Raises:
            ValueError: Scores of other classes than the source's.
        """
        scores = np.asarray(outputs["logits"])
        classes = len(self._source.classes)
        if scores.ndim != 4 or scores.shape[-1] != classes:
            rule = f"a segmenter of the {classes} classes of {self._source.name!r}"
            raise invalid("model", f"logits of shape {scores.shape}", rule)
        for each, data in zip(scores, targets["mask"], strict=True):
            truth = decoded(data)
            placement = self._network.preprocessing.place(*truth.shape)
            self.confusion.update(truth, class_map(each, placement))
            self.count += 1

    def result(self, seconds: float) -> Overlap:
        """The figures of all pictures so far."""
        return measured(self.confusion, self.count, seconds)
