"""Pictures that cannot be decoded: counted and named, while the pipeline goes on."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from kerazoo._checks import check_int, checked
from kerazoo._reading import read_picture
from kerazoo.data.source import Source
from kerazoo.pictures import PictureError


@dataclass(frozen=True)
class Corrupt:
    """A picture that could not be decoded: its `index` in the source, `name` and the `reason`."""

    index: int
    name: str
    reason: str


class Tally:
    """How often each picture was begun and not finished.

    A failing op ends its map call, and tf.data drops what it made. So a mark is set before
    decoding and taken back after it, both in the graph: what stays marked has failed, or is still
    under way.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        with tf.device("CPU:0"):
            self.marks = tf.Variable(tf.zeros((source.count,), tf.int32), trainable=False)

    def begin(self, index: tf.Tensor) -> tf.Operation:
        """Marks a picture; the decoding must depend on it."""
        return self.marks.scatter_add(tf.IndexedSlices(1, index))

    def done(self, index: tf.Tensor) -> tf.Operation:
        """Takes the mark back; it must depend on the decoded picture."""
        return self.marks.scatter_add(tf.IndexedSlices(-1, index))

    def corrupt(self) -> list[Corrupt]:
        """The pictures that failed so far, in order; those under way are tried, and left out."""
        return explain(self._source, np.flatnonzero(self.marks.numpy() > 0))


@checked("source")
def find_corrupt(source: Source, limit: int | None = None) -> list[Corrupt]:
    """Decodes pictures of `source` once, in parallel, and names those that cannot be.

    Args:
        source: The pictures.
        limit: Only this many, the first ones; by default all.

    With a folder of yours:

    >>> find_corrupt(folder_source("pets"))  # doctest: +SKIP
    """
    check_int("limit", limit, optional=True)
    if not source.encoded:
        return []
    tally = Tally(source)

    if source.fetch:
        rows = tf.data.Dataset.range(source.count).map(lambda index: (index, index))
    else:
        rows = source.pictures.enumerate().map(lambda index, row: (index, row[0]))

    def attempt(index: tf.Tensor, data: tf.Tensor) -> tf.Tensor:
        with tf.control_dependencies([tally.begin(index)]):
            data = tf.identity(data)
        # Reading is part of the attempt: a file may be gone.
        image = read_picture(source.fetch(data)[0] if source.fetch else data)
        # A pixel leaves the graph: of an op that nothing but an order depends on, TensorFlow's
        # optimiser makes a no-op, which cannot fail.
        pixel = image[0, 0, 0]
        with tf.control_dependencies([pixel]):
            tally.done(index)
        return pixel

    rows = rows.take(source.count if limit is None else limit)
    for _ in rows.map(attempt, num_parallel_calls=tf.data.AUTOTUNE).ignore_errors():
        pass
    return tally.corrupt()


def explain(source: Source, indices: Iterable[int]) -> list[Corrupt]:
    """Tries to decode some pictures again; returns those that fail, with the reason."""
    found = []
    wanted = [int(i) for i in indices]
    for index, data in _raw(source, wanted):
        try:
            if data is None:
                assert source.fetch is not None  # `_raw` gives data where it is
                data = source.fetch(index)[0]
            read_picture(data)
        except tf.errors.OpError as error:
            found.append(Corrupt(index, source.picture_name(index), _reason(error.message)))
    return found


def picture_error(corrupt: Sequence[Corrupt]) -> PictureError:
    """An error that names the first few of them."""
    named = "; ".join(f"{each.name!r} ({each.reason})" for each in corrupt[:3])
    rest = f"; and {len(corrupt) - 3} more" if len(corrupt) > 3 else ""
    return PictureError(f"Cannot decode {len(corrupt)} of the pictures: {named}{rest}.")


def _raw(source: Source, indices: list[int]):
    if source.fetch:
        return [(index, None) for index in indices]
    if not indices:
        return []
    wanted = tf.constant(indices, tf.int64)
    rows = source.pictures.enumerate().take(max(indices) + 1)
    rows = rows.filter(lambda index, row: tf.reduce_any(index == wanted))
    return [(int(index), row[0]) for index, row in rows]


def _reason(message: str) -> str:
    """TensorFlow's message without the names of its ops; of `open_picture` its reason."""
    if ours := re.search(r"Cannot read picture '<bytes>': (.*)\.$", message, re.MULTILINE):
        return ours[1]
    message = re.sub(r"\[\[.*?\]\]", "", message.partition("[Op:")[0])
    message = message.rpartition("}}")[2]
    return " ".join(message.split()).rstrip(" .") or "not a picture"
