"""`anchors="auto"`: shapes fitted to the boxes of the training pictures, before the first step."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kerazoo._errors import invalid
from kerazoo.tasks.detection.detector import detector_of
from kerazoo.tasks.detection.fitting import fit_anchors
from kerazoo.tasks.detection.targets import EMPTY

AUTO = "auto"


def fitted_arguments(
    given: Mapping[str, Any], source: Any, preprocessing: Any, build: Callable[..., Any]
) -> Mapping[str, Any]:
    """`Task.arguments` of detection: says which boxes can be found before anything is learned.

    Args:
        given: With `anchors="auto"`, or as they stay.
        source: The training pictures.
        preprocessing: Anchors are fitted after the same resize as in training.
        build: Arguments -> a network without weights.

    Raises:
        ValueError: There is no box to fit to.
    """
    if given.get("anchors") != AUTO:
        return given
    others = {name: value for name, value in given.items() if name != "anchors"}
    detector = detector_of(build(others))
    boxes, classes = boxes_of(source, preprocessing.with_size(detector.size))
    if not len(boxes):
        raise invalid("anchors", AUTO, f"left out: {source.name!r} {source.split!r} has no boxes")
    names, stock = source.classes, detector.anchors
    found = fit_anchors(boxes, classes, names, detector.grids, detector.size, stock)
    print(found, flush=True)
    return others | {"anchors": found.rule.to_dict()}


def boxes_of(source: Any, preprocessing: Any) -> tuple[np.ndarray, np.ndarray]:
    """All boxes to be found, in pixels of the network's input, and their classes.

    Args:
        source: Pictures; they are not decoded.
        preprocessing: How they are resized.
    """
    boxes, classes = [np.zeros((0, 4))], [np.zeros(0, "int64")]
    for target in source.pictures.map(lambda _, target: target).as_numpy_iterator():
        real = (target["classes"] > EMPTY) & ~target["crowd"]
        height, width = map(int, target["size"])
        placed = preprocessing.place(height, width).boxes(target["boxes"][real], clip=True)
        seen = (placed[:, 2:] > placed[:, :2]).all(axis=1)
        boxes.append(placed[seen])
        classes.append(target["classes"][real][seen])
    return np.concatenate(boxes), np.concatenate(classes)
