"""A picture's things out of tiles of it: whole at seams, once each, and no two made one."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerazoo.data.source import Source
from kerazoo.evaluation import evaluate
from kerazoo.predictor import Predictor
from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks import get_task
from kerazoo.tasks.detection import anchors, boxes, postprocess
from kerazoo.tasks.detection.detector import Detector
from kerazoo.tasks.detection.predictions import decode
from kerazoo.tasks.detection.tiles import merge
from kerazoo.tiling import tiles_of

DETECTOR = Detector(
    anchors=anchors.FittedAnchors((((0.5, 0.5),),)),
    size=(64, 64),
    grids=((4, 4),),
    coder=boxes.TENSORFLOW,
    suppression=postprocess.TENSORFLOW,
)
RECORD = SimpleNamespace(task_facts=DETECTOR.to_dict(), labels=("cat", "dog"), confidence=None)
SIZE = Preprocessing(size=(64, 64), fit="stretch", interpolation="bilinear", mean=(0,) * 3)
LEAST = 3  # pixels of the input: what is smaller is not found, as with real networks


def said(found):
    """Outputs, without a batch, that say these boxes (x1 y1 x2 y2 in the input), class, score."""
    codes, logits = np.zeros((16, 4), "float32"), np.full((16, 3), -20, "float32")
    for row, ((x1, y1, x2, y2), number, score) in enumerate(found):
        a = DETECTOR.boxes()[row]
        width, height = a[2] - a[0], a[3] - a[1]
        codes[row] = (
            10 * ((y1 + y2) / 2 - (a[1] + a[3]) / 2) / height,
            10 * ((x1 + x2) / 2 - (a[0] + a[2]) / 2) / width,
            5 * np.log((y2 - y1) / height),
            5 * np.log((x2 - x1) / width),
        )
        logits[row, number + 1] = np.log(score / (1 - score))
    return {"codes": codes, "logits": logits}


def views(size, side, things, blind=(), score=lambda share, number: 0.5 + 0.4 * share):
    """What a perfect network says of each tile: the part that it sees of every thing.

    Args:
        size: Of the picture.
        side: Of the tiles.
        things: Boxes in pixels of the picture, and their class.
        blind: Numbers of the views that find nothing.
        score: Of the share that is seen, and the number of the view.
    """
    for number, tile in enumerate(tiles_of(size, side, SIZE)):
        found = []
        for box, kind in things if number not in blind else ():
            x1, y1, x2, y2 = part = [
                *np.maximum(box[:2], tile.seen[:2]),
                *np.minimum(box[2:], tile.seen[2:]),
            ]
            if x2 <= x1 or y2 <= y1:
                continue
            placed = tile.placement.boxes(part)
            share = (x2 - x1) * (y2 - y1) / ((box[2] - box[0]) * (box[3] - box[1]))
            if min(placed[2] - placed[0], placed[3] - placed[1]) >= LEAST:
                found.append((placed, kind, score(share, number)))
        yield tile, said(found)


def merged(size, *args, **how):
    (found,) = decode(merge(views(size, *args, **how), RECORD), RECORD, [still(size)])
    return found


def still(size):
    from kerazoo.placement import Placement

    return Placement((1.0, 1.0), (0.0, 0.0), size, size)


def same(found, things, tolerance=1.0):
    assert sorted(found.classes.tolist()) == sorted(kind for _, kind in things)
    for box, kind in things:
        off = np.abs(found.boxes[found.classes == kind] - np.array(box)).max(-1)
        assert off.min() <= tolerance, (box, found.boxes)
    return True


# Of 200 x 400 in tiles of 100: they begin at 0, 75, 150, 225, 300 and 0, 50, 100.
@pytest.mark.parametrize("whole", [True, False], ids=["and the whole", "tiles alone"])
@pytest.mark.parametrize(
    "box",
    [
        (10, 10, 30, 30),  # in one tile
        (80, 55, 95, 95),  # in the overlap of four
        (90, 20, 120, 60),  # over a seam, whole in the next tile
        (60, 20, 115, 70),  # over two seams, whole in none
        (20, 30, 390, 60),  # through all tiles of a row
        (20, 10, 390, 190),  # most of the picture
        (300, 100, 400, 200),  # in the corner, at the borders
    ],
)
def test_a_thing_is_told_once_and_whole(box, whole):
    things = [(box, 1)]
    assert same(merged((200, 400), 100, things, blind=() if whole else (0,)), things)


def test_neighbours_stay_apart():
    things = [
        ((70, 20, 90, 40), 0),
        ((92, 20, 112, 40), 0),  # beside it, on the seam at 100
        ((92, 44, 112, 64), 0),
        ((80, 30, 100, 50), 1),  # of another class, over them
    ]
    found = merged((200, 400), 100, things)
    assert same(found, things)
    assert len(found) == 4


def test_a_row_of_things_on_seams():
    """Each is cut by a seam, and none may swallow the next."""
    things = [((x, 60, x + 30, 85), 0) for x in range(60, 370, 34)]
    found = merged((200, 400), 100, things)
    assert same(found, things)
    assert len(found) == len(things)


def test_the_sure_ones_say_where_it_is():
    """A part that was found with half of the best score or less does not widen the box."""
    box = (60, 20, 115, 70)
    sure = merged((200, 400), 100, [(box, 0)], blind=(0,), score=lambda share, number: 0.8)
    assert same(sure, [(box, 0)])
    unsure = merged(
        (200, 400), 100, [(box, 0)], blind=(0,), score=lambda share, n: 0.3 if n % 5 == 2 else 0.8
    )
    assert (unsure.boxes[:, 2] - unsure.boxes[:, 0] < 55).all()


def test_one_view_says_what_the_network_says():
    tile, *_ = tiles_of((60, 60), 100, SIZE)
    generator = np.random.default_rng(0)
    outputs = {
        "codes": generator.normal(size=(16, 4)).astype("float32"),
        "logits": generator.normal(size=(16, 3)).astype("float32"),
    }
    how = {"threshold": 0.3}
    (one,) = decode(merge([(tile, outputs)], RECORD), RECORD, [still((60, 60))], **how)
    alone = {name: y[None] for name, y in outputs.items()}
    (other,) = decode(alone, RECORD, [tile.placement], **how)
    assert len(one) > 3
    np.testing.assert_allclose(one.boxes, other.boxes, atol=1e-3)
    np.testing.assert_array_equal(one.scores, other.scores)
    np.testing.assert_array_equal(one.classes, other.classes)


def test_outputs_that_decode_refuses():
    tile, *_ = tiles_of((60, 60), 100, SIZE)
    bad = said([])
    bad["logits"][3, 1] = np.nan
    with pytest.raises(ValueError, match="`outputs` must be finite"):
        merge([(tile, bad)], RECORD)


def bright(array):
    """A network of which each red thing is a cat: the bounds of what is bright."""
    rows = []
    for picture in array:
        there = picture[..., 0] * 255 * SIZE.std[0] > 127
        found = []
        if there.sum() >= LEAST**2:
            y, x = np.flatnonzero(there.any(1)), np.flatnonzero(there.any(0))
            if min(len(x), len(y)) >= LEAST:
                found = [((x[0], y[0], x[-1] + 1, y[-1] + 1), 0, 0.9)]
        rows.append(said(found))
    return {name: np.stack([row[name] for row in rows]) for name in ("codes", "logits")}


@pytest.fixture(scope="module")
def predictor():
    sizes = []

    def run(array):
        sizes.append(len(array))
        return bright(array)

    found = Predictor(
        run,
        get_task("detection"),
        name="net",
        record=RECORD,
        preprocessing=SIZE,
        input_shape=(64, 64, 3),
        batch_size=4,
    )
    found.sizes = sizes
    return found


def painted(box, size=(900, 1200)):
    pixels = np.zeros((*size, 3), "uint8")
    x1, y1, x2, y2 = box
    pixels[y1:y2, x1:x2] = 255
    return pixels


def test_small_things_are_found_in_tiles_alone(predictor, tmp_path):
    """20 pixels of 900 are one of the input's 64."""
    small = (230, 250, 250, 270)
    Image.fromarray(painted(small)).save(tmp_path / "large.png")
    assert len(predictor.predict([tmp_path / "large.png"])[0]) == 0
    predictor.sizes.clear()
    (found,) = predictor.predict([tmp_path / "large.png"], tiles=256)
    np.testing.assert_allclose(found.boxes, [small], atol=4)
    assert found.size == (900, 1200)
    assert found.picture == tmp_path / "large.png"
    assert max(predictor.sizes) == 4  # batches, however many tiles there are
    assert sum(predictor.sizes) == 1 + 5 * 6


