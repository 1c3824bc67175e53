"""How data sets count the classes of objects."""

from typing import Any

from kerazoo.labels import label_names


def category_ids(labels: Any, classes: int) -> tuple[int, ...]:
    """Numbers of the categories, as the data set of a label set counts them; else from 1.

    Args:
        labels: Name of a label set, names, or None.
        classes: How many there are.

    >>> category_ids("coco", 80)[-1]
    90
    """
    if labels == "coco":
        counted = label_names("coco_paper")
        return tuple(counted.index(name) + 1 for name in label_names(labels))
    return tuple(range(1, classes + 1))
