"""What folders, CSV files and arrays have in common: one class for every picture."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kerazoo._errors import invalid
from kerazoo.data.source import Source
from kerazoo.data.splits import by_fraction, cut, hash_order, named, split_name

TASK = "classification"


def file_source(
    name: str, split: str, classes: tuple[str, ...], files: list[str], labels: np.ndarray
) -> Source:
    """Pictures that are files, with the class of each: integers `(count,)`."""
    paths, y = tf.constant(files), tf.constant(labels.astype("int64"))

    def fetch(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.io.read_file(tf.gather(paths, index)), tf.gather(y, index)

    dataset = tf.data.Dataset.range(len(files)).map(fetch, num_parallel_calls=tf.data.AUTOTUNE)
    count = len(files)
    return Source(name, split, TASK, classes, count, dataset, fetch=fetch, files=tuple(files))


def choose(
    split: str,
    labels: np.ndarray,
    names: Sequence[str],
    fractions: Mapping[str, float] | None,
    seed: int,
) -> np.ndarray:
    """Indices of the pictures of a split, in the order of a hash of their names."""
    order = hash_order(names, seed)
    if fractions:
        order = by_fraction(split_name(split), labels, fractions, order)
    order = order[named(split, names)[order]]
    return order[cut(split, len(order), by_name=True)]


def check_all_classes(argument: str, value: Any, labels: np.ndarray, classes: Sequence[str]):
    """Raises `ValueError` on `argument` unless every class occurs among `labels`."""
    counts = np.bincount(labels, minlength=len(classes))
    if not counts.all():
        empty = [classes[int(i)] for i in np.flatnonzero(counts == 0)]
        rule = f"a set with pictures of every class; none of {', '.join(map(repr, empty[:5]))}"
        raise invalid(argument, str(value), rule)
