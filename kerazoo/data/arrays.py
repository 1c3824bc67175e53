"""Pictures and their classes in NumPy arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kerazoo._checks import checked
from kerazoo._errors import invalid, unknown
from kerazoo.data.labelled import TASK, check_all_classes
from kerazoo.data.source import Source
from kerazoo.data.splits import cut, split_name


@checked("classes", "name")
def array_source(
    pictures: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str] | int,
    *,
    split: str = "all",
    name: str = "arrays",
) -> Source:
    """Pictures in memory.

    Args:
        pictures: uint8 `(count, height, width, channels)`, 0 to 255.
        labels: Class indices, integers `(count,)` or `(count, 1)`.
        classes: Names of the classes, or how many there are (they are then called by number).
        split: `"all"`, with or without a slice; rows keep the order they have.
        name: For messages.

    Raises:
        ValueError: Arrays that do not fit each other, a label out of range, an empty class.
    """
    pictures, labels = np.asarray(pictures), np.asarray(labels)
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or not pictures.size:
        rule = "a uint8 array (count, height, width, channels) with values 0 to 255"
        raise invalid("pictures", f"{pictures.dtype} {pictures.shape}", rule)
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.dtype.kind not in "ui" or labels.shape != pictures.shape[:1]:
        rule = f"{len(pictures)} integers, one for each picture"
        raise invalid("labels", f"{labels.dtype} {labels.shape}", rule)
    names = tuple(map(str, range(classes) if isinstance(classes, int) else classes))
    outside = np.flatnonzero((labels < 0) | (labels >= len(names)))
    if len(outside):
        rule = f"within 0 to {len(names) - 1}; row {outside[0]} is not"
        raise invalid("labels", int(labels[outside[0]]), rule)
    check_all_classes("labels", f"{labels.dtype} {labels.shape}", labels, names)
    if split_name(split) != "all":
        raise unknown("split", split, ["all"])
    rows = cut(split, len(pictures))
    dataset, fetch = array_rows(pictures[rows], labels[rows].astype("int64"))
    count, shape = len(labels[rows]), pictures.shape[1:]
    kept = {"encoded": False, "fetch": fetch, "shape": shape}
    return Source(name, split, TASK, names, count, dataset, **kept)


def array_rows(pictures: np.ndarray, targets: Any) -> tuple[Any, Any]:
    """`Source.pictures` and `Source.fetch` of arrays; `targets` is a nest of arrays."""
    # The tensors are captured by the graph once; nothing is copied for each epoch.
    x, y = tf.constant(pictures), tf.nest.map_structure(tf.constant, targets)

    def fetch(index: tf.Tensor) -> tuple[tf.Tensor, Any]:
        return tf.gather(x, index), tf.nest.map_structure(lambda each: tf.gather(each, index), y)

    return tf.data.Dataset.range(len(pictures)).map(fetch), fetch
