"""What augmentation does to pixels and labels, and the record that describes it."""

import tomllib
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerazoo.data.augment import Augmenter, _pad_and_crop
from kerazoo.data.augmentation import CIFAR, NONE, Augmentation
from kerazoo.preprocessing import Preprocessing
from tests.data.test_sources import raises
from tests.processes import run_jax

SIZE = 24
SHAPE = Preprocessing(size=(SIZE, SIZE))


def seed(i):
    return tf.constant([11, i], tf.int64)


def gradient():
    """A float picture in which every pixel is different from its mirror image."""
    x = np.linspace(0, 250, SIZE)
    return np.stack(np.broadcast_arrays(x[None, :], x[:, None], 60.0), -1).astype("float32")


def varied(record, count=40, picture=None):
    augmenter = Augmenter(record, SHAPE)
    picture = gradient() if picture is None else picture
    rows = tf.data.Dataset.range(count).map(
        lambda i: augmenter.picture(tf.constant(picture), tf.stack([11, i]))
    )
    return np.stack([x.numpy() for x in rows])


def test_none_leaves_the_picture_alone():
    np.testing.assert_array_equal(varied(NONE, 1)[0], gradient())


def test_half_of_the_pictures_are_mirrored():
    got = varied(Augmentation(crop="none"), 200)
    mirrored = [np.array_equal(x, gradient()[:, ::-1]) for x in got]
    same = [np.array_equal(x, gradient()) for x in got]
    assert sum(mirrored) + sum(same) == 200
    assert 70 <= sum(mirrored) <= 130  # 4 standard deviations


