"""Masks of overlapping tiles become one mask, in which no seam shows."""

import numpy as np
import pytest

from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks import get_task
from kerazoo.tasks.segmentation.masks import UNSEEN
from kerazoo.tasks.segmentation.meter import SegmentationMeter
from kerazoo.tiling import tiles_of
from tests.tasks.segmentation.test_segmentation import png

TASK = get_task("segmentation")
SIZE = (90, 150)
TRUTH = np.random.default_rng(0).integers(0, 3, SIZE).astype("uint8")
NAMES = ("a", "b", "c")
LABELS = type("Record", (), {"labels": NAMES})


def scores_of(tile, spoilt=0, seams=False):
    """What a network would give that names every pixel of a tile rightly, but for those near its
    edges (all, or those that are seams).
    """
    top, left, height, width = tile.window
    mask = TRUTH[top : top + height, left : left + width].copy()
    below, right = SIZE[0] - top - height, SIZE[1] - left - width
    ends = ((top, 0, 1), (below, 0, -1), (left, 1, 1), (right, 1, -1))
    for beyond, axis, step in ends:
        if spoilt and (beyond or not seams):
            part = [slice(None)] * 2
            part[axis] = slice(None, spoilt) if step > 0 else slice(-spoilt, None)
            mask[tuple(part)] = (mask[tuple(part)] + 1) % 3
    return {"logits": np.eye(3, dtype="float32")[mask]}


def views(side, how, **spoilt):
    first, *tiles = tiles_of(SIZE, side, how)
    assert len(tiles) > 3
    yield first, {"logits": np.eye(3, dtype="float32")[np.full((8, 8), 2)]}
    for tile in tiles:
        yield tile, scores_of(tile, **spoilt)


@pytest.mark.parametrize("side", [40, 64])
def test_pixels_near_a_seam_are_those_of_the_other_tile(side):
    how = Preprocessing((side, side), fit="stretch")
    overlap = round(side / 4)
    found = TASK.merge(views(side, how, spoilt=overlap // 2 - 1, seams=True), LABELS)
    np.testing.assert_array_equal(found["mask"], TRUTH[None])
    # Deeper than half of the overlap nobody knows better: the test can fail.
    worse = TASK.merge(views(side, how, spoilt=overlap, seams=True), LABELS)
    assert 0 < (worse["mask"][0] != TRUTH).mean() < 0.5


def test_where_the_picture_ends_there_is_no_seam():
    how = Preprocessing((64, 64), fit="stretch")
    found = TASK.merge(views(64, how, spoilt=2), LABELS)["mask"][0]
    wrong = found != TRUTH
    assert wrong[:2].all()
    assert wrong[:, -2:].all()
    assert not wrong[2:-2, 2:-2].any()


def test_what_no_tile_sees_is_that_of_the_whole_picture():
    """A centre crop sees nothing of the ends of a tile."""
    how = Preprocessing((64, 64), crop_fraction=0.5)
    first, *tiles = tiles_of(SIZE, 64, how)
    whole = {"logits": np.eye(3, dtype="float32")[np.full((8, 8), 1)]}
    zeros = {"logits": np.eye(3, dtype="float32")[np.full((8, 8), 0)]}
    mask = TASK.merge([(first, whole), *((tile, zeros) for tile in tiles)], LABELS)["mask"][0]
    assert mask[0, 0] == UNSEEN  # neither sees the corner
    assert mask[32, 32] == 0
    assert set(np.unique(mask)) <= {0, 1, UNSEEN}


def test_a_picture_of_one_tile_is_as_without_tiles():
    how = Preprocessing((64, 64), fit="stretch")
    (only,) = tiles_of((30, 40), 64, how)
    logits = np.random.default_rng(1).normal(size=(8, 8, 3)).astype("float32")
    merged = TASK.decode(TASK.merge([(only, {"logits": logits})], LABELS), LABELS)
    plain = TASK.decode({"logits": logits[None]}, LABELS, [how.place(30, 40)])
    np.testing.assert_array_equal(merged[0].mask, plain[0].mask)
    assert merged[0].names == NAMES


def test_merged_masks_are_measured():
    how = Preprocessing((64, 64), fit="stretch")
    source = type("Source", (), {"classes": NAMES, "name": "set"})
    meter = SegmentationMeter(source, None)
    outputs = TASK.merge(views(64, how), LABELS)
    meter.update(outputs, {"mask": [png(TRUTH)]})
    assert meter.result(1.0).miou == pytest.approx(100)
    assert TASK.decode(outputs, None)[0].names == ("0", "1", "2")
