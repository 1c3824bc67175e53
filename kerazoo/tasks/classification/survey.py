"""What there is to know of classes before training."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kerazoo.tasks.description import Survey, Table, extremes

FEW = 10  # pictures of a class below which all layers learn them by heart


def survey(sources: Mapping[str, Any]) -> Survey:
    """See `Task.survey`."""
    found = Survey()
    counts = {}
    for name, source in sources.items():
        labels = [int(y) for _, y in source.pictures.as_numpy_iterator()]
        counts[name] = np.bincount(labels, minlength=len(source.classes))
    classes = next(iter(sources.values())).classes
    for name, found_counts in counts.items():
        few = [c for c, n in zip(sources[name].classes, found_counts, strict=True) if 0 < n < FEW]
        none = [c for c, n in zip(sources[name].classes, found_counts, strict=True) if not n]
        for title, which in ((f"fewer than {FEW}", few), ("no", none)):
            if which and name in ("train", "all"):
                shown = ", ".join(which[:5]) + (", …" if len(which) > 5 else "")
                found.attention.append(f"{name}: classes with {title} pictures: {shown}")
    largest = next(iter(counts.values()))
    order = np.argsort(-largest, kind="stable")
    rows = tuple(
        (classes[n], *(_cell(sources[s], counts[s], classes[n]) for s in sources)) for n in order
    )
    telling = extremes([float(largest[n]) for n in order])
    found.tables.append(Table("Pictures of each class", ("class", *sources), rows, telling))
    return found


def _cell(source: Any, counts: np.ndarray, name: str) -> str:
    if name not in source.classes:
        return "–"
    number = int(counts[source.classes.index(name)])
    return f"{number} ({100 * number / max(counts.sum(), 1):.1f} %)"
