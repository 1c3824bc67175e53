"""What a detector's outputs mean: where its anchors lie, how boxes and scores are written.

The network's outputs are `codes` `(batch, anchors, 4)`, as the `coder` writes boxes relative to the
anchors, and `logits` `(batch, anchors, 1 + classes)`, background first. Everything else that
training, evaluation, prediction and exports need to know of them is a `Detector`, which the model
carries as JSON: `ModelInfo.task_facts`, `ExportRecord.task_facts`.

The thresholds that people are shown answers from are no part of it: they are measured, and lie in
the `confidence` of the same record (`kerazoo.confidence.Confidence`), one for each class.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerazoo._errors import invalid
from kerazoo._fields import Record, field, record
from kerazoo._rules import Rule, integer, row
from kerazoo.tasks.detection.anchors import (
    RULES,
    AnchorRule,
    Size,
    make_anchors,
    rule_from_dict,
)
from kerazoo.tasks.detection.boxes import BoxCoder
from kerazoo.tasks.detection.losses import LossRule
from kerazoo.tasks.detection.matching import Matcher
from kerazoo.tasks.detection.postprocess import Suppression

CODES, LOGITS = "codes", "logits"  # the outputs, in this order

_ANCHORS = Rule(
    "an anchor rule of kerazoo.tasks.detection.anchors",
    lambda value: isinstance(value, tuple(RULES.values())),
    {"type": "object"},
    read=lambda value: rule_from_dict(value) if isinstance(value, Mapping) else value,
    write=lambda value: value.to_dict(),
)
_SIDES = row(integer(), "height and width", count=2)


@dataclass(frozen=True)
class Detector(Record, keys="detector key"):
    """See the module.

    Args:
        anchors: Which shapes stand on each map.
        size: Height and width of the network's input in pixels.
        grids: Height and width of each map in cells, finest first.
        coder: How a box is written relative to its anchor.
        matcher: Which anchor learns which box.
        loss: What is minimised.
        suppression: How logits become scores, and which boxes are kept.
    """

    anchors: AnchorRule = field(_ANCHORS)
    size: Size = field(_SIDES)
    grids: tuple[Size, ...] = field(row(_SIDES, "height and width of each map", least=1))
    coder: BoxCoder = field(record(BoxCoder), BoxCoder())
    matcher: Matcher = field(record(Matcher), Matcher())
    loss: LossRule = field(record(LossRule), LossRule())
    suppression: Suppression = field(record(Suppression), Suppression())

    def check_together(self) -> None:
        maps = len(self.anchors.counts)
        if len(self.grids) != maps:
            raise invalid("grids", self.grids, f"{maps} sizes, one for each map of the anchors")

    @property
    def count(self) -> int:
        """Number of anchors."""
        cells = (height * width for height, width in self.grids)
        return sum(n * each for n, each in zip(cells, self.anchors.counts, strict=True))

    def boxes(self) -> np.ndarray:
        """The anchors: float32 `(anchors, 4)`, x1, y1, x2, y2 in pixels of the input."""
        return make_anchors(self.anchors, self.grids, self.size)


def detector_of(carrier: Any) -> Detector:
    """What the outputs of a network mean.

    Args:
        carrier: A model with an `info`, or a `ModelInfo` or `ExportRecord`.

    Raises:
        ValueError: It does not say.
    """
    found = getattr(getattr(carrier, "info", None) or carrier, "task_facts", None)
    if not found:
        name = getattr(carrier, "name", None) or type(carrier).__name__
        raise invalid("model", name, "a detector of kerazoo's, which says where its anchors lie")
    return Detector.from_dict(found)


def anchors_of(carrier: Any) -> np.ndarray:
    """The anchors of a network: float32 `(anchors, 4)`, in pixels of its input.

    Args:
        carrier: As for `detector_of`.
    """
    return detector_of(carrier).boxes()
