"""One picture's mask out of those of overlapping tiles of it.

Near a seam a network sees only a part of what is there. So each pixel has the class that the tile
says in which it is farthest from a seam: half of the overlap at the least. Where no tile sees it,
that of the whole picture counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from kerazoo.tasks.segmentation.masks import UNSEEN, class_map
from kerazoo.tiling import Tile

MASK, CLASSES = "mask", "classes"  # in place of logits, where tiles were merged
_DEPTH = np.iinfo("uint16").max  # of what is far from all seams


def merge(views: Iterable[tuple[Tile, Mapping[str, Any]]]) -> dict[str, np.ndarray]:
    """See `kerazoo.tasks.task.Task.merge`.

    Three bytes for each pixel of the picture are kept, and the scores of one tile.

    Returns:
        `mask` uint8 `(1, height, width)` of the picture, and `classes` int64 `(1,)`: how many the
        network has.
    """
    mask = depth = None
    classes = 0
    for tile, outputs in views:
        scores = np.asarray(outputs["logits"])
        classes = scores.shape[-1]
        if mask is None or depth is None:
            mask = np.full(tile.placement.picture, UNSEEN, "uint8")
            depth = np.zeros(mask.shape, "uint16")  # of the whole picture: any tile is better
            mask[:] = class_map(scores, tile.placement)
            continue
        top, left, height, width = tile.window
        part = slice(top, top + height), slice(left, left + width)
        found, inside = class_map(scores, _in_window(tile)), _depth(tile)
        better = (inside > depth[part]) & (found != UNSEEN)
        mask[part][better], depth[part][better] = found[better], inside[better]
    assert mask is not None  # the whole picture is always among the views
    return {MASK: mask[None], CLASSES: np.array([classes])}


def _in_window(tile: Tile) -> Any:
    """Where the pixels of a tile alone are in the network's input."""
    top, left, *size = tile.window
    (sx, sy), (ox, oy) = tile.placement.scale, tile.placement.offset
    offset = (ox + left * sx, oy + top * sy)
    return replace(tile.placement, offset=offset, picture=(size[0], size[1]))


def _depth(tile: Tile) -> np.ndarray:
    """How far each pixel of a tile is from the nearest seam, from 1 on: uint16 `(height, width)`.

    Where the picture ends there is no seam.
    """
    top, left, height, width = tile.window
    x1, y1, x2, y2 = tile.seen
    rows = _along(top, height, y1, y2, tile.placement.picture[0])
    columns = _along(left, width, x1, x2, tile.placement.picture[1])
    return np.minimum(rows[:, None], columns[None])


def _along(start: int, count: int, first: float, last: float, whole: int) -> np.ndarray:
    centres = start + np.arange(count) + 0.5
    before = centres - first if first > 0.5 else np.full(count, np.inf)
    after = last - centres if last < whole - 0.5 else np.full(count, np.inf)
    return np.clip(np.ceil(np.minimum(before, after)), 1, _DEPTH).astype("uint16")