def test_erasing_paints_one_rectangle_of_the_mean_colour_at_the_given_rate():
    record = Augmentation(crop="none", flip=False, erase=0.25, erase_side=(0.1, 0.3))
    got = varied(record, 300, np.full((SIZE, SIZE, 3), 7, "float32"))
    hit = [x for x in got if (x != 7).any()]
    assert 45 <= len(hit) <= 105  # 4 standard deviations about 75
    for x in hit:
        rows, columns = np.nonzero((x != 7).all(-1))
        patch = x[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        np.testing.assert_allclose(
            patch, np.broadcast_to(np.multiply(255, SHAPE.mean), patch.shape)
        )
        for side in patch.shape[:2]:
            assert SIZE * 0.1**0.5 - 1 <= side <= SIZE * 0.3**0.5 + 1
    # Pixels that a model normalises inside are not filled with black.
    raw = Augmenter(replace(record, erase=1.0), SHAPE.without_normalisation())
    grey = raw.picture(tf.zeros((SIZE, SIZE, 3)), seed(0)).numpy()
    np.testing.assert_allclose(grey.max((0, 1)), np.multiply(255, SHAPE.mean))
    noisy = Augmentation(crop="none", flip=False, erase=1.0, erase_fill="noise")
    assert len(np.unique(varied(noisy, 1))) > 20


def test_rand_augment_runs_the_operations_of_keras_one_at_a_time():
    record = Augmentation(crop="none", flip=False, rand_augment=1, rand_augment_factor=0.2)
    got = varied(record, 60)
    assert got.shape[1:] == (SIZE, SIZE, 3)
    assert got.min() >= 0
    assert got.max() <= 255
    assert len({x.tobytes() for x in got}) > 40
    # Equalization has no number to draw: its result is Keras' own, and turns up in 1 of 11.
    equal = keras.layers.Equalization(value_range=(0, 255))(gradient()[None])[0]
    assert 1 <= sum(np.allclose(x, equal) for x in got) <= 15
    # The seed decides.
    np.testing.assert_array_equal(got, varied(record, 60))


def test_a_half_precision_policy_does_not_reach_the_pixels():
    record = Augmentation(crop="none", rand_augment=1, erase=0.5)
    expected = varied(record, 8)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        np.testing.assert_array_equal(varied(record, 8), expected)
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("mode", ["zeros", "reflect"])
def test_pad_and_crop_shifts_by_at_most_the_padding(mode):
    record = Augmentation(crop="pad", padding=2, padding_mode=mode)
    padded = np.pad(
        gradient(), [(2, 2), (2, 2), (0, 0)], mode="constant" if mode == "zeros" else "reflect"
    )
    windows = {
        padded[top : top + SIZE, left : left + SIZE].tobytes(): (top, left)
        for top in range(5)
        for left in range(5)
    }
    places = {
        windows[_pad_and_crop(tf.constant(gradient()), record, seed(i))[0].numpy().tobytes()]
        for i in range(120)
    }
    assert len(places) >= 20  # of 25


def mix(record, i, batch=6):
    """A batch whose picture k is all `k * 10`, mixed; with the labels."""
    pictures = np.full((batch, SIZE, SIZE, 3), 10.0, "float32")
    pictures *= np.arange(batch)[:, None, None, None]
    x, y = Augmenter(record, SHAPE).mix(tf.constant(pictures), tf.eye(batch), seed(i))
    return x.numpy(), y.numpy()


def test_mixup_labels_are_the_shares_of_the_pictures():
    weights = []
    for i in range(5):
        x, y = mix(Augmentation(mixup=0.8), i)
        np.testing.assert_allclose(y.sum(1), 1, rtol=1e-6)
        # A flat picture of 10 k: the expected level of the labels is the level of the pixels.
        level = y @ (10 * np.arange(6))
        np.testing.assert_allclose(
            x, np.broadcast_to(level[:, None, None, None], x.shape), atol=1e-4
        )
        weights += list(y.max(1))
    assert np.ptp(weights) > 0.2


def test_cutmix_labels_are_the_shares_of_the_area():
    cut = 0
    for i in range(5):
        x, y = mix(Augmentation(cutmix=1.0), i)
        np.testing.assert_allclose(y.sum(1), 1, rtol=1e-6)
        for picture, label, k in zip(x, y, range(6), strict=True):
            levels = np.unique(picture)
            assert len(levels) <= 2
            own = (picture[..., 0] == 10 * k).mean()
            # Keras weighs by the box before it is cut to whole pixels.
            assert abs(own - label[k]) < 2.5 / SIZE
            cut += len(levels) == 2
    assert cut > 10


def test_a_share_of_the_batches_is_mixed_by_either():
    record = Augmentation(mixup=0.5, cutmix=0.5, mix_probability=0.6)
    augmenter = Augmenter(record, SHAPE)
    pictures = tf.range(4.0)[:, None, None, None] * tf.ones((4, SIZE, SIZE, 3))
    rows = tf.data.Dataset.range(150).map(
        lambda i: augmenter.mix(pictures, tf.eye(4), tf.stack([11, i]))
    )
    kinds = {"none": 0, "mixup": 0, "cutmix": 0}
    for x, _ in rows:
        if np.array_equal(x, pictures):
            kinds["none"] += 1
        else:
            whole = np.isin(x.numpy(), np.arange(4)).all()
            kinds["cutmix" if whole else "mixup"] += 1
    assert 36 <= kinds["none"] <= 84  # 60, 4 standard deviations
    assert min(kinds["mixup"], kinds["cutmix"]) >= 20


def test_a_recipe_fills_the_record():
    text = 'crop = "random"\narea = [0.2, 1.0]\nrand_augment = 2\nmixup = 0.2\n'
    record = Augmentation.from_dict(tomllib.loads(text))
    assert record == Augmentation(area=(0.2, 1.0), rand_augment=2, mixup=0.2)
    assert Augmentation.from_dict(record.to_dict()) == record
    assert hash(record)
    assert record.mixes
    assert not CIFAR.mixes
    with pytest.raises(ValueError, match="Did you mean 'mixup'"):
        Augmentation.from_dict({"mixupp": 1})


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("area", (0.5, 0.1), "the least first"),
        ("ratio", (1, 2, 3), "two numbers"),
        ("erase_side", "large", "two numbers"),
        ("padding", -1, "0 or more"),
        ("rand_augment", 1.5, "0 or more"),
        ("rand_augment_factor", 0, "0.001 to 1"),
        ("erase", 1.5, "0 to 1"),
        ("mix_probability", float("nan"), "0 to 1"),
        ("mixup", 0.001, "0.05 to 1"),
        ("cutmix", 2, "0.05 to 1"),
        ("flip", "no", "True or False"),
    ],
)
def test_values_out_of_range(field, value, text):
    with raises(field, text):
        Augmentation(**{field: value})


@pytest.mark.parametrize("field", ["crop", "padding_mode", "erase_fill"])
def test_unknown_words(field):
    with pytest.raises(ValueError, match=f"Unknown `{field}`.*Accepted"):
        Augmentation(**{field: "centre"})


JAX = """
import numpy as np
from kerazoo.data.augmentation import Augmentation
from kerazoo.data.arrays import array_source
from kerazoo.data.pipeline import training_data
from kerazoo.preprocessing import Preprocessing
import keras
x = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), "uint8")
record = Augmentation(erase=0.5, mixup=0.2)
source = array_source(x, np.arange(8), 8)
data = training_data(source, Preprocessing(size=(16, 16)), record, batch_size=4)
batch = next(iter(data.batches))
print(keras.backend.backend(), repr(float(abs(batch[0].numpy()).sum())), batch[1].shape)
"""


def test_the_same_pictures_where_keras_runs_on_jax(capsys):
    pytest.importorskip("jax")
    done = run_jax(JAX)
    assert done.returncode == 0, done.stderr[-2000:]
    exec(JAX, {})
    here = capsys.readouterr().out
    assert here.startswith("tensorflow ")
    assert done.stdout == here.replace("tensorflow", "jax")
