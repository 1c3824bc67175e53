"""How often each picture is shown, so that rare classes are not drowned by common ones.

After the repeat factors of A. Gupta et al., "LVIS" (arXiv 1908.03195): a picture counts as its
rarest class does, and that as the root of how much rarer it is than the most common one.
"""

import numpy as np
import tensorflow as tf

from kerazoo._errors import invalid
from kerazoo.data.source import Source
from kerazoo.tasks import get_task


def picture_shares(source: Source, strength: float) -> np.ndarray:
    """How often each picture is shown in an epoch, on average: float64 `(count,)` of mean 1.

    Args:
        source: The training pictures.
        strength: 0 shows all equally often, 1 as in the paper; between, the factors' power.

    Raises:
        ValueError: The pictures come in a stream, or the task does not tell what is on them.
    """
    task = get_task(source.task)
    if source.fetch is None:
        rule = f"0 for {source.name!r}, whose pictures come in a stream"
        raise invalid("data.balance", strength, rule)
    rows = []
    for target in source.pictures.map(lambda _, target: target).batch(1024).as_numpy_iterator():
        rows.append(task.present(target, len(source.classes)))
    return shares_of(np.concatenate(rows), strength)


def shares_of(present: np.ndarray, strength: float) -> np.ndarray:
    """The shares by whether each class is on each picture, bool `(pictures, classes)`."""
    pictures = present.sum(axis=0)
    factors = (pictures.max(initial=1) / np.maximum(pictures, 1)) ** (strength / 2)
    found = np.where(present, factors, 1.0).max(axis=1, initial=1.0)
    return found / found.mean()


def place_of(shares: np.ndarray, number: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
    """Which picture has a place of an epoch: each has its share of the places, to one more or less.

    Args:
        shares: Of `picture_shares`.
        number: A place, int64, from 0 to one less than there are pictures.
        shift: 0 to 1, the same within an epoch: which of those that do not come out even have one.
    """
    ends = tf.constant(np.cumsum(shares), tf.float64)
    at = tf.cast(number, tf.float64) + tf.cast(shift, tf.float64)
    found = tf.searchsorted(ends, at[None], side="right", out_type=tf.int64)[0]
    return tf.minimum(found, len(shares) - 1)
