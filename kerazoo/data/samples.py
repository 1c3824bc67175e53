"""Some pictures of a source, to be looked at."""

from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from kerazoo._reading import read_picture
from kerazoo.data.source import Source
from kerazoo.report.contact_sheet import pil_picture


def pictures_at(source: Source, indices: Iterable[int]) -> list[Any]:
    """Some pictures of a source as PIL pictures in RGB or grey, whole, in the order asked for.

    Args:
        source: The pictures.
        indices: Their places in the source.
    """
    wanted = [int(i) for i in indices]
    if source.fetch:
        return [_pil(source.fetch(tf.constant(i, tf.int64))[0], source.encoded) for i in wanted]
    if not wanted:
        return []
    numbers = tf.constant(wanted, tf.int64)
    rows = source.pictures.enumerate().take(max(wanted) + 1)
    rows = rows.filter(lambda index, row: tf.reduce_any(index == numbers))
    by_index = {int(index): _pil(row[0], source.encoded) for index, row in rows}
    return [by_index[i] for i in wanted]


def _pil(data: tf.Tensor, encoded: bool) -> Any:
    # As training reads it, which has just done so.
    return pil_picture((read_picture(data) if encoded else data).numpy())
