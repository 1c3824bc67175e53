"""Boxes follow their pictures: crops, zooming out, flips, letterboxes; then they are targets."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerazoo.data.augmentation import NONE, OBJECTS, Augmentation
from kerazoo.data.pipeline import evaluation_batches, training_data
from kerazoo.data.source import Source
from kerazoo.placement import Placement
from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks import get_task
from kerazoo.tasks.detection.targets import check_targets

HEIGHT, WIDTH, COUNT = 60, 90, 10
TASK = get_task("detection")
# Pure colours on grey: where they are in a picture that was cut and scaled can be measured.
COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], "uint8")
BOXES = np.array([[6, 9, 30, 33], [42, 24, 66, 54], [66, 3, 84, 18]], "float32")


def target(boxes=BOXES, classes=(0, 1, 2), crowd=(False, False, False)):
    pad = [[0, 1], [0, 0]]  # every picture has a place without a box
    return {
        "boxes": tf.constant(np.pad(boxes, pad), tf.float32),
        "classes": tf.constant([*classes, -1], tf.int64),
        "crowd": tf.constant([*crowd, False]),
        "areas": tf.zeros((len(classes) + 1,)),
        "size": tf.constant([HEIGHT, WIDTH]),
    }


def source(form="PNG"):
    pixels = np.full((HEIGHT, WIDTH, 3), 128, "uint8")
    for (x1, y1, x2, y2), colour in zip(BOXES.astype(int), COLOURS, strict=True):
        pixels[y1:y2, x1:x2] = colour
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    data = tf.constant(buffer.getvalue())

    def fetch(index):
        return data, target()

    rows = tf.data.Dataset.range(COUNT).map(fetch)
    return Source("spots", "all", "detection", ("r", "g", "b"), COUNT, rows, fetch=fetch)


def seen(image, number):
    """Where a colour is: x1, y1, x2, y2; None where too little of it is there to measure."""
    colour = COLOURS[number].astype("float32")
    there = np.abs(image - colour).max(-1) < 90
    ys, xs = np.nonzero(there)
    return None if len(xs) < 6 else (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)


@pytest.mark.parametrize(
    ("record", "fit"),
    [
        (NONE, "pad"),
        (Augmentation(crop="objects", area=(0.3, 1.0), ratio=(0.5, 2.0)), "stretch"),
        (Augmentation(crop="none", zoom_out=1.0), "stretch"),
        (Augmentation(crop="objects", zoom_out=0.7, zoom_out_side=2.0, ratio=(0.5, 2.0)), "pad"),
        (Augmentation(area=(0.4, 1.0)), "crop"),
    ],
    ids=["none", "objects", "zoom", "both", "random"],
)
def test_boxes_are_where_their_colours_are(record, fit):
    shape = Preprocessing(size=(72, 96), fit=fit, interpolation="bilinear", mean=(0,) * 3)
    shape = shape.without_normalisation()
    data = training_data(source(), shape, record, batch_size=COUNT, seed=2)
    pictures, targets = next(iter(data.batches))
    looked_at = 0
    for image, boxes, classes, crowd in zip(
        pictures.numpy(), *(targets[k].numpy() for k in ("boxes", "classes", "crowd")), strict=True
    ):
        for number in range(3):
            place, box = seen(image, number), boxes[number]
            if place is None:
                continue
            assert classes[number] == number
            # To a pixel: what was cut to whole pixels of the picture, and scaled.
            np.testing.assert_allclose(place, box, atol=1.6)
            looked_at += not crowd[number]
        assert classes[3] == -1
    assert looked_at >= COUNT


def test_an_objects_crop_shows_an_object_and_varies():
    shape = Preprocessing(size=(48, 48), fit="stretch").without_normalisation()
    record = Augmentation(crop="objects", area=(0.05, 0.5), ratio=(0.3, 3.0), flip=False)
    data = training_data(source(), shape, record, batch_size=COUNT, seed=1)
    _, targets = next(iter(data.batches))
    whole = (targets["classes"].numpy() >= 0) & ~targets["crowd"].numpy()
    assert whole.any(axis=1).all()
    assert len({tuple(row) for row in targets["boxes"].numpy()[:, 0].round().tolist()}) > 5


def test_colours_leave_boxes_alone_and_follow_the_seed():
    shape = Preprocessing(size=(30, 45), fit="stretch").without_normalisation()
    plain, coloured = (
        next(iter(training_data(source(), shape, r, batch_size=4, seed=3).batches))
        for r in (NONE, Augmentation(crop="none", flip=False, colour=1.0))
    )
    again = training_data(
        source(), shape, Augmentation(crop="none", flip=False, colour=1.0), batch_size=4, seed=3
    )
    assert np.abs(plain[0].numpy() - coloured[0].numpy()).mean() > 2
    np.testing.assert_array_equal(coloured[0], next(iter(again.batches))[0])
    np.testing.assert_array_equal(plain[1]["boxes"], coloured[1]["boxes"])
    assert coloured[0].numpy().min() >= 0
    assert coloured[0].numpy().max() <= 255


@pytest.mark.parametrize(
    ("window", "kept"),
    [
        ((0, 0, 60, 90), [(0, False), (1, False), (2, False)]),
        ((0, 0, 60, 40), [(0, False)]),
        # The centre of the second one is cut off: what is left is neither found nor background.
        ((0, 0, 60, 52), [(0, False), (1, True)]),
        ((0, 0, 60, 60), [(0, False), (1, False)]),
    ],
)
def test_what_a_crop_leaves_of_a_box(window, kept):
    placement = Placement.of_window((HEIGHT, WIDTH), window, (30, 30))
    moved = {k: v.numpy() for k, v in TASK.move(target(), placement).items()}
    there = moved["classes"] >= 0
    found = list(zip(moved["classes"][there], moved["crowd"][there], strict=True))
    assert found == kept
    assert (moved["boxes"][there] >= 0).all()
    assert (moved["boxes"][there] <= 30).all()
    assert (moved["boxes"][~there] == 0).all()


def test_a_crowd_stays_one_and_classes_are_counted_anew():
    moved = TASK.move(
        target(crowd=(True, False, False)), Placement((1, 1), (0, 0), (60, 90), (60, 90))
    )
    assert moved["crowd"].numpy().tolist() == [True, False, False, False]
    numbers = TASK.renumber(target(), tf.constant([5, 3, 4], tf.int64))["classes"]
    assert numbers.numpy().tolist() == [5, 3, 4, -1]


def test_targets_come_beside_the_encoded_ones(monkeypatch):
    monkeypatch.setattr(TASK.__class__, "encode", lambda self, y, classes, model: y["boxes"])
    shape = Preprocessing(size=(30, 45), fit="stretch")
    (batch,) = evaluation_batches(source(), shape, COUNT, encode=True, beside=True)
    encoded, given = batch[1]
    np.testing.assert_allclose(encoded[0, :3], BOXES / 2)
    np.testing.assert_allclose(given["boxes"][0, :3], BOXES)


def test_zooming_out_and_cropping_objects_have_their_places():
    with pytest.raises(ValueError, match='`zoom_out` must be 0 with `crop="random"`'):
        Augmentation(zoom_out=0.5)
    assert OBJECTS.cuts
    assert Augmentation(crop="none", zoom_out=0.1).cuts
    assert not NONE.cuts
    with pytest.raises(ValueError, match="`rand_augment` must be 0 for detection"):
        training_data(source(), Preprocessing(), Augmentation(rand_augment=1), batch_size=2)


def test_targets_are_checked():
    known = SimpleNamespace(
        name="spots", split="train", classes=("a", "b"), picture_name=lambda i: f"picture {i}"
    )
    values = {
        "boxes": np.zeros((2, 1, 4)), "classes": np.array([[0], [2]]), "crowd": np.zeros((2, 1))
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"classes within 0 to 1; it has 2.*'picture 1'"):
        check_targets(values, known)
    values["classes"] = np.full((2, 1), -1)
    check_targets(values, known)
    with pytest.raises(ValueError, match="a split with a box"):
        check_targets(values, known, complete=True)
    with pytest.raises(ValueError, match="targets that have boxes, classes, crowd"):
        check_targets(np.zeros(3), known)


def test_a_target_as_people_see_it():
    values = {k: v.numpy() for k, v in target(crowd=(False, False, True)).items()}
    picture = Image.new("RGB", (WIDTH, HEIGHT), "white")
    drawn, lines = TASK.show(picture, values, ("r", "g", "b"))
    assert lines == [("1 r; 1 g; (1 ignored)", None)]
    assert np.asarray(drawn)[9, 6:30].max(-1).tolist() != [255] * 24  # the first one's upper side
    assert np.asarray(picture).min() == 255
    empty = {"boxes": np.zeros((0, 4)), "classes": np.zeros(0, int), "crowd": np.zeros(0, bool)}
    assert TASK.show(picture, empty, ())[1] == [("no boxes", None)]


MOSAIC = Augmentation(crop="none", mosaic=1.0)


def mosaics(seed, **options):
    """A batch, in a size in which pictures are stretched."""
    shape = Preprocessing(size=(72, 96), fit="stretch", interpolation="bilinear")
    shape = shape.without_normalisation()
    how = {"batch_size": COUNT, "seed": seed} | options
    data = training_data(source(), shape, MOSAIC, **how)
    pictures, targets = next(iter(data.batches))
    return pictures.numpy(), {name: y.numpy() for name, y in targets.items()}


def test_boxes_of_mosaics_are_where_the_things_are():
    pictures, targets = mosaics(0)
    assert pictures.shape == (10, 72, 96, 3)
    assert targets["boxes"].shape == (10, 16, 4)
    for picture, boxes, classes, crowd in zip(
        pictures, targets["boxes"], targets["classes"], targets["crowd"], strict=True
    ):
        for number, colour in enumerate(COLOURS.astype("float32")):
            there = np.abs(picture - colour).max(-1) < 90
            mine = boxes[classes == number].round().astype(int)
            covered = np.zeros_like(there)
            for x1, y1, x2, y2 in mine:
                assert min(x2 - x1, y2 - y1) < 4 or there[y1 + 1 : y2 - 1, x1 + 1 : x2 - 1].all()
                covered[max(y1 - 1, 0) : y2 + 1, max(x1 - 1, 0) : x2 + 1] = True
            assert not (there & ~covered).any()  # nothing is without a box
        assert (boxes[classes < 0] == 0).all()
        assert not crowd[classes < 0].any()
        shown = ((classes >= 0) & ~crowd).sum()
        assert shown >= 2
    assert (targets["classes"] >= 0).sum() > 10 * 3  # more than a picture has


def test_mosaics_follow_from_the_seed():
    one, other = mosaics(5, parallel=1), mosaics(5, parallel=4)
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1]["boxes"], other[1]["boxes"])
    assert np.abs(one[0] - mosaics(6)[0]).max() > 50


def test_without_luck_a_picture_is_itself():
    shape = Preprocessing(size=(60, 90), fit="stretch", interpolation="bilinear")
    rare = Augmentation(crop="none", flip=False, mosaic=1e-6)
    pictures, targets = next(
        iter(training_data(source(), shape.without_normalisation(), rare, batch_size=2).batches)
    )
    np.testing.assert_allclose(targets["boxes"][1, :3], BOXES, atol=1e-4)
    assert (targets["classes"][1].numpy() >= 0).sum() == 3
    assert seen(pictures[1].numpy(), 0) == tuple(BOXES[0].astype(int))


def test_masks_and_classes_are_not_put_together():
    data = source()
    other = Source("c", "all", "classification", ("a",), COUNT, data.pictures, fetch=data.fetch)
    with pytest.raises(ValueError, match="`mosaic` must be 0 for classification, whose targets"):
        training_data(other, Preprocessing(size=(32, 32)), MOSAIC, batch_size=2)
