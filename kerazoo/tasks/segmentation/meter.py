"""How well a segmenter does: what follows from the confusion of its pixels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._errors import counted, invalid
from kerazoo.tasks.segmentation.confusion import Confusion
from kerazoo.tasks.segmentation.masks import class_map
from kerazoo.tasks.segmentation.targets import decoded
from kerazoo.tasks.segmentation.tiles import MASK


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
            f"{counted(self.count, 'picture')} in {self.seconds:.1f} s"
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
    """See `kerazoo.tasks.learning.Meter`: masks at the size of the pictures.

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
        """Takes in a batch: `logits`, `(batch, height, width, classes)`, or what `tiles.merge` made
        of those of tiles, and the source's targets.

        Raises:
            ValueError: Scores of other classes than the source's.
        """
        classes = len(self._source.classes)
        if MASK in outputs:
            for found, data in zip(outputs[MASK], targets["mask"], strict=True):
                self.confusion.update(decoded(data), found)
                self.count += 1
            return
        scores = np.asarray(outputs["logits"])
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
