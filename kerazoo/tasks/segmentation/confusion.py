"""Pixels by true and predicted class."""

from collections.abc import Sequence

import numpy as np

from kerazoo._errors import invalid
from kerazoo.tasks.segmentation.masks import UNSEEN


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
