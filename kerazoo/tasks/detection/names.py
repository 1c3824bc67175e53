"""Names of classes that mean the same in several data sets."""

from collections.abc import Sequence
from typing import Any

from kerazoo.labels import label_names

# Pascal VOC's names that COCO has others for.
_OTHER_NAMES = {
    "aeroplane": "airplane",
    "diningtable": "dining table",
    "motorbike": "motorcycle",
    "pottedplant": "potted plant",
    "sofa": "couch",
    "tvmonitor": "tv",
}


def canonical(name: str) -> str:
    """The name by which a class is compared: COCO's, without capitals and blanks around."""
    plain = " ".join(name.lower().split())
    return _OTHER_NAMES.get(plain, plain)


def shared_classes(names: Sequence[str], others: Sequence[str]) -> dict[int, int]:
    """Number of a class in `names` -> its number in `others`, for those that both have.

    >>> shared_classes(["tvmonitor", "cat"], ["Cat", "dog", "tv"])
    {0: 2, 1: 0}
    """
    places = {canonical(name): number for number, name in enumerate(others)}
    found = ((number, places.get(canonical(name))) for number, name in enumerate(names))
    return {number: place for number, place in found if place is not None}


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
