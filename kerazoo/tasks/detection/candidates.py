"""Boxes and scores out of a detector's outputs, before suppression."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kerazoo._errors import invalid
from kerazoo.tasks.detection.detector import CODES, LOGITS, Detector
from kerazoo.tasks.detection.postprocess import Suppression

BOXES, SCORES = "boxes", "scores"  # in place of codes and logits, where tiles were merged


@dataclass(frozen=True, eq=False)
class Candidates:
    """Of a batch of pictures.

    Attributes:
        boxes: float32 `(batch, n, 4)`, in pixels of the network's input; of the picture where
            tiles were merged.
        scores: float32 `(batch, n, classes)`.
        rule: What is kept of them.
        merged: Whether they are of tiles that were merged, which `rule` has been applied to.
    """

    boxes: np.ndarray
    scores: np.ndarray
    rule: Suppression
    merged: bool


def candidates(outputs: Mapping[str, Any], detector: Detector) -> Candidates:
    """What outputs say, the network's own or those of `tiles.merge`.

    Raises:
        ValueError: They have another shape, or are not finite.
    """
    if BOXES in outputs:
        still = replace(
            detector.suppression, iou=1.0, candidates=None, per_class=None, total=None
        )  # nothing overlaps by more than 1
        return Candidates(outputs[BOXES], outputs[SCORES], still, True)
    codes, logits = (np.asarray(outputs[name], "float32") for name in (CODES, LOGITS))
    for name, array, last in ((CODES, codes, 4), (LOGITS, logits, None)):
        if (
            array.ndim != 3
            or array.shape[1] != detector.count
            or last not in (None, array.shape[2])
        ):
            rule = f"{name} (batch, {detector.count}, {last or '1 + classes'})"
            raise invalid("outputs", array.shape, rule)
        if not np.isfinite(array).all():
            raise invalid("outputs", f"{name} that are NaN or infinite", "finite")
    boxes = detector.coder.decode_array(detector.boxes(), codes)
    scores = detector.suppression.scores(logits)
    return Candidates(boxes, scores, detector.suppression, False)


def class_count(outputs: Mapping[str, Any]) -> int:
    """How many classes outputs have scores of, background left out."""
    if SCORES in outputs:
        return np.shape(outputs[SCORES])[-1]
    return np.shape(outputs[LOGITS])[-1] - 1
