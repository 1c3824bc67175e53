"""What there is to know of boxes before training: their classes, sizes, and who can find them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks.description import Survey, Table
from kerazoo.tasks.detection import anchors
from kerazoo.tasks.detection.auto import boxes_of
from kerazoo.tasks.detection.fitting import best_recall, fit_anchors
from kerazoo.tasks.detection.targets import EMPTY

SIDE = 320  # of the network's input that boxes are looked at for
SMALL, LARGE = 32, 96  # COCO's, in pixels of the picture
STRIDES = (16, 32, 64, 128, 256, 512)
REACHED = 0.9  # share of a class's boxes below which somebody should look


def survey(sources: Mapping[str, Any]) -> Survey:
    """See `Task.survey`."""
    found, first = Survey(), next(iter(sources))
    learned = next((n for n in ("train", "trainval", "all") if n in sources), first)
    for name, source in sources.items():
        found.tables.append(_classes(name, source, found, learned=name == learned))
    _recall(sources[learned], found)
    return found


def _classes(name: str, source: Any, found: Survey, learned: bool) -> Table:
    """Boxes and pictures of each class, and the boxes' sizes."""
    count = len(source.classes)
    boxes, pictures, ignored = np.zeros(count, int), np.zeros(count, int), np.zeros(count, int)
    areas: list[list[float]] = [[] for _ in range(count)]
    for target in source.pictures.map(lambda _, target: target).as_numpy_iterator():
        classes, crowd = target["classes"], target["crowd"]
        for number in np.unique(classes[classes > EMPTY]):
            own = (classes == number) & ~crowd
            boxes[number] += own.sum()
            pictures[number] += bool(own.any())
            ignored[number] += ((classes == number) & crowd).sum()
            sides = target["boxes"][own, 2:] - target["boxes"][own, :2]
            areas[number] += sides.prod(axis=1).tolist()
    rows = []
    for number, label in enumerate(source.classes):
        own = np.sqrt(np.array(areas[number]))
        share = f"{100 * boxes[number] / max(boxes.sum(), 1):.1f} %"
        median = f"{np.median(own):.0f}" if len(own) else "–"
        sizes = (own < SMALL, (own >= SMALL) & (own < LARGE), own >= LARGE)
        counted = (boxes[number], share, pictures[number], ignored[number], median)
        rows.append((label, *map(str, counted), *(str(int(s.sum())) for s in sizes)))
    if learned and (without := [c for c, n in zip(source.classes, boxes, strict=True) if not n]):
        shown = ", ".join(without[:5]) + (", …" if len(without) > 5 else "")
        found.attention.append(f"{name}: classes without a box to learn: {len(without)} ({shown})")
    header = ("class", "boxes", "share", "pictures", "ignored", "median side", "small", "medium")
    return Table(f"Boxes of {name} (sides in pixels)", (*header, "large"), tuple(rows))


def _recall(source: Any, found: Survey) -> None:
    """How many boxes anchors of a 320-pixel network can reach."""
    size = (SIDE, SIDE)
    boxes, classes = boxes_of(source, Preprocessing(size=size, fit="stretch"))
    if not len(boxes):
        found.attention.append(f"{source.split}: no box to learn from")
        return
    count = len(source.classes)
    columns = []
    for rule, strides in (
        (anchors.TENSORFLOW, STRIDES),
        (anchors.TENSORFLOW_STRIDE_8, (8, *STRIDES)),
    ):
        grids = anchors.grids_of(size, strides)
        made = anchors.make_anchors(rule, grids, size)
        columns.append(best_recall(made, boxes, classes, count))
        fit = fit_anchors(boxes, classes, source.classes, grids, size, rule)
        columns.append(fit.fitted)
    rows = [
        (label, *(("–" if np.isnan(c[n]) else f"{100 * c[n]:.1f} %") for c in columns))
        for n, label in enumerate(source.classes)
    ]
    header = ("class", "stock", "fitted", "stock, stride 8", "fitted, stride 8")
    title = f"Boxes of {source.split} that an anchor overlaps by half, at {SIDE} x {SIDE}"
    found.tables.append(Table(title, header, tuple(rows)))
    for n, label in enumerate(source.classes):
        if columns[0][n] < REACHED:
            better = max(columns[1][n], columns[3][n])
            found.attention.append(
                f"stock anchors reach {100 * columns[0][n]:.0f} % of {label}, fitted ones "
                f'{100 * better:.0f} %: use anchors="auto", maybe finest=8 or larger pictures'
            )
