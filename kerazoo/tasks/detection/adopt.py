"""What a trained detector knows of classes that a new one has too."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerazoo.labels import shared_classes
from kerazoo.tasks.detection.detector import detector_of

BACKGROUND = 1  # it comes before the classes, and is the same in all detectors


def adopt(
    model: Any, labels: Sequence[str], classes: Sequence[str], build: Callable[[], Any]
) -> int:
    """Copies rows of the class predictors, by name; see `Task.adopt`.

    Detectors whose maps have other numbers of anchors are left as they are.
    """
    shared = shared_classes(classes, labels)
    old = build()
    counts = detector_of(model).anchors.counts
    if detector_of(old).anchors.counts != counts:
        return 0
    to = [0, *(number + BACKGROUND for number in shared)]
    source = [0, *(number + BACKGROUND for number in shared.values())]
    for number, count in enumerate(counts, 1):
        layer, other = (each.get_layer(f"classes{number}_conv") for each in (model, old))
        weights = [
            _rows(new, given, count, to, source)
            for new, given in zip(layer.get_weights(), other.get_weights(), strict=True)
        ]
        layer.set_weights(weights)
    return len(shared)


def _rows(
    new: np.ndarray, old: np.ndarray, anchors: int, to: list[int], source: list[int]
) -> np.ndarray:
    """The last axis of both is (anchor, class)."""
    result = new.reshape(*new.shape[:-1], anchors, -1).copy()
    result[..., to] = old.reshape(*old.shape[:-1], anchors, -1)[..., source]
    return result.reshape(new.shape)
