"""What there is to know of boxes before training: their classes, sizes, and who can find them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks.description import Survey, Table, extremes
from kerazoo.tasks.detection import anchors
from kerazoo.tasks.detection.auto import boxes_of
from kerazoo.tasks.detection.fitting import best_recall, fit_anchors
from kerazoo.tasks.detection.targets import EMPTY

SIDE = 320  # of the network's input that boxes are looked at for
SMALL, LARGE = 32, 96  # COCO's, in pixels of the picture
STRIDES = (16, 32, 64, 128, 256, 512)
REACHED = 0.9  # share of a class's boxes below which somebody should look
GAIN = 0.05  # of that share, for which a way is worth naming
FEW = 10  # boxes of a class, of which a share means something
SHOWN = 5  # classes that a line names
_POINTS = f"{100 * GAIN:.0f} points"
WAYS = {
    1: f'anchors="auto" gains {_POINTS} or more',
    2: f"finest=8 gains {_POINTS} or more",
    3: f'anchors="auto" with finest=8 gains {_POINTS} or more',
    None: f"neither fitted anchors nor finest=8 gain {_POINTS}, larger pictures might",
}


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
    title, telling = f"Boxes of {name} (sides in pixels)", extremes(boxes.tolist())
    return Table(title, (*header, "large"), rows, telling)


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
    reached = np.array(columns)  # of the four ways, for each class
    rows = [
        (label, *(("–" if np.isnan(share) else f"{100 * share:.1f} %") for share in reached[:, n]))
        for n, label in enumerate(source.classes)
    ]
    header = ("class", "stock", "fitted", "stock, stride 8", "fitted, stride 8")
    title = f"Boxes of {source.split} that an anchor overlaps by half, at {SIDE} x {SIDE}"
    counts = np.bincount(classes, minlength=count)
    # Of a few boxes a share tells little, however low it is.
    telling = (np.nan_to_num(reached[0]) + 2.0 * (counts < FEW)).tolist()
    found.tables.append(Table(title, header, rows, telling))
    found.attention += advice(reached, counts, source.classes)


def advice(reached: np.ndarray, boxes: np.ndarray, names: Sequence[str]) -> list[str]:
    """Lines on how more boxes could be reached: a way is named where it gains `GAIN` or more.

    Args:
        reached: `(4, classes)`: shares of stock and fitted anchors, and of both with stride 8.
        boxes: Of each class; of fewer than `FEW` a share says nothing.
        names: Of the classes.
    """
    ways: dict[str, list[tuple[float, str]]] = {}
    for n, name in enumerate(names):
        stock = reached[0, n]
        if boxes[n] < FEW or stock >= REACHED:
            continue
        # The first that gains: fitted anchors cost nothing, a finer map costs time.
        way = next((i for i in (1, 2, 3) if reached[i, n] - stock >= GAIN), None)
        # A cheap way is not enough where a dearer one reaches far more.
        best = int(np.argmax(reached[:, n]))
        if way is not None and reached[best, n] - reached[way, n] >= GAIN:
            way = best
        shares = (
            f"{100 * stock:.0f} to {100 * reached[way, n]:.0f} %" if way else f"{100 * stock:.0f} %"
        )
        ways.setdefault(WAYS[way], []).append((stock, f"{name} {shares}"))
    lines = []
    for way, found in ways.items():
        listed = [each for _, each in sorted(found)]
        more = f", and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
        lines.append(f"boxes that anchors can reach: {way}: {', '.join(listed[:SHOWN])}{more}")
    return lines
