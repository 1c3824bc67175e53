"""Targets of detection: a dict of boxes and their classes, as `kerazoo.data.boxes` describes it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerazoo._errors import invalid

KEYS = ("boxes", "classes", "crowd")
EMPTY = -1  # class of a place without a box


def check_targets(targets: Any, source: Any, complete: bool = False) -> None:
    """Raises `ValueError` unless the stacked targets of a source are boxes of its classes.

    Args:
        targets: Arrays by name, `(pictures, boxes, …)`.
        source: The `kerazoo.data.source.Source` that they are of.
        complete: Whether there has to be something to learn: a box.
    """
    if not isinstance(targets, dict) or (missing := [k for k in KEYS if k not in targets]):
        missing = missing if isinstance(targets, dict) else KEYS
        raise invalid("source", source.name, f"one with targets that have {', '.join(missing)}")
    classes = np.asarray(targets["classes"])
    wrong = np.argwhere((classes < EMPTY) | (classes >= len(source.classes)))
    if len(wrong):
        picture, place = wrong[0]
        rule = f"one of classes within 0 to {len(source.classes) - 1}; it has "
        name = source.picture_name(int(picture))
        raise invalid("source", name, rule + str(classes[picture, place]))
    if complete and not (classes > EMPTY).any():
        raise invalid("data.train", source.split, "a split with a box")


def regions(target: dict[str, Any]) -> Any:
    """Boxes that a crop may be chosen for: `(n, 4)`, without area where there is none."""
    import tensorflow as tf

    wanted = (target["classes"] > EMPTY) & ~target["crowd"]
    return tf.where(wanted[:, None], target["boxes"], 0.0)


def move(target: dict[str, Any], placement: Any) -> dict[str, Any]:
    """The target of a picture that was cut and scaled.

    A box whose centre is cut off is none to be found any more; what is left of it in the picture
    is not background either: it counts as `crowd`. Others are cut at the picture's sides.
    """
    import tensorflow as tf

    moved = placement.boxes(target["boxes"])
    boxes = placement.boxes(target["boxes"], clip=True)
    centres = (moved[..., :2] + moved[..., 2:]) / 2
    limits = tf.cast(tf.stack([placement.size[1], placement.size[0]]), centres.dtype)
    inside = tf.reduce_all((centres >= 0) & (centres <= limits), -1)
    visible = tf.reduce_all(boxes[..., 2:] > boxes[..., :2], -1) & (target["classes"] > EMPTY)
    return target | {
        "boxes": tf.where(visible[..., None], boxes, 0.0),
        "classes": tf.where(visible, target["classes"], EMPTY),
        "crowd": visible & (target["crowd"] | ~inside),
    }


def renumber(target: dict[str, Any], numbers: Any) -> dict[str, Any]:
    """A target whose class c is `numbers[c]` from now on."""
    import tensorflow as tf

    classes = target["classes"]
    found = tf.gather(numbers, tf.maximum(classes, 0))
    return target | {"classes": tf.where(classes > EMPTY, found, classes)}


def join(targets: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The boxes of all of them; what is of a picture as a whole is that of the first."""
    import tensorflow as tf

    boxes = {
        key: tf.concat([each[key] for each in targets], 0)
        for key in (*KEYS, "areas")
        if key in targets[0]
    }
    return targets[0] | boxes


def present(targets: dict[str, np.ndarray], classes: int) -> np.ndarray:
    """Which classes have a box on which picture: bool `(batch, classes)`."""
    there = np.where(targets["crowd"], EMPTY, targets["classes"])
    return (there[..., None] == np.arange(classes)).any(axis=1)
