"""What there is to know of masks before training."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kerazoo.tasks.description import Survey, Table
from kerazoo.tasks.segmentation.masks import UNSEEN
from kerazoo.tasks.segmentation.targets import decoded

FEW = 0.001  # share of the pixels below which a class is hardly learned
MOST = 40  # classes that have a line each


def survey(sources: Mapping[str, Any]) -> Survey:
    """See `Task.survey`."""
    found, columns = Survey(), {}
    for name, source in sources.items():
        pixels, pictures = class_pixels(source)
        columns[name] = [
            f"{100 * n / max(pixels.sum(), 1):.2f} % ({seen})"
            for n, seen in zip(pixels, pictures, strict=True)
        ]
        counting = pixels[: len(source.classes)]
        shares = counting / max(counting.sum(), 1)
        for title, rare in (
            ("no pixels", shares == 0),
            (f"less than {100 * FEW} % of the pixels", (shares > 0) & (shares < FEW)),
        ):
            named = [each for each, few in zip(source.classes, rare, strict=True) if few]
            if named and name in ("train", "all"):
                shown = ", ".join(named[:5]) + (", …" if len(named) > 5 else "")
                found.attention.append(f"{name}: classes with {title}: {shown}")
    classes = next(iter(sources.values())).classes
    shown = [*range(min(MOST, len(classes))), len(classes)]
    names = [*classes, "does not count"]
    rows = tuple(
        (names[n], *(column[n] if n < len(column) else "–" for column in columns.values()))
        for n in shown
    )
    more = f", the first {MOST} of {len(classes)}" if len(classes) > MOST else ""
    title = f"Share of the pixels of each class, and in how many pictures it is{more}"
    found.tables.append(Table(title, ("class", *sources), rows))
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
