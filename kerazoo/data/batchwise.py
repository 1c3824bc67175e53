"""Training batches of small pictures in memory: shifted and mirrored a batch at a time.

The general pipeline calls a map for each picture, which for 32x32 pixels costs ten times what is
done to them. The guarantees are the same: what happens to a picture follows from the seed, the
epoch and the picture's number alone, whatever the number of threads and the size of the batch.
"""

from typing import Any

import tensorflow as tf

from kerazoo.data.augment import fold_in, scaled
from kerazoo.data.augmentation import Augmentation
from kerazoo.data.source import Source
from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks import get_task


def is_small(source: Source, record: Augmentation, preprocessing: Preprocessing) -> bool:
    """Whether `small_batches` can do it: arrays of the right size, to be shifted and mirrored.

    A target that says where something is would have to move with each picture: those are left to
    the general pipeline.
    """
    if get_task(source.task).placed or source.encoded or not source.fetch or record.cuts:
        return False
    if record.rand_augment or record.erase or record.colour:
        return False
    size = tuple(source.pictures.element_spec[0].shape[:2])
    return size == preprocessing.size == preprocessing.scaled_size


def small_batches(
    source: Source,
    preprocessing: Preprocessing,
    final: Preprocessing,
    record: Augmentation,
    epochs: tf.data.Dataset,
    start: tuple[int, int],
    batch_size: int,
    branches: tuple[tf.Tensor, tf.Tensor],
    parallel: int,
) -> tf.data.Dataset:
    """Normalised float32 pictures and their targets, without end.

    Args:
        source: Arrays.
        preprocessing: Of the crop.
        final: Of the result: the same, or of a smaller size.
        record: Padding and mirroring.
        epochs: Numbers of the epochs.
        start: The first epoch, and how many of its batches to leave out.
        batch_size: Pictures in a batch; those left over are dropped.
        branches: Seeds of the order and of the shifts.
        parallel: Calls at a time.
    """
    count, steps = source.count, source.count // batch_size
    order, shifts = branches
    fetch = source.fetch
    assert fetch is not None  # `is_small` has asked for it

    def one_epoch(number: tf.Tensor) -> tf.data.Dataset:
        key = fold_in(order, number)
        draws = tf.random.stateless_uniform((count, 3), fold_in(shifts, number))

        def at(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            places = batch * batch_size + tf.range(batch_size, dtype=tf.int64)
            last = tf.constant(count - 1, tf.int64)
            index = tf.random.experimental.index_shuffle(places, key, last)
            return index, tf.gather(draws, index)

        first = tf.where(number == start[0], tf.constant(start[1], tf.int64), 0)
        return tf.data.Dataset.range(first, steps).map(at)

    def load(index: tf.Tensor, draws: tf.Tensor) -> tuple[tf.Tensor, Any]:
        pictures, targets = fetch(index)
        pictures = _shifted(pictures, draws, record)
        if final.size != preprocessing.size:
            pictures = scaled(pictures, final)
        scale, offset = final._affine(pictures.shape[-1])
        return tf.cast(pictures, tf.float32) * scale + offset, targets

    return epochs.flat_map(one_epoch).map(load, num_parallel_calls=parallel)


def _shifted(pictures: tf.Tensor, draws: tf.Tensor, record: Augmentation) -> Any:
    """Padded, cut out again at a random place, and half of them mirrored.

    Args:
        pictures: uint8 `(batch, height, width, channels)`.
        draws: For each, three numbers of 0 to 1: top, left, and whether it is mirrored.
    """
    batch, height, width, channels = pictures.shape
    padding = record.padding if record.crop == "pad" else 0
    margin = [[0, 0], [padding] * 2, [padding] * 2, [0, 0]]
    mode = "CONSTANT" if record.padding_mode == "zeros" else "REFLECT"
    pictures = tf.pad(pictures, margin, mode) if padding else pictures
    corner = tf.cast(draws[:, :2] * (2 * padding + 1), tf.int32)
    rows = corner[:, :1] + tf.range(height)
    columns = tf.range(width)[None]
    if record.flip:
        columns = tf.where(draws[:, 2:] < 0.5, width - 1 - columns, columns)
    pictures = tf.gather(pictures, rows, batch_dims=1)
    pictures = tf.gather(pictures, corner[:, 1:] + columns, axis=2, batch_dims=1)
    return tf.ensure_shape(pictures, (batch, height, width, channels))
