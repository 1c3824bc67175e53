"""Small pictures in memory: decoded once, shifted and mirrored by the batch, from any step on."""

import numpy as np
import pytest
import tensorflow as tf

from kerazoo.data.arrays import array_source
from kerazoo.data.augmentation import CIFAR, NONE, Augmentation
from kerazoo.data.batchwise import is_small
from kerazoo.data.folder import folder_source
from kerazoo.data.memory import fits_in_memory, in_memory
from kerazoo.data.pipeline import training_data
from kerazoo.data.tfds import tfds_source
from kerazoo.preprocessing import Preprocessing
from tests.data.test_pipeline import assert_same, taken
from tests.data.test_sources import picture, raises

# Pixels stay 0 to 255, and pictures as they are.
PLAIN = Preprocessing(size=(16, 16), crop_fraction=1.0, interpolation="bilinear")
PLAIN = PLAIN.without_normalisation()
COUNT = 20


@pytest.fixture(scope="module")
def arrays():
    """Pictures of noise whose label is their number; no pixel is 0, so padding can be told."""
    pictures = np.random.default_rng(0).integers(1, 256, (COUNT, 16, 16, 3), "uint8")
    return array_source(pictures, np.arange(COUNT), COUNT)


@pytest.fixture(scope="module")
def pixels(arrays):
    return np.stack([x.numpy() for x, _ in arrays.pictures])


def shift_of(image, original, padding):
    """`(top, left, mirrored)` of the padded crop that `image` is, or None."""
    padded = np.pad(original, [[padding] * 2, [padding] * 2, [0, 0]])
    for mirrored in (False, True):
        for top in range(2 * padding + 1):
            for left in range(2 * padding + 1):
                crop = padded[top : top + 16, left : left + 16]
                if np.array_equal(image, crop[:, ::-1] if mirrored else crop):
                    return top, left, mirrored
    return None


def test_every_picture_is_a_padded_crop_of_itself(arrays, pixels):
    assert is_small(arrays, CIFAR, PLAIN)
    found = []
    for images, labels in taken(training_data(arrays, PLAIN, CIFAR, batch_size=10), 16):
        found += [shift_of(x, pixels[y], 4) for x, y in zip(images, labels, strict=True)]
    assert None not in found
    tops, lefts, mirrored = zip(*found, strict=True)
    assert set(tops) == set(lefts) == set(range(9))
    assert 0.35 < np.mean(mirrored) < 0.65
    assert len(set(found)) > 80  # of 162, in 160 draws


def test_reflected_padding_and_no_flip(arrays, pixels):
    record = Augmentation(crop="pad", padding=3, padding_mode="reflect", flip=False)
    for images, labels in taken(training_data(arrays, PLAIN, record, batch_size=10), 2):
        for image, label in zip(images, labels, strict=True):
            padded = np.pad(pixels[label], [[3, 3], [3, 3], [0, 0]], "reflect")
            crops = [padded[t : t + 16, s : s + 16] for t in range(7) for s in range(7)]
            assert any(np.array_equal(image, crop) for crop in crops)


def test_order_is_that_of_the_general_pipeline_and_holds_each_picture_once(arrays):
    erased = Augmentation(crop="none", flip=False, erase=1e-9)  # which treats them one by one
    assert not is_small(arrays, erased, PLAIN)
    make = {"batch_size": 5, "seed": 3}
    by_batch = taken(training_data(arrays, PLAIN, NONE, **make), 8)
    assert_same(by_batch, taken(training_data(arrays, PLAIN, erased, **make), 8))
    for epoch in (by_batch[:4], by_batch[4:]):
        assert sorted(np.concatenate([y for _, y in epoch])) == list(range(COUNT))


