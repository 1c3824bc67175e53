"""Anchors that fit the boxes to be found: shapes by k-means, and how many can be found at all.

A box that no anchor overlaps by half is hardly learnt. Stock anchors were drawn for COCO at 300
pixels: on blood cells they reach a quarter of the platelets.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerazoo._errors import invalid
from kerazoo.tasks.detection.anchors import AnchorRule, FittedAnchors, Size, make_anchors
from kerazoo.tasks.detection.boxes import areas, overlaps

# A box belongs to the coarsest map with cells of at most this share of its side. At 0.75 the large
# cells of BCCD, which 0.4 to 0.6 reach whole, fall to 90 %: centres are too far apart.
CELL = 0.5
STARTS, ROUNDS = 5, 100


@dataclass(frozen=True)
class AnchorFit:
    """Fitted anchors, and what they are worth.

    Attributes:
        rule: The fitted anchors.
        names: Of the classes.
        boxes: Of each class.
        stock: Best possible recall of each class with the stock anchors, 0 to 1; NaN without boxes.
        fitted: The same with the fitted ones.
    """

    rule: FittedAnchors
    names: tuple[str, ...]
    boxes: tuple[int, ...]
    stock: tuple[float, ...]
    fitted: tuple[float, ...]

    def __str__(self) -> str:
        width = max(map(len, (*self.names, "class")))
        head = f"{'class':{width}}  {'boxes':>7}  {'stock':>7}  {'fitted':>7}"
        rows = [
            f"{name:{width}}  {count:7}  {_percent(stock):>7}  {_percent(fitted):>7}"
            for name, count, stock, fitted in zip(
                self.names, self.boxes, self.stock, self.fitted, strict=True
            )
        ]
        return "\n".join(["Boxes that an anchor overlaps by half:", head, *rows])


def _percent(share: float) -> str:
    return "–" if np.isnan(share) else f"{100 * share:.1f} %"


def fit_anchors(
    boxes: np.ndarray,
    classes: np.ndarray,
    names: Sequence[str],
    grids: Sequence[Size],
    size: Size,
    stock: AnchorRule,
    seed: int = 0,
) -> AnchorFit:
    """Shapes for each map from the boxes of a training set.

    Each box goes to the coarsest map with cells of at most half its side; the shapes of a map are
    the centres of a k-means on intersection over union, every class weighing the same, since a rare
    class is the one that stock anchors miss. A map has as many shapes as in the stock rule, so that
    heads keep their form, and takes the stock's where it has too few boxes.

    Args:
        boxes: `(n, 4)` in pixels of the network's input: after the resize of training.
        classes: int `(n,)`, from 0.
        names: Of the classes.
        grids: `(height, width)` of each feature map in cells, finest first.
        size: `(height, width)` of the input.
        stock: The rule to start from and to compare with.
        seed: Of the k-means. The same arguments give the same anchors.

    Raises:
        ValueError: There is no box, or one has no area.
    """
    boxes, classes = np.asarray(boxes, "float64").reshape(-1, 4), np.asarray(classes, "int64")
    if not len(boxes) or not (areas(boxes) > 0).all():
        empty = int((areas(boxes) <= 0).sum())
        raise invalid("boxes", f"{len(boxes)} boxes, {empty} without area", "boxes with an area")
    sides = boxes[:, 2:] - boxes[:, :2]
    weights = 1 / np.bincount(classes)[classes]
    generator = np.random.default_rng(seed)
    steps = [max(stock.step(level, grid, size)) for level, grid in enumerate(grids)]
    coarsest = np.sqrt(areas(boxes))[:, None] * CELL >= np.array(steps)
    levels = np.where(coarsest.any(axis=1), len(grids) - 1 - coarsest[:, ::-1].argmax(axis=1), 0)
    pairs = []
    for level, count in enumerate(stock.counts):
        mine = levels == level
        shapes = stock.shapes(level, size)
        wanted = min(count, len(np.unique(sides[mine], axis=0)))
        if wanted:
            shapes = np.concatenate(
                [cluster(sides[mine], weights[mine], wanted, generator), shapes[wanted:]]
            )
        pairs.append(tuple(map(tuple, (shapes / (size[1], size[0])).tolist())))
    rule = FittedAnchors(tuple(pairs))
    return AnchorFit(
        rule,
        tuple(names),
        tuple(np.bincount(classes, minlength=len(names)).tolist()),
        best_recall(make_anchors(stock, grids, size), boxes, classes, len(names)),
        best_recall(make_anchors(rule, grids, size), boxes, classes, len(names)),
    )


def best_recall(
    anchors: np.ndarray, boxes: np.ndarray, classes: np.ndarray, count: int, iou: float = 0.5
) -> tuple[float, ...]:
    """Share of the boxes of each class that some anchor overlaps by `iou`; NaN without boxes.

    Args:
        anchors: `(A, 4)`.
        boxes: `(n, 4)`, in the same pixels.
        classes: int `(n,)`, from 0.
        count: Number of classes.
        iou: From which on a box counts as reached.
    """
    anchors = anchors.astype("float64")
    parts = np.array_split(boxes, len(boxes) // 256 + 1)  # thousands by thousands need gigabytes
    reached = np.concatenate([overlaps(p, anchors).max(axis=1, initial=0) >= iou for p in parts])
    return tuple(
        float(reached[classes == number].mean()) if (classes == number).any() else float("nan")
        for number in range(count)
    )


def cluster(
    sides: np.ndarray, weights: np.ndarray, count: int, generator: np.random.Generator
) -> np.ndarray:
    """`count` shapes for `(n, 2)` widths and heights: the best of a few runs, small ones first."""
    runs = [_k_means(sides, weights, count, generator) for _ in range(STARTS)]
    centres, _ = max(runs, key=lambda run: run[1])
    return centres[np.argsort(centres.prod(axis=1), kind="stable")]


def _k_means(
    sides: np.ndarray, weights: np.ndarray, count: int, generator: np.random.Generator
) -> tuple[np.ndarray, float]:
    """One run of k-means from k-means++: centres and the mean IoU with the nearest."""
    chances = weights / weights.sum()
    centres = sides[[generator.choice(len(sides), p=chances)]]
    while len(centres) < count:
        far = (1 - shape_iou(sides, centres).max(axis=1)) ** 2 * weights
        centres = np.concatenate(
            [centres, sides[[generator.choice(len(sides), p=far / far.sum())]]]
        )
    for _ in range(ROUNDS):
        nearest = shape_iou(sides, centres).argmax(axis=1)
        before = centres.copy()
        for number in np.unique(nearest):
            mine = nearest == number
            centres[number] = np.average(sides[mine], axis=0, weights=weights[mine])
        if np.allclose(centres, before):
            break
    return centres, float(np.average(shape_iou(sides, centres).max(axis=1), weights=weights))


def shape_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of widths and heights on one centre, `(A, 2)`, `(B, 2)`: `(A, B)`."""
    shared = np.minimum(a[:, None], b[None]).prod(axis=-1)
    return shared / (a.prod(axis=-1)[:, None] + b.prod(axis=-1)[None] - shared)
