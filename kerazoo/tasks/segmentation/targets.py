"""Targets of segmentation: `{"mask": …}`, a grey PNG of class numbers, 255 where a pixel does not
count. As bytes, since masks of several sizes do not fit into one tensor; `move` decodes them.
"""

import io
from typing import Any

import numpy as np

from kerazoo._errors import invalid
from kerazoo.tasks.segmentation.masks import UNSEEN


def decoded(data: Any) -> np.ndarray:
    """The mask in the bytes of a PNG: uint8 `(height, width)`."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture)


def check_targets(targets: Any, source: Any, complete: bool = False) -> None:
    """Raises `ValueError` unless the stacked targets of a source are masks of its classes.

    Args:
        targets: `"mask"`, bytes `(pictures,)`.
        source: The `kerazoo.data.source.Source` that they are of.
        complete: Whether there has to be something to learn: pixels of two classes.
    """
    if not isinstance(targets, dict) or "mask" not in targets:
        raise invalid("source", source.name, "one with targets that have mask")
    classes, seen = len(source.classes), np.zeros(256, bool)
    for number, data in enumerate(np.asarray(targets["mask"], object)):
        values = np.unique(decoded(data))
        wrong = values[(values >= classes) & (values != UNSEEN)]
        if len(wrong):
            rule = f"one of classes within 0 to {classes - 1}; it has {wrong[0]}"
            raise invalid("source", source.picture_name(number), rule)
        seen[values] = True
    if complete and seen[:UNSEEN].sum() < 2:
        raise invalid("data.train", source.split, "a split with pixels of two classes")


def move(target: dict[str, Any], placement: Any) -> dict[str, Any]:
    """The mask of a picture that was cut and scaled: uint8 `(height, width)` of the result, 255
    where there is no picture.
    """
    import tensorflow as tf

    mask = target["mask"]
    if mask.dtype == tf.string:
        mask = tf.io.decode_png(mask, 1)[..., 0]
    moved = placement.mask(mask, UNSEEN)
    return target | {"mask": tf.ensure_shape(moved, _known(placement.size))}


def _known(size: Any) -> list[int | None]:
    return [int(side) if isinstance(side, int) else None for side in size]


def renumber(target: dict[str, Any], numbers: Any) -> dict[str, Any]:
    """A target whose class c is `numbers[c]` from now on."""
    import tensorflow as tf

    rest = tf.fill([256 - tf.shape(numbers)[0]], tf.constant(UNSEEN, tf.int64))
    table = tf.cast(tf.concat([numbers, rest], 0), tf.uint8)

    def one(mask: Any) -> Any:
        values = tf.io.decode_png(mask, 1)
        return tf.io.encode_png(tf.gather(table, tf.cast(values, tf.int32)), compression=1)

    mask = target["mask"]
    if mask.dtype != tf.string:
        return target | {"mask": tf.gather(table, tf.cast(mask, tf.int32))}
    found = one(mask) if not mask.shape.rank else tf.map_fn(one, mask)
    return target | {"mask": found}
