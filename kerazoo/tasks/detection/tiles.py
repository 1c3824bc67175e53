"""One picture's things out of what was found in overlapping tiles of it.

A thing at a seam is cut: one tile sees a part of it, the next one another part or all of it. Such
boxes overlap little, so that suppression by overlap alone would leave both. They are compared where
it is fair to: in the region that both tiles see.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from kerazoo.tasks.detection.boxes import areas
from kerazoo.tasks.detection.candidates import BOXES, SCORES, candidates
from kerazoo.tasks.detection.detector import detector_of
from kerazoo.tasks.detection.postprocess import find
from kerazoo.tiling import Tile

SAME = 0.5  # overlap, in what both tiles see, above which two boxes of a class are of one thing
HEARD = 0.5  # share of a thing's best score that a box must have to say where it lies
CUT = 0.04  # of a tile's side: a box that ends so near to a seam may go on beyond it


def merge(views: Iterable[tuple[Tile, Mapping[str, Any]]], record: Any) -> dict[str, np.ndarray]:
    """See `kerazoo.tasks.task.Task.merge`; `candidates` reads what is returned.

    Each tile is suppressed by the detector's rule, at the low threshold of its source. Then boxes
    of one class from different tiles are one thing where they overlap by more than `SAME` in what
    both tiles see. It has the best of their scores, and the box of one that no seam cut, from the
    smallest tile, which shows most of it; where all are cut, one around them.

    Returns:
        `boxes` float32 `(1, n, 4)` in pixels of the picture, and `scores` float32 `(1, n,
        classes)`, in which each box has a score for one class alone.
    """
    detector = detector_of(record)
    parts, classes = [], 0
    for tile, outputs in views:
        given = candidates({name: y[None] for name, y in outputs.items()}, detector)
        classes = given.scores.shape[-1]
        parts.append(_of_tile(tile, given))
    boxes, scores, numbers, seen, cut = (np.concatenate(each) for each in zip(*parts, strict=True))
    things = []
    for number in np.unique(numbers):
        own = numbers == number
        for rows in _things(boxes[own], scores[own], seen[own]):
            box = _box(*(each[own][rows] for each in (boxes, scores, seen, cut)))
            things.append((box, scores[own][rows].max(), number))
    found = np.zeros((1, len(things), 4), "float32")
    shares = np.zeros((1, len(things), classes), "float32")
    for place, (box, score, number) in enumerate(things):
        found[0, place], shares[0, place, number] = box, score
    return {BOXES: found, SCORES: shares}


def _of_tile(tile: Tile, given: Any) -> tuple[Any, ...]:
    """Boxes in pixels of the picture, scores, classes, what the tile sees, whether a seam cut."""
    seen = np.array(tile.seen, "float32")
    moved = tile.placement.inverse.boxes(given.boxes[0]).astype("float32")
    # No more of a thing was seen: clipped at the ends of the tile rather than of the picture.
    inside = np.clip(moved, np.tile(seen[:2], 2), np.tile(seen[2:], 2))
    found = find(inside, given.scores[0], replace(given.rule, clip=False))
    there = areas(found.boxes) > 0
    boxes = found.boxes[there]
    height, width = tile.placement.picture
    # Half a pixel for what was rounded.
    seams = (seen > 0.5) & (seen < np.array((width, height, width, height)) - 0.5)
    margin = CUT * np.tile(seen[2:] - seen[:2], 2)
    cut = np.any((np.abs(boxes - seen) <= margin) & seams, axis=-1)
    everywhere = np.broadcast_to(seen, (len(boxes), 4))
    return boxes, found.scores[there], found.classes[there], everywhere, cut


def _things(boxes: np.ndarray, scores: np.ndarray, seen: np.ndarray) -> list[list[int]]:
    """Rows of the boxes of each thing, all of one class.

    From the best box down: each joins the thing that it is also of, or begins one. Where it is of
    several they become one, unless a tile told them apart.
    """
    things: list[list[int]] = []
    owner = np.full(len(boxes), -1)  # number of the thing of each box that was dealt with
    order = np.argsort(-scores, kind="stable")
    for place, row in enumerate(order):
        before = order[:place]
        same = before[_same(boxes[row], seen[row], boxes[before], seen[before])]
        first, *others = np.unique(owner[same]).tolist() or [len(things)]
        if first == len(things):
            things.append([])
        things[first].append(int(row))
        for other in others:
            if not _share_a_tile(seen[things[first]], seen[things[other]]):
                things[first] += things[other]
                things[other] = []
        owner[things[first]] = first
    return [rows for rows in things if rows]


def _same(box: np.ndarray, seen: np.ndarray, others: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Whether each of the others, seen by other tiles, overlaps a box in what both tiles see."""
    corner, end = np.maximum(seen[:2], by[:, :2]), np.minimum(seen[2:], by[:, 2:])
    own, theirs = (
        np.concatenate([np.maximum(b[..., :2], corner), np.minimum(b[..., 2:], end)], -1)
        for b in (box, others)
    )
    both = np.concatenate(
        [np.maximum(own[:, :2], theirs[:, :2]), np.minimum(own[:, 2:], theirs[:, 2:])], -1
    )
    shared = areas(both)
    union = areas(own) + areas(theirs) - shared
    return (shared > SAME * union) & (by != seen).any(-1)


def _share_a_tile(one: np.ndarray, other: np.ndarray) -> bool:
    return bool((one[:, None] == other[None]).all(-1).any())


def _box(boxes: np.ndarray, scores: np.ndarray, seen: np.ndarray, cut: np.ndarray) -> np.ndarray:
    """Where a thing lies."""
    heard = scores >= HEARD * scores.max()
    if (whole := np.flatnonzero(heard & ~cut)).size:
        fineness = np.rint(areas(seen[whole]))  # tiles of one size may differ by what was rounded
        return boxes[whole[np.lexsort((-scores[whole], fineness))[0]]]
    boxes = boxes[heard]
    return np.concatenate([boxes[:, :2].min(0), boxes[:, 2:].max(0)])
