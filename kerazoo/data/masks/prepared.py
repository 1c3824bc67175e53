"""Pictures with masks that TFDS has prepared, as `oxford_iiit_pet` has them.

A mask is a feature of one channel beside `image`. Where it is a `LabeledImage`, its values have
names; of others the sets in `KNOWN` are known, and whoever opens another one says what its values
mean, or each is a class.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kerazoo._errors import invalid
from kerazoo.data.masks.source import TASK
from kerazoo.data.masks.values import (
    IGNORED,
    Values,
    as_png,
    found_values,
    given_values,
    read_values,
    turned,
)
from kerazoo.data.source import Source
from kerazoo.pictures import picture_header

# Value -> class, and the values that do not count. Of the pets these are the border between both.
# https://www.tensorflow.org/datasets/catalog/oxford_iiit_pet
KNOWN: dict[str, tuple[dict[int, str], tuple[int, ...]]] = {
    "oxford_iiit_pet": ({1: "pet", 2: "background"}, (3,)),
}
_USUAL = ("segmentation_mask", "segmentation_label", "mask", "annotation", "label")


def mask_feature(features: Mapping[str, Any]) -> str | None:
    """Name of the feature of a TFDS set that has a class for every pixel; None without one."""
    import tensorflow_datasets as tfds

    found = [
        name
        for name, feature in features.items()
        if name != "image" and isinstance(feature, tfds.features.Image) and feature.shape[-1] == 1
    ]
    return next((name for name in _USUAL if name in found), found[0] if found else None)


def prepared_masks(
    name: str,
    split: str,
    feature: Any,
    key: str,
    rows: tf.data.Dataset,
    count: int,
    *,
    classes: Mapping[int, str] | Sequence[str] | None = None,
    ignore: Sequence[int] = (),
) -> Source:
    """The pictures of a split as a `Source`; they come in a stream.

    Args:
        name, split: For the source.
        feature, key: Of the masks, and its name.
        rows: As TFDS reads them, `image` and the mask encoded.
        count: Of the pictures.
        classes, ignore: As for `masks_source`, in place of what the set says itself.

    Raises:
        ValueError: `classes` that are none, or (when read) a mask of another size than its picture
            or with a value that stands for no class.
    """
    meaning = _meaning(name, feature, key, rows, classes, ignore)

    def encoded(picture: bytes, mask: bytes) -> bytes:
        where = f"{name} {split}, a {key}"
        values = read_values(mask, where)
        (height, width), orientation = picture_header(picture)
        if values.shape != (height, width):
            rule = f"of {width} x {height} pixels, as its picture is stored"
            raise invalid("mask", f"{where} of {values.shape[1]} x {values.shape[0]}", rule)
        return as_png(turned(meaning.encode(values, where), orientation))

    def row(each: Mapping[str, Any]) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        mask = tf.numpy_function(encoded, [each["image"], each[key]], tf.string)
        return each["image"], {"mask": tf.ensure_shape(mask, ())}

    pictures = rows.map(row, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return Source(name, split, TASK, meaning.classes, count, pictures)


def _meaning(
    name: str,
    feature: Any,
    key: str,
    rows: tf.data.Dataset,
    classes: Any,
    ignore: Sequence[int],
) -> Values:
    names = getattr(feature, "names", None)
    known = KNOWN.get(name.partition("/")[0])
    if classes is not None:
        return given_values(classes, ignore)
    if known is not None and not ignore:
        return given_values(*known)
    if names:
        return given_values({i: each for i, each in enumerate(names) if i not in ignore}, ignore)
    seen: set[int] = set()
    for each in rows.as_numpy_iterator():
        seen |= {int(v) for v in np.unique(read_values(each[key], f"{name}, a {key}"))}
    found = found_values([value for value in seen if value not in ignore])
    return Values(found.classes, {**found.of_value, **dict.fromkeys(ignore, IGNORED)})
