"""Where tiles of a picture lie, and where their pixels go."""

import numpy as np
import pytest
from PIL import Image

from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks import get_task
from kerazoo.tiling import MOST, OVERLAP, check_tiles, tiles_of

SQUARE = Preprocessing(size=(32, 32), fit="stretch")


@pytest.mark.parametrize("picture", [(100, 100), (101, 257), (64, 65), (63, 1000), (700, 64)])
@pytest.mark.parametrize("side", [64, 90])
def test_tiles_cover_the_picture_and_overlap(picture, side):
    whole, *tiles = tiles_of(picture, side, SQUARE)
    assert whole.window == (0, 0, *picture)
    height, width = (min(side, each) for each in picture)
    assert {tile.window[2:] for tile in tiles} <= {(height, width)}
    for axis, (long, own) in enumerate(zip(picture, (height, width), strict=True)):
        starts = sorted({tile.window[axis] for tile in tiles or [whole]})
        assert starts[0] == 0
        if long > own:
            assert starts[-1] + own == long
            assert max(np.diff(starts)) <= own - int(OVERLAP * own) + 1
    rows = {tile.window[0] for tile in tiles}
    assert len(tiles) == len(rows) * len({tile.window[1] for tile in tiles})


def test_a_picture_no_larger_than_a_tile_is_seen_once():
    assert [tile.window for tile in tiles_of((60, 64), 64, SQUARE)] == [(0, 0, 60, 64)]


def test_tiles_have_the_shape_of_the_input():
    _, *tiles = tiles_of((500, 500), 100, Preprocessing(size=(30, 60), fit="stretch"))
    assert {tile.window[2:] for tile in tiles} == {(50, 100)}


@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
def test_pixels_are_where_the_placement_says(fit):
    """A white square in a tile, prepared as that tile is, lies where the whole picture's does."""
    pixels = np.zeros((90, 160, 3), "uint8")
    pixels[60:70, 100:110] = 255
    preprocessing = Preprocessing(size=(32, 32), fit=fit, interpolation="bilinear")
    seen = 0
    for tile in tiles_of((90, 160), 64, preprocessing):
        top, left, height, width = tile.window
        part = Image.fromarray(pixels[top : top + height, left : left + width])
        found = preprocessing.without_normalisation().from_pil(part)[..., 0] > 127
        x1, y1, x2, y2 = tile.placement.boxes([100, 60, 110, 70])
        x, y = tile.seen[0::2], tile.seen[1::2]
        if x[0] > 100 or x[1] < 110 or y[0] > 60 or y[1] < 70:
            continue
        seen += 1
        rows, columns = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
        wanted = [x1, y1, x2, y2]
        assert [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1] == pytest.approx(wanted, abs=1)
    assert seen >= 2


def test_what_the_input_does_not_show_is_not_seen():
    cropped = Preprocessing(size=(32, 32), fit="crop", crop_fraction=0.5)
    tile = tiles_of((128, 256), 64, cropped)[1]
    assert tile.seen == pytest.approx((16, 16, 48, 48))
    assert tiles_of((128, 256), 64, SQUARE)[1].seen == pytest.approx((0, 0, 64, 64))


def test_sides_that_cannot_be():
    check_tiles(None, get_task("classification"))
    check_tiles(3, get_task("detection"))
    with pytest.raises(ValueError, match="`tiles` must be a positive integer"):
        check_tiles(0, get_task("detection"))
    for name in ("classification", "features"):
        with pytest.raises(ValueError, match=f"`tiles` must be left out: {name} has no way to put"):
            check_tiles(640, get_task(name))
        with pytest.raises(ValueError, match=f"What {name} says of tiles cannot be put together"):
            get_task(name).merge(iter(()), None)
    with pytest.raises(ValueError, match=rf"`tiles` must be larger: .* over {MOST:,}"):
        tiles_of((1000, 1000), 2, SQUARE)
