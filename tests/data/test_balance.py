"""Pictures with rare classes come more often, and everything else stays as it was."""

import numpy as np
import pytest
import tensorflow as tf

from kerazoo.data.arrays import array_source
from kerazoo.data.augmentation import NONE
from kerazoo.data.balance import picture_shares, shares_of
from kerazoo.data.pipeline import training_data
from kerazoo.data.source import Source
from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks import get_task

SIZE = Preprocessing(size=(8, 8), crop_fraction=1.0, interpolation="bilinear")


def test_shares_are_the_root_of_how_rare_a_class_is():
    present = np.zeros((20, 3), bool)
    present[:16, 0] = True
    present[16:, 1] = True  # a quarter as common
    present[3, 1] = True
    shares = shares_of(present, 1.0)
    assert shares.mean() == pytest.approx(1.0)
    ratio = (16 / 5) ** 0.5
    assert shares[16] / shares[0] == pytest.approx(ratio)
    assert shares[3] / shares[0] == pytest.approx(ratio)  # its rarest class counts
    np.testing.assert_allclose(shares_of(present, 0.0), 1.0)
    assert shares_of(np.zeros((4, 2), bool), 1.0).tolist() == [1.0] * 4


def labelled(counts):
    """Pictures of one grey each, their number."""
    classes = np.repeat(np.arange(len(counts)), counts)
    pixels = np.broadcast_to(
        np.arange(len(classes), dtype="uint8")[:, None, None, None], (len(classes), 8, 8, 3)
    )
    return array_source(np.array(pixels), classes, len(counts))


def test_an_epoch_has_the_shares():
    source = labelled((36, 4))
    shares = picture_shares(source, 1.0)
    data = training_data(source, SIZE.without_normalisation(), NONE, batch_size=8, shares=shares)
    seen = []
    for pictures, _ in data.batches.take(2 * data.steps):
        seen += pictures.numpy()[:, 0, 0, 0].round().astype(int).tolist()
    epochs = np.array(seen).reshape(2, 40)
    counts = [np.bincount(each, minlength=40) for each in epochs]
    for each in counts:
        assert (np.abs(each - shares) < 1).all()  # to one more or less
        assert each.sum() == 40
    assert sum(c[36:].sum() for c in counts) > 16  # 8 without
    assert (epochs[0] != epochs[1]).any()


def test_detection_knows_what_is_on_a_picture():
    targets = {
        "classes": np.array([[0, 2, -1], [1, 1, -1], [-1, -1, -1]]),
        "crowd": np.array([[False, True, False], [False, False, False], [False] * 3]),
    }
    found = get_task("detection").present(targets, 3)
    assert found.tolist() == [[True, False, False], [False, True, False], [False] * 3]


def test_what_cannot_be_balanced_says_so():
    rows = tf.data.Dataset.range(4).map(lambda i: (tf.zeros((8, 8, 3), tf.uint8), i))
    stream = Source("s", "train", "classification", ("a", "b"), 4, rows, encoded=False)
    with pytest.raises(ValueError, match=r"`data\.balance` must be 0 for 's'.* a stream"):
        picture_shares(stream, 1.0)
    with pytest.raises(ValueError, match="Segmentation does not balance classes"):
        get_task("segmentation").present(None, 2)