def test_what_happens_to_a_picture_depends_on_seed_and_epoch_not_on_the_batch(arrays):
    def one_epoch(**make):
        data = training_data(arrays, PLAIN, CIFAR, **make)
        rows = taken(data, data.steps)
        return {int(y): x.tobytes() for xs, ys in rows for x, y in zip(xs, ys, strict=True)}

    one = one_epoch(batch_size=5, seed=3, parallel=1)
    assert one == one_epoch(batch_size=10, seed=3, parallel=7)
    assert one != one_epoch(batch_size=5, seed=4)
    assert one != one_epoch(batch_size=5, seed=3, epoch=1)


@pytest.mark.parametrize("kind", ["by batch", "one by one", "mixed", "stream"])
def test_goes_on_at_any_step(arrays, data_dir, kind):
    source, shape, record = arrays, PLAIN, CIFAR
    if kind == "one by one":
        record = Augmentation(crop="pad", erase=0.5)
    elif kind == "mixed":
        record = Augmentation(crop="pad", mixup=0.2, cutmix=1.0)
    elif kind == "stream":
        source = tfds_source("imagenet2012", "validation[:20]", data_dir=data_dir, shards=2)
        shape, record = Preprocessing(size=(16, 16)), Augmentation()
    make = {"batch_size": 5, "seed": 3, "shuffle_buffer": 8}
    whole = taken(training_data(source, shape, record, **make), 9)
    for epoch, step in ((0, 3), (1, 2)):
        data = training_data(source, shape, record, **make, epoch=epoch, step=step)
        assert_same(whole[4 * epoch + step :], taken(data, 9 - 4 * epoch - step))


@pytest.mark.parametrize("crop", ["pad", "none", "random"])
def test_smaller_pictures_are_the_same_crops_scaled_down(arrays, pixels, crop):
    record = Augmentation(crop=crop, padding=0, flip=False)
    data = training_data(arrays, PLAIN, record, batch_size=10, size=8)
    for images, labels in taken(data, 2):
        assert images.shape == (10, 8, 8, 3)
        if crop == "random":
            continue
        wanted = tf.image.resize(pixels[labels], (8, 8), "bilinear", antialias=True)
        np.testing.assert_allclose(images, wanted, atol=1e-3)
    # Erasing and RandAugment are made for the smaller size.
    record = Augmentation(crop=crop, erase=1.0, rand_augment=1)
    assert taken(training_data(arrays, PLAIN, record, batch_size=4, size=8), 1)[0][0].shape[1] == 8


def test_cifar_in_memory_is_what_the_stream_decodes(data_dir):
    stream = tfds_source("cifar10", "train[:50]", data_dir=data_dir)
    assert stream.shape == (32, 32, 3)
    assert fits_in_memory(stream)
    kept = in_memory(stream)
    assert not kept.encoded
    assert (kept.name, kept.count, kept.classes) == ("cifar10", 50, stream.classes)
    for (x, label), (data, wanted) in zip(kept.pictures, stream.pictures, strict=True):
        np.testing.assert_array_equal(x, tf.io.decode_jpeg(data, 3))
        assert label == wanted
    assert in_memory(kept) is kept
    exact = in_memory(stream, "floor")  # Pillow's decoder
    differs = np.mean(next(iter(exact.pictures))[0] != next(iter(kept.pictures))[0])
    assert 0 < differs < 0.9


def test_memory_complaints(data_dir, tmp_path):
    photographs = tfds_source("imagenet2012", "validation[:4]", data_dir=data_dir)
    assert not fits_in_memory(photographs)
    with raises("source", "pictures of one size"):
        in_memory(photographs)
    for i, name in enumerate(("a/1.png", "b/2.png")):
        picture(tmp_path / name, i)
    assert not fits_in_memory(folder_source(tmp_path))  # nobody says that they are of one size
    assert in_memory(folder_source(tmp_path)).count == 2


def test_step_out_of_range(arrays):
    with raises("step", "below the 4 steps"):
        training_data(arrays, PLAIN, CIFAR, batch_size=5, step=4)
