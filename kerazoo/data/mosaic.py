"""Four pictures of a batch side by side in one, of which a part is cut out.

Things come in other places and sizes, and beside others, than they were photographed (A.
Bochkovskiy et al., "YOLOv4", arXiv 2004.10934). A picture is put together with the next three of
its batch, which was shuffled: none is read for it.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from kerazoo.placement import Placement

fold_in = tf.random.experimental.stateless_fold_in

LEAST = 0.2  # of a side: so much of each of the four is seen at least


def mosaics(
    batches: tf.data.Dataset, task: Any, probability: float, branch: tf.Tensor, first: int
) -> tf.data.Dataset:
    """Batches in which some of the pictures are four, of the same size, and their targets.

    Args:
        batches: Of float32 pictures `(batch, height, width, channels)`, whose number is known, and
            targets in pixels of these.
        task: Of the targets: it `move`s and `join`s them.
        probability: For each picture.
        branch: Of the run's seed.
        first: Number of the first batch.
    """
    count = batches.element_spec[0].shape[0]

    @tf.autograph.experimental.do_not_convert
    def within(number: tf.Tensor, batch: tuple) -> tf.data.Dataset:
        seed = fold_in(branch, number)

        @tf.autograph.experimental.do_not_convert
        def at(place: tf.Tensor) -> tuple[tf.Tensor, Any]:
            draws = tf.random.stateless_uniform((4,), fold_in(seed, place))
            four = [(place + step) % count for step in range(4)]
            some = [tf.nest.map_structure(lambda y, i=i: y[i], batch) for i in four]
            pictures, targets = zip(*some, strict=True)
            return _one(pictures, targets, task, draws[0] < probability, draws)

        return tf.data.Dataset.range(count).map(at, num_parallel_calls=tf.data.AUTOTUNE)

    return batches.enumerate(first).flat_map(within).batch(count, drop_remainder=True)


def _one(
    pictures: Sequence[tf.Tensor],
    targets: Sequence[Any],
    task: Any,
    wanted: tf.Tensor,
    draws: tf.Tensor,
) -> tuple[tf.Tensor, Any]:
    height, width, channels = pictures[0].shape
    window = [_span(side, draws[1], draws[place]) for side, place in ((height, 2), (width, 3))]
    (top, tall), (left, wide) = window

    def four() -> tf.Tensor:
        rows = [tf.concat(pictures[row : row + 2], 1) for row in (0, 2)]
        part = tf.concat(rows, 0)[top : top + tall, left : left + wide]
        return tf.image.resize(part, (height, width), antialias=True)

    image = tf.ensure_shape(tf.cond(wanted, four, lambda: pictures[0]), (height, width, channels))
    moved = []
    for number, target in enumerate(targets):
        beside = top - number // 2 * height, left - number % 2 * width, tall, wide
        # Alone the first fills the picture, and the others are far outside of it.
        alone = (0 if number == 0 else -9 * height, 0, height, width)
        seen = tuple(tf.where(wanted, a, b) for a, b in zip(beside, alone, strict=True))
        size = height, width
        moved.append(task.move(target, Placement.of_window(size, seen, size)))
    return image, task.join(moved)


def _span(side: int, zoom: tf.Tensor, place: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where the part begins and how long it is, of a row of two pictures."""
    long = (1 + zoom) * side
    low, high = (
        tf.maximum((1 + LEAST) * side - long, 0.0),
        tf.minimum((1 - LEAST) * side, 2 * side - long),
    )
    start = low + place * (high - low)
    start, long = (tf.cast(tf.round(each), tf.int32) for each in (start, long))
    return start, tf.minimum(long, 2 * side - start)
