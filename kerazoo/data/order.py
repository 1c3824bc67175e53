"""In which order pictures are shown: the same for the same seed, and as if never interrupted."""

import numpy as np
import tensorflow as tf

from kerazoo._errors import invalid
from kerazoo.data.augment import fold_in
from kerazoo.data.balance import place_of
from kerazoo.data.corrupt import Tally
from kerazoo.data.source import Source

# Of functions for `map`: autograph would rewrite all that they call, a second for each pipeline.
as_it_is = tf.autograph.experimental.do_not_convert


def numbered_rows(
    source: Source,
    branch: tf.Tensor,
    epoch: int,
    per_epoch: int,
    tally: Tally,
    cache: bool,
    shuffle_buffer: int,
    shares: np.ndarray | None = None,
) -> tf.data.Dataset:
    """(epoch, number of the picture, what it is loaded from), without end.

    Args:
        source: The pictures.
        branch: Of the seed.
        epoch: The first one.
        per_epoch: Pictures that are shown in each.
        tally: Of those that cannot be decoded.
        cache: Whether a stream is kept in memory, encoded.
        shuffle_buffer: Pictures of a stream to choose from.
        shares: How often each picture is shown in an epoch on average; None for once.
    """
    if shares is not None and not source.fetch:
        raise invalid("shares", "given", f"None for {source.name!r}, which comes in a stream")

    def by_number(number: tf.Tensor) -> tf.data.Dataset:
        # A permutation that is computed place by place: no buffer, and all pictures take part.
        key = fold_in(branch, number)
        last = tf.constant(source.count - 1, tf.int64)

        @as_it_is
        def at(place: tf.Tensor) -> tuple:
            index = tf.random.experimental.index_shuffle(place, key, last)
            if shares is None:
                return number, index, index
            found = place_of(shares, index, tf.random.stateless_uniform((), key))
            # Shown twice in an epoch, it is varied twice: the place makes another seed.
            return number + index * 2**32, found, found

        return tf.data.Dataset.range(per_epoch).map(at)

    @as_it_is
    def any_good(number: tf.Tensor) -> tf.Tensor:
        # With nothing but corrupt pictures the data ends: it would never yield a batch.
        done = tf.cast(number - epoch, tf.int32)
        return (done < 2) | (tf.reduce_min(tally.marks) < done)

    epochs = tf.data.Dataset.range(epoch, tf.int64.max).take_while(any_good)
    if source.fetch:
        return epochs.flat_map(by_number)
    numbered = source.pictures.enumerate()
    numbered = numbered.cache() if cache else numbered

    def in_a_stream(number: tf.Tensor) -> tf.data.Dataset:
        # In a graph this sets the graph's seed, and keeps the user's global one out of it.
        tf.random.set_seed(1)
        key = tf.random.stateless_uniform((), fold_in(branch, number), None, None, tf.int64)
        shuffled = numbered.shuffle(shuffle_buffer, seed=key, reshuffle_each_iteration=False)
        return shuffled.take(per_epoch).map(lambda index, row: (number, index, row))

    return epochs.flat_map(in_a_stream)
