"""A source that is decoded once and kept in memory, for small pictures that are seen many times."""

import dataclasses

import numpy as np
import tensorflow as tf

from kerazoo._errors import invalid
from kerazoo.data.arrays import array_rows
from kerazoo.data.augment import decode_other
from kerazoo.data.corrupt import find_corrupt, picture_error
from kerazoo.data.source import Source

LARGEST = 1 << 30  # bytes of pixels that `fits_in_memory` agrees to


def fits_in_memory(source: Source) -> bool:
    """Whether all pictures have one size, as the data set declares, and fill at most `LARGEST`."""
    return bool(source.shape) and source.count * int(np.prod(source.shape)) <= LARGEST


def in_memory(source: Source, rounding: str = "round") -> Source:
    """The same pictures as uint8 RGB arrays; a source of arrays is returned as it is.

    Args:
        source: Its pictures must all have one size.
        rounding: As in `kerazoo.Preprocessing`: whose JPEG decoder, timm's (`"floor"`) or that of
            TensorFlow pipelines (`"round"`).

    Raises:
        ValueError: Pictures of different sizes, or a label out of range.
        PictureError: A picture that cannot be decoded.
    """
    if not source.encoded:
        return source
    transform = "INTEGER_ACCURATE" if rounding == "floor" else ""

    def decode(data: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = tf.cond(
            tf.io.is_jpeg(data),
            lambda: tf.io.decode_jpeg(data, channels=3, dct_method=transform),
            lambda: decode_other(data),
        )
        return image, label

    rows = source.pictures.map(decode, num_parallel_calls=tf.data.AUTOTUNE).prefetch(64)
    pictures, labels = None, np.empty(source.count, "int64")
    try:
        for i, (image, label) in enumerate(rows):
            if pictures is None:
                pictures = np.empty((source.count, *image.shape), "uint8")
            if image.shape != pictures.shape[1:]:
                rule = f"one that has pictures of one size; {source.picture_name(i)!r} differs"
                raise invalid("source", source.name, rule)
            pictures[i], labels[i] = image.numpy(), label.numpy()
    except tf.errors.OpError as error:
        if not (found := find_corrupt(source)):
            raise
        raise picture_error(found) from error
    outside = np.flatnonzero((labels < 0) | (labels >= len(source.classes)))
    if len(outside):
        rule = f"one of labels within 0 to {len(source.classes) - 1}; it has {labels[outside[0]]}"
        raise invalid("source", source.picture_name(int(outside[0])), rule)
    dataset, fetch = array_rows(pictures, labels)
    return dataclasses.replace(source, pictures=dataset, encoded=False, fetch=fetch)
