"""What a segmenter says of a source, summed up: its confusion."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerazoo.tasks.segmentation.confusion import Confusion
from kerazoo.tasks.segmentation.figures import draw_confusion
from kerazoo.tasks.segmentation.meter import SegmentationMeter


@dataclass(frozen=True, eq=False)
class Answers:
    """What `gather` makes.

    Attributes:
        confusion: Of all pixels.
        count: Number of pictures.
    """

    confusion: Confusion
    count: int

    @property
    def headline(self) -> float:
        """The mean IoU."""
        return self.confusion.mean_iou

    @property
    def interval(self) -> None:
        """Nobody knows: pixels of one picture are no independent draws."""
        return None


def gather(batches: Iterable[tuple[Mapping[str, Any], Any]], source: Any, network: Any) -> Answers:
    """The confusion of a source; see `Task.gather`."""
    meter = SegmentationMeter(source, network)
    for outputs, targets in batches:
        meter.update(outputs, targets)
    return Answers(meter.confusion, meter.count)


def draw(answers: Answers, folder: Path) -> None:
    """See `Task.draw_figures`."""
    draw_confusion(answers.confusion, answers.count, folder)
