"""What there is to know of masks before training."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerazoo.tasks.description import Survey, Table, extremes
from kerazoo.tasks.segmentation.masks import UNSEEN
from kerazoo.tasks.segmentation.targets import decoded

_UNNAMED = re.compile(r"class \d+")  # what `found_values` calls them
FEW = 0.001  # share of the pixels below which a class is hardly learned


def survey(sources: Mapping[str, Any]) -> Survey:
    """See `Task.survey`."""
    found, columns, shares_of = Survey(), {}, {}
    for name, source in sources.items():
        pixels, pictures = class_pixels(source)
        columns[name] = [
            f"{100 * n / max(pixels.sum(), 1):.2f} % ({seen})"
            for n, seen in zip(pixels, pictures, strict=True)
        ]
        counting = pixels[: len(source.classes)]
        shares = shares_of[name] = counting / max(counting.sum(), 1)
        for title, rare in (
            ("no pixels", shares == 0),
            (f"less than {100 * FEW} % of the pixels", (shares > 0) & (shares < FEW)),
        ):
            named = [each for each, few in zip(source.classes, rare, strict=True) if few]
            if named and name in ("train", "all"):
                shown = ", ".join(named[:5]) + (", …" if len(named) > 5 else "")
                found.attention.append(f"{name}: classes with {title}: {shown}")
    classes = next(iter(sources.values())).classes
    if all(_UNNAMED.fullmatch(name) for name in classes):
        found.attention.append(
            "nothing names the values of the masks: put a classes.txt into the folder, with a name "
            "a line in the order of the values (`ignore` for one that does not count)"
        )
    rows = [
        (name, *(column[n] if n < len(column) else "–" for column in columns.values()))
        for n, name in enumerate([*classes, "does not count"])
    ]
    # What does not count is always shown.
    telling = [*extremes(shares_of[next(iter(sources))].tolist()), -1.0]
    title = "Share of the pixels of each class, and in how many pictures it is"
    found.tables.append(Table(title, ("class", *sources), rows, telling))
    return found


def class_pixels(source: Any) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of each class, of those that do not count at the end; pictures that have any."""
    size = len(source.classes)
    pixels, pictures = np.zeros(size + 1, np.int64), np.zeros(size + 1, np.int64)
    for _, target in source.pictures.as_numpy_iterator():
        every = np.bincount(decoded(target["mask"]).ravel(), minlength=UNSEEN + 1)
        row = np.append(every[:size], every[UNSEEN])
        pixels += row
        pictures += row > 0
    return pixels, pictures
