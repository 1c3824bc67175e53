"""Predictors of other classes: which of their numbers belong to which class."""

from collections.abc import Mapping

import numpy as np


def with_classes(
    array: np.ndarray, fresh: np.ndarray, anchors: int, places: Mapping[int, int]
) -> np.ndarray:
    """A kernel or bias of the predictor of classes, for other classes.

    Args:
        array: Of the one predictor, `(…, anchors * (1 + classes))`.
        fresh: Of the other one, with its own number of classes, `(…, anchors * (1 + others))`.
        anchors: In a cell of the map.
        places: Number of a class in `array` -> its number in `fresh`. Background is taken over too;
            classes of `fresh` that are none of these stay as they are.

    Returns:
        As `fresh`.
    """
    old = array.reshape(*array.shape[:-1], anchors, -1)
    new = fresh.reshape(*fresh.shape[:-1], anchors, -1).copy()
    new[..., 0] = old[..., 0]
    for number, place in places.items():
        new[..., place + 1] = old[..., number + 1]
    return new.reshape(fresh.shape)
