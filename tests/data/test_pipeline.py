"""Training batches: the same for the same seed, of the right pixels, past corrupt pictures."""

import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerazoo.data.arrays import array_source
from kerazoo.data.augmentation import CIFAR, NONE, Augmentation
from kerazoo.data.corrupt import find_corrupt
from kerazoo.data.folder import folder_source
from kerazoo.data.pipeline import evaluation_batches, training_data
from kerazoo.data.tfds import tfds_source
from kerazoo.evaluation import evaluate
from kerazoo.pictures import PictureError
from kerazoo.preprocessing import Preprocessing
from tests.data.test_sources import picture, raises

SMALL = Preprocessing(size=(32, 32))
# Everything at once, and what takes TensorFlow less time to compile.
FULL = Augmentation(rand_augment=1, rand_augment_factor=0.3, erase=0.5, mixup=0.2, cutmix=1.0)
LIGHT = Augmentation(erase=0.5, cutmix=0.5)


def arrays(count=20, size=16, classes=2):
    """Photograph-like noise; row i has class i mod `classes`."""
    pictures = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), "uint8")
    return array_source(pictures, np.arange(count) % classes, classes)


def taken(data, count):
    return [(x.numpy(), y.numpy()) for x, y in data.batches.take(count)]


def assert_same(first, second):
    assert len(first) == len(second)
    for one, two in zip(first, second, strict=True):
        for a, b in zip(one, two, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module", params=["stream", "files", "arrays"])
def source(request, data_dir, tmp_path_factory):
    """Twenty-two pictures, reached in each of the three ways."""
    stream = tfds_source("imagenet2012", "validation[:22]", data_dir=data_dir, shards=2)
    if request.param == "stream":
        return stream
    if request.param == "arrays":
        return arrays(22)
    folder = tmp_path_factory.mktemp("photographs")
    for i, (data, _) in enumerate(stream.pictures):
        path = folder / ("cat", "dog")[i % 2] / f"{i}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data.numpy())
    return folder_source(folder)


def test_a_seed_gives_the_same_batches_with_any_number_of_threads(source):
    record = LIGHT if source.encoded else FULL
    make = {"batch_size": 7, "seed": 3, "shuffle_buffer": 8}
    tf.random.set_seed(1)
    one = taken(training_data(source, SMALL, record, parallel=1, **make), 6)
    tf.random.set_seed(2)  # somebody else's seed is none of our business
    # Going on at the second epoch is what an uninterrupted run sees, and differs from the first.
    later = training_data(source, SMALL, record, parallel=7, epoch=1, **make)
    assert later.steps == 3
    assert_same(one[3:], taken(later, 3))
    assert not np.array_equal(one[0][0], one[3][0])
    other = taken(training_data(source, SMALL, LIGHT, **make | {"seed": 4}), 1)
    assert not np.array_equal(one[0][1], other[0][1])


def test_an_epoch_holds_each_picture_at_most_once(source):
    # Unvaried pictures can be told apart by their pixels.
    expected = [x.tobytes() for x in evaluation_pixels(source)]
    orders = []
    for epoch in range(2):
        got = taken(training_data(source, SMALL, NONE, batch_size=11, seed=1, epoch=epoch), 2)
        orders.append([x.tobytes() for batch, _ in got for x in batch])
        assert sorted(orders[-1]) == sorted(expected)
    assert orders[0] != orders[1]
    assert expected not in orders


def evaluation_pixels(source):
    return np.concatenate([x.numpy() for x, _ in evaluation_batches(source, SMALL, 5)])


def test_cached_streams_are_the_same(data_dir):
    source = tfds_source("cifar10", "train[:40]", data_dir=data_dir)
    make = {"batch_size": 8, "seed": 5}
    plain = Preprocessing(size=(32, 32), crop_fraction=1.0)
    kept = taken(training_data(source, plain, CIFAR, cache=True, **make), 12)
    assert_same(kept, taken(training_data(source, plain, CIFAR, **make), 12))


def test_pixels_of_a_random_jpeg_crop_are_those_of_the_picture():
    # A smooth ramp: where a crop comes from can be read off its pixels.
    x = np.linspace(0, 255, 200)
    ramp = np.stack(np.broadcast_arrays(x[None, :], x[::2, None], 128.0), -1)
    buffer = io.BytesIO()
    Image.fromarray(ramp.astype("uint8")).save(buffer, "JPEG", quality=95, subsampling=0)
    from kerazoo.data.augment import cropped

    record = Augmentation(flip=False, area=(0.2, 0.5))
    corners = set()
    for i in range(12):
        seed = tf.constant([7, i], tf.int64)
        shape = Preprocessing(size=(48, 64))
        crops = [
            cropped(data, encoded, record, shape, seed)[0].numpy()
            for data, encoded in ((buffer.getvalue(), True), (ramp.astype("uint8"), False))
        ]
        # The same window of the same picture, decoded in part or cut from the whole.
        assert np.abs(crops[0] - crops[1]).mean() < 1.5
        high, wide = np.ptp(crops[1][..., 1]), np.ptp(crops[1][..., 0])
        assert 0.15 < high / 255 * wide / 255 < 0.52
        corners.add(tuple(crops[1][0, 0].round().astype(int)))
    assert len(corners) == 12


def test_normalised_like_evaluation():
    source = arrays(8)
    got = training_data(source, SMALL, NONE, batch_size=8).batches
    batch = next(iter(got))[0].numpy()
    np.testing.assert_array_equal(
        np.sort(batch, axis=0), np.sort(evaluation_pixels(source), axis=0)
    )


def damaged(folder):
    """Ten good PNGs, and four that are not: text, cut short, empty, a cut JPEG."""
    for i in range(10):
        picture(folder / "ab"[i % 2] / f"{i}.png", 20 * i)
    (folder / "a" / "text.jpg").write_text("this is not a picture")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), "uint8")
    for suffix in ("png", "jpg"):
        path = folder / "b" / f"cut.{suffix}"
        Image.fromarray(noise).save(path)
        path.write_bytes(path.read_bytes()[:2000])
    (folder / "a" / "empty.png").write_bytes(b"")
    return folder_source(folder)


