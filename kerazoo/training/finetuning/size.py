"""The size of the pictures, where nobody says it."""

import contextlib
from typing import Any

import numpy as np
import tensorflow as tf

from kerazoo.data.samples import pictures_at
from kerazoo.data.source import Source

# Multiply-adds of a fine-tuning of small pictures.
BUDGET = 1e13
STEP = 3  # a training step costs about so many times what a look does
ENLARGED = 5  # times: beyond that a picture shows nothing more
SIZES = (160, 128, 96)  # that small pictures are enlarged to, the largest first
LOOKS = 16  # pictures that tell how large all are


def choose_size(own: int, macs: int | None, source: Source, epochs: int) -> int:
    """The side in pixels for a data set.

    Pictures that are larger than `SIZES` take the network's own size, whether that is more or less.
    Smaller ones are enlarged, at most `ENLARGED` times, and to the largest of `SIZES` that fits
    into `BUDGET`. None is made smaller than it is for the budget's sake.

    Args:
        own: Size that the weights were trained for.
        macs: Multiply-adds for a picture of that size; None where unknown.
        source: The training pictures.
        epochs: Of training all layers.
    """
    side = native_side(source)
    if side is None or side >= own or side > SIZES[0]:
        return own
    allowed = [size for size in SIZES if side <= size <= min(own, ENLARGED * side)]
    if not allowed:
        return min(own, max(side, 32))
    looks = source.count * (1 + STEP * epochs)
    for size in allowed:
        cost = looks * (macs or 0) * (size / own) ** 2
        if cost <= BUDGET or size == allowed[-1]:
            words = f"pictures of {side} pixels are enlarged to {size}: {cost:.1e} multiply-adds in"
            print(f"{words} all, of a budget of {BUDGET:.0e} (--size chooses another)", flush=True)
            return size
    raise AssertionError("the last size is always taken")


def native_side(source: Source) -> int | None:
    """Median of the shorter sides of some pictures, in pixels; None where none can be decoded."""
    if source.shape:
        return min(source.shape[:2])
    places = np.unique(np.linspace(0, min(source.count, 10 * LOOKS) - 1, LOOKS).astype(int))
    sides: list[Any] = []
    for place in places:
        with contextlib.suppress(tf.errors.OpError):  # a damaged one, which is told later
            sides += [min(each.size) for each in pictures_at(source, [place])]
    return int(np.median(sides)) if sides else None
