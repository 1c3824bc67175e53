"""Whether the classes of a source's pictures are those that it says."""

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