BAD = ["cut.jpg", "cut.png", "empty.png", "text.jpg"]


def test_corrupt_pictures_are_skipped_counted_and_named(tmp_path):
    source = damaged(tmp_path)
    whole = Augmentation(crop="none", flip=False)
    data = training_data(source, SMALL, whole, batch_size=5, seed=2)
    levels = [x.mean() for batch, _ in taken(data, 6) for x in batch]
    assert len({round(float(level), 3) for level in levels}) == 10
    found = data.corrupt()
    assert sorted(each.name.rpartition("/")[2] for each in found) == BAD
    assert all(source.files[each.index] == each.name for each in found)
    assert all(each.reason for each in found)
    assert find_corrupt(source) == found


def test_a_picture_that_disappears_is_named(tmp_path):
    source = damaged(tmp_path)
    (tmp_path / "a" / "2.png").unlink()
    found = {each.name.rpartition("/")[2]: each.reason for each in find_corrupt(source)}
    assert sorted(found) == ["2.png", *BAD]
    assert "No such file" in found["2.png"]


def test_corrupt_pictures_are_fatal_by_option(tmp_path):
    data = training_data(damaged(tmp_path), SMALL, NONE, batch_size=5, on_corrupt="fail")
    with (
        pytest.raises(PictureError, match=r"Cannot decode .*(cut|text|empty)"),
        data.naming_corrupt(),
    ):
        taken(data, 6)


def test_corrupt_pictures_in_a_stream_are_named_by_their_place(tmp_path):
    files = damaged(tmp_path)
    from dataclasses import replace

    stream = replace(files, fetch=None, files=None)
    data = training_data(stream, SMALL, NONE, batch_size=5)
    taken(data, 6)
    assert [each.index for each in data.corrupt()] == [each.index for each in find_corrupt(files)]
    assert data.corrupt()[0].name == f"{files.name} all, picture {data.corrupt()[0].index}"


def test_evaluation_names_corrupt_pictures_or_leaves_them_out(tmp_path, caplog):
    source = damaged(tmp_path)
    model = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten()])
    model.add(keras.layers.Dense(2))
    with pytest.raises(PictureError, match=r"Cannot decode 4 of the pictures: .*; and 1 more"):
        evaluate(model, source, preprocessing=SMALL)
    assert evaluate(model, source, preprocessing=SMALL, on_corrupt="skip").count == 10
    assert "Cannot decode 4 of the pictures" in caplog.text


def test_nothing_but_corrupt_pictures_ends(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").write_text("no")
    data = training_data(folder_source(tmp_path), SMALL, batch_size=1)
    assert taken(data, 1) == []
    assert len(data.corrupt()) == 2


def test_fit_trains_on_it():
    keras.utils.set_random_seed(0)
    # Class 1 is bright: to be learned in a few steps, soft labels or not.
    pictures = np.repeat(np.array([40, 200] * 8, "uint8"), 16 * 16 * 3).reshape(16, 16, 16, 3)
    source = array_source(pictures, np.arange(16) % 2, ("dark", "bright"))
    shape = Preprocessing(size=(16, 16), crop_fraction=1.0)
    data = training_data(source, shape, Augmentation(crop="pad", mixup=0.2), batch_size=8)
    model = keras.Sequential(
        [keras.Input((16, 16, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    )
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.1), loss, jit_compile=False)
    history = model.fit(data.batches, steps_per_epoch=data.steps, epochs=8, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert evaluate(model, source, preprocessing=shape).top1 == 100


def test_evaluation_reads_a_folder_as_pillow_does(data_dir, tmp_path):
    stream = tfds_source("imagenet2012", "validation[:3]", data_dir=data_dir)
    for i, (data, _) in enumerate(stream.pictures):
        path = tmp_path / f"class{i}" / "photo.jpg"
        path.parent.mkdir()
        path.write_bytes(data.numpy())
        Image.open(path).save(path.with_suffix(".bmp"))
    source = folder_source(tmp_path)
    record = Preprocessing()
    for (batch, _), file in zip(evaluation_batches(source, record, 1), source.files, strict=True):
        expected = record.from_pil(Image.open(file).convert("RGB"))
        assert np.abs(batch[0] - expected).mean() * 255 * 0.225 < 1


def test_complaints():
    source = arrays(8)
    with raises("batch_size", "at most the number of pictures, 8"):
        training_data(source, SMALL, batch_size=9)
    with raises("batch_size", "1 or more"):
        training_data(source, SMALL, batch_size=0)
    with raises("epoch", "0 or more"):
        training_data(source, SMALL, batch_size=1, epoch=-1)
    with pytest.raises(ValueError, match="'fail', 'skip'"):
        training_data(source, SMALL, batch_size=1, on_corrupt="ignore")
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    with raises("split", "a split already"):
        evaluate(model, source, "test", preprocessing=SMALL)
    with raises("data", "a TFDS name together with"):
        evaluate(model, "cifar10", preprocessing=SMALL)
