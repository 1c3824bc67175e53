"""A source that is decoded once and kept in memory, for small pictures that are seen many times."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from kerazoo._errors import invalid
from kerazoo._reading import read_picture
from kerazoo.data.arrays import array_rows
from kerazoo.data.corrupt import find_corrupt, picture_error
from kerazoo.data.source import Source
from kerazoo.tasks import get_task

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
        ValueError: Pictures of different sizes, or a target that the task does not know.
        PictureError: A picture that cannot be decoded.
    """
    if not source.encoded:
        return source

    def decode(data: tf.Tensor, target: Any) -> tuple[tf.Tensor, Any]:
        return read_picture(data, rounding), target

    rows = source.pictures.map(decode, num_parallel_calls=tf.data.AUTOTUNE).prefetch(64)
    pictures, targets = None, []
    try:
        for i, (image, target) in enumerate(rows.as_numpy_iterator()):
            if pictures is None:
                pictures = np.empty((source.count, *image.shape), "uint8")
            if image.shape != pictures.shape[1:]:
                rule = f"one that has pictures of one size; {source.picture_name(i)!r} differs"
                raise invalid("source", source.name, rule)
            pictures[i] = image
            targets.append(target)
    except tf.errors.OpError as error:
        if not (found := find_corrupt(source)):
            raise
        raise picture_error(found) from error
    stacked = tf.nest.map_structure(lambda *each: np.stack(each), *targets)
    get_task(source.task).check_targets(stacked, source)
    assert pictures is not None  # there were targets
    dataset, fetch = array_rows(pictures, stacked)
    return dataclasses.replace(source, pictures=dataset, encoded=False, fetch=fetch)
