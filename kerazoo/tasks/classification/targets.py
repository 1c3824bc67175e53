"""Classes as targets: whether they are those that a source says, and how people read them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerazoo._errors import invalid


def check_targets(targets: np.ndarray, source: Any, complete: bool = False) -> None:
    """Raises `ValueError` for a class that there is not.

    Args:
        targets: Of all pictures, in order: int64 `(count,)`.
        source: The `kerazoo.data.source.Source` that they are of.
        complete: Whether every class must occur, as it must where they are learned.
    """
    classes = source.classes
    outside = np.flatnonzero((targets < 0) | (targets >= len(classes)))
    if len(outside):
        rule = f"one of labels within 0 to {len(classes) - 1}; it has {targets[outside[0]]}"
        raise invalid("source", source.picture_name(int(outside[0])), rule)
    counts = np.bincount(targets, minlength=len(classes))
    empty = [name for name, count in zip(classes, counts, strict=True) if not count]
    if complete and empty:
        rule = f"a split with pictures of every class; none of {', '.join(map(repr, empty[:5]))}"
        raise invalid("data.train", source.split, rule)


def describe(label: Any, classes: Sequence[str]) -> list[tuple[str, None]]:
    """The class, or the shares of two that were mixed: text, for these are no guesses.

    Args:
        label: A class, int64 `()`, or shares of the classes `(classes,)`.
        classes: Names.
    """
    if label.ndim == 0:
        return [(classes[int(label)], None)]
    best = [i for i in label.argsort()[::-1][:2] if label[i] > 0.005]
    if len(best) == 1 and label[best[0]] > 0.995:
        return [(classes[int(best[0])], None)]
    return [(f"{100 * label[i]:.0f} % {classes[int(i)]}", None) for i in best]


def present(targets: Any, classes: int) -> Any:
    """Of each picture its class alone: bool `(batch, classes)`."""
    return np.asarray(targets)[:, None] == np.arange(classes)