def test_pictures_that_cannot_be_read_are_skipped_in_tiles_too(predictor, tmp_path):
    (tmp_path / "a.png").write_text("none")
    Image.fromarray(painted((0, 0, 300, 300))).save(tmp_path / "b.png")
    skipped = []
    found = list(predictor.predictions(tmp_path, skipped.append, tiles=400))
    assert [path.name for path, _ in found] == ["b.png"]
    np.testing.assert_allclose(found[0][1].boxes, [[0, 0, 300, 300]], atol=8)
    assert len(skipped) == 1


def test_pictures_are_turned_before_they_are_cut(predictor, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(painted((100, 700, 160, 760))).save(tmp_path / "turned.jpg", exif=exif)
    (found,) = predictor.predict([tmp_path / "turned.jpg"], tiles=300)
    assert found.size == (1200, 900)
    np.testing.assert_allclose(found.boxes, [[140, 100, 200, 160]], atol=6)


def source(truths):
    pictures = np.stack([painted(box) for box in truths])

    def fetch(index):
        box = tf.constant(truths, tf.float32)[index]
        target = {
            "boxes": box[None],
            "classes": tf.zeros([1], tf.int64),
            "crowd": tf.zeros([1], tf.bool),
            "areas": tf.ones([1]),
            "size": tf.constant([900, 1200]),
        }
        return tf.constant(pictures)[index], target

    rows = tf.data.Dataset.range(len(truths)).map(fetch)
    return Source("set", "val", "detection", ("cat",), len(truths), rows, False, fetch)


def test_evaluation_in_tiles(predictor):
    data = source([(230, 250, 290, 310), (800, 600, 900, 660)])
    done = []
    in_tiles = evaluate(predictor, data, tiles=256, progress=lambda *at: done.append(at))
    assert done == [(1, 2), (2, 2)]
    assert in_tiles.count == 2
    assert in_tiles.figures["AP50"] == pytest.approx(1.0)
    # Where the whole picture is one pixel of the input to 19 of its own, boxes fit less well.
    assert in_tiles.headline > evaluate(predictor, data).headline + 0.1
