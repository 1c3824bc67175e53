"""Targets that say where something is follow their pictures; those that cannot are refused."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerazoo.data import batchwise, pipeline
from kerazoo.data.arrays import array_source
from kerazoo.data.augmentation import CIFAR, NONE, Augmentation
from kerazoo.data.pipeline import evaluation_batches, training_data
from kerazoo.data.source import Source
from kerazoo.preprocessing import Preprocessing

HEIGHT, WIDTH = 48, 80
RAW = {"mean": (0.0,) * 3, "std": (1 / 255,) * 3}
CUT = Preprocessing(size=(32, 40), crop_fraction=0.8, interpolation="bilinear", **RAW)
WHOLE = Preprocessing(size=(HEIGHT, WIDTH), crop_fraction=1.0, interpolation="bilinear", **RAW)

SETTINGS = {"JPEG": {"quality": 98, "subsampling": 0}}


def fields(placement):
    return tf.stack([tf.cast(v, tf.float32) for v in (*placement.scale, *placement.offset)])


# A task that knows places: what its targets become is where the picture's pixels went.
PLACED = SimpleNamespace(
    name="spots",
    placed=True,
    mixes=False,
    move=lambda target, placement: fields(placement),
    encode=lambda targets, classes, model: targets,
)


@pytest.fixture(autouse=True)
def placed(monkeypatch):
    for module in (pipeline, batchwise):
        monkeypatch.setattr(module, "get_task", lambda name: PLACED)


def ramp():
    """Every pixel says where it is: red twice its column, green four times its row, and is blue."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([2 * columns, 4 * rows, 255 + 0 * rows], -1).astype("uint8")


def files(form):
    buffer = io.BytesIO()
    Image.fromarray(ramp()).save(buffer, form, **SETTINGS.get(form, {}))
    x = tf.constant([buffer.getvalue()] * 8)

    def fetch(index):
        return tf.gather(x, index), tf.zeros((), tf.int64)

    rows = tf.data.Dataset.range(8).map(fetch)
    return Source(form, "all", "spots", ("a",), 8, rows, fetch=fetch)


def source(form):
    if form != "array":
        return files(form)
    return array_source(np.stack([ramp()] * 8), np.zeros(8, int), 1)


def assert_where_it_says(image, placement, tolerance):
    """Each pixel of the result holds the place in the picture that the placement leads back to."""
    (sx, sy, ox, oy), (height, width) = placement, image.shape[:2]
    x = (np.arange(width) + 0.5 - ox) / sx
    y = (np.arange(height) + 0.5 - oy) / sy
    # Beside the borders, where there are other pixels or none to interpolate with.
    columns, rows = (x > 3) & (x < WIDTH - 3), (y > 3) & (y < HEIGHT - 3)
    assert columns.sum() > 5
    assert rows.sum() > 5
    found = image[rows][:, columns]
    there = found[..., 2] > 250  # not a border that was added
    assert there.mean() > 0.7
    x, y = np.meshgrid(x[columns], y[rows])
    np.testing.assert_allclose((found[..., 0] / 2 + 0.5)[there], x[there], atol=tolerance)
    np.testing.assert_allclose((found[..., 1] / 4 + 0.5)[there], y[there], atol=tolerance)


@pytest.mark.parametrize("form", ["array", "PNG", "JPEG"])
@pytest.mark.parametrize(
    ("record", "shape", "size"),
    [
        (Augmentation(area=(0.4, 1.0)), CUT, None),
        (Augmentation(area=(0.4, 1.0)), CUT, (20, 24)),
        (CIFAR, CUT, None),
        (CIFAR, WHOLE, (24, 40)),
        (NONE, CUT, (16, 20)),
    ],
    ids=["random", "random-small", "pad", "pad-small", "none"],
)
def test_targets_go_where_pixels_go(form, record, shape, size):
    data = training_data(source(form), shape, record, batch_size=8, size=size, seed=4, encode=True)
    pictures, targets = next(iter(data.batches))
    assert data.encoded
    for image, target in zip(pictures.numpy(), targets.numpy(), strict=True):
        assert_where_it_says(image, target, 1.0 if form == "JPEG" else 0.6)
    mirrored = targets.numpy()[:, 0] < 0
    # Of eight pictures some are mirrored and some are not, or none is, as the record says.
    assert set(mirrored) == ({False, True} if record.flip else {False})


@pytest.mark.parametrize("form", ["array", "PNG"])
def test_evaluation_moves_what_it_encodes_and_leaves_the_rest(form):
    ((pictures, targets),) = evaluation_batches(source(form), CUT, 8, encode=True)
    for image, target in zip(pictures.numpy(), targets.numpy(), strict=True):
        assert_where_it_says(image, target, 0.6)
    ((_, plain),) = evaluation_batches(source(form), CUT, 8)
    assert plain.numpy().tolist() == [0] * 8


@pytest.mark.parametrize(
    ("record", "argument"),
    [(Augmentation(mixup=0.2), "augmentation"), (Augmentation(rand_augment=1), "rand_augment")],
)
def test_what_targets_cannot_follow_is_refused(record, argument):
    with pytest.raises(ValueError, match=f"`{argument}` must be .*spots"):
        training_data(source("array"), CUT, record, batch_size=2)
