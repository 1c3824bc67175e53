"""One reading of pictures: whatever looks at a file sees the same pixels."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerazoo import _reading
from kerazoo.pictures import PictureError, of_pil, open_picture
from kerazoo.preprocessing import Preprocessing
from tests import picture_files

pytestmark = pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow's, of one of them
FILES = picture_files.every_kind()
PYTHONS = (".bmp", ".gif", ".webp", ".tif", ".tiff")


def read(data, python=True):
    return _reading.read_picture(tf.constant(data), python=python).numpy()


@pytest.mark.parametrize("name", FILES)
def test_graphs_read_what_open_picture_reads(name):
    expected = np.asarray(open_picture(FILES[name]))
    np.testing.assert_array_equal(read(FILES[name]), expected)
    if name.endswith(PYTHONS):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"it is a (BMP|GIF|WebP|TIFF);"):
            read(FILES[name], python=False)
    else:
        away = np.abs(read(FILES[name], python=False).astype(int) - expected)
        assert away.max() <= (name == "cmyk.jpg")  # TensorFlow's own formula


def test_the_files_are_what_they_say():
    """So that equal does not mean equally wrong."""
    upright = picture_files.smooth().astype(int)
    for name, k in (("turned6.jpg", 3), ("turned.png", 3), ("turned3.jpg", 2), ("turned.tiff", 3)):
        found = np.asarray(open_picture(FILES[name])).astype(int)
        assert np.abs(found - np.rot90(upright, k)).mean() < 8, name
    for name in ("xmp.jpg", "damaged_exif.jpg", "comment.jpg", "text.png", "colour16.png"):
        assert np.abs(np.asarray(open_picture(FILES[name])).astype(int) - upright).mean() < 8, name
    alpha = upright[..., 1:2] / 255
    for name in ("alpha.png", "alpha.webp"):
        white = upright * alpha + 255 * (1 - alpha)
        assert np.abs(np.asarray(open_picture(FILES[name])) - white).max() <= 1
    for name in ("sixteen_bits.png", "sixteen_bits.tif"):
        assert np.abs(np.asarray(open_picture(FILES[name]))[..., 0] - upright[..., 0]).max() <= 1
    assert len(set(FILES.values())) == len(FILES) > 40


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_window_of_a_turned_jpeg(orientation):
    data = FILES[f"turned{orientation}.jpg"]
    whole = np.asarray(open_picture(data))

    def choose(shape):
        np.testing.assert_array_equal(shape, whole.shape[:2])
        return tf.constant([3, 5, 11, 8])

    part, window, shape = _reading.read_window(tf.constant(data), "floor", choose)
    np.testing.assert_array_equal(part, whole[3:14, 5:13])
    assert (window.numpy().tolist(), tuple(shape.numpy())) == ([3, 5, 11, 8], whole.shape[:2])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All files in two classes."""
    root = tmp_path_factory.mktemp("kinds")
    for i, (name, data) in enumerate(FILES.items()):
        path = root / "ab"[i % 2] / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return root


def test_every_path_reads_alike(folder, caplog):
    """Prediction, calibration, evaluation, training and the figures, of a file of each kind."""
    from kerazoo.data import Augmentation, evaluation_batches, find_corrupt, folder_source
    from kerazoo.data.pipeline import training_data
    from kerazoo.data.samples import pictures_at
    from kerazoo.deploy.exporting.calibration import representative_pictures
    from kerazoo.predictor import Predictor
    from kerazoo.tasks import get_task

    source = folder_source(folder)
    assert source.count == len(FILES)
    assert not caplog.records
    shape = Preprocessing(size=(12, 12), fit="stretch", mean=(0, 0, 0), std=(1 / 255,) * 3)
    run = lambda array: {"scores": array}  # noqa: E731
    predictor = Predictor(run, get_task("classification"), name="none", preprocessing=shape)
    predicted = np.stack([found for _, found in predictor.stream(source.files)])
    (evaluated,) = [x.numpy() for x, _ in evaluation_batches(source, shape, source.count)]
    away = np.abs(predicted - evaluated).mean((1, 2, 3))  # two ways to scale the same pixels
    assert dict(zip(source.files, away, strict=True)) == pytest.approx(
        dict.fromkeys(source.files, 0), abs=0.6
    )
    calibrated = representative_pictures(source, shape, (12, 12, 3))
    np.testing.assert_array_equal(np.sort(calibrated.ravel()), np.sort(evaluated.ravel()))

    plain = Augmentation(crop="none", flip=False)
    data = training_data(source, shape, plain, batch_size=source.count)
    (trained,) = [x.numpy() for x, _ in data.batches.take(1)]
    order = np.lexsort(trained.reshape(source.count, -1).T)
    expected = np.lexsort(evaluated.reshape(source.count, -1).T)
    np.testing.assert_array_equal(trained[order], evaluated[expected])
    assert data.corrupt() == find_corrupt(source) == []
    for file, shown in zip(source.files, pictures_at(source, range(source.count)), strict=True):
        np.testing.assert_array_equal(shown, open_picture(file))
    random = training_data(source, shape, Augmentation(), batch_size=source.count)
    assert len([x for x, _ in random.batches.take(2)]) == 2
    assert random.corrupt() == []


def test_pictures_of_pillow_are_read_alike():
    """`from_pil` need not be given RGB: palettes are no colours, 16 bits are not eight."""
    shape = Preprocessing(size=(12, 12), fit="stretch")
    for name in ("palette.png", "bilevel.png", "sixteen_bits.png", "cmyk.tif", "turned6.jpg"):
        with Image.open(picture_files.io.BytesIO(FILES[name])) as image:
            image.load()
        expected = shape.from_pil(open_picture(FILES[name]))
        np.testing.assert_array_equal(shape.from_pil(image), expected, err_msg=name)
        np.testing.assert_array_equal(of_pil(image), open_picture(FILES[name]))
    assert shape.from_pil(Image.new("L", (20, 20))).shape == (12, 12, 1)
    assert shape.from_pil(Image.new("RGBA", (20, 20))).shape == (12, 12, 4)
    for mode in ("F", "I"):
        with pytest.raises(PictureError, match="no defined range"):
            shape.from_pil(Image.new(mode, (20, 20)))


def test_levels_of_sixteen_bits_tiffs():
    levels = np.linspace(0, 4095, 64).astype("uint16").reshape(8, 8)
    file = picture_files.io.BytesIO()
    Image.fromarray(levels * 16).save(file, "TIFF", tiffinfo={262: 0})  # white is 0
    expected = 255 - np.rint(levels * 16 / 257)
    np.testing.assert_array_equal(np.asarray(open_picture(file.getvalue()))[..., 0], expected)


def test_beyond_the_bounds_training_refuses_as_prediction_does(monkeypatch):
    monkeypatch.setenv("KERAZOO_MAX_PIXELS", "100")
    for name in ("plain.jpg", "plain.png", "plain.webp"):
        with pytest.raises(tf.errors.InvalidArgumentError, match="40 x 24 pixels; at most 100"):
            read(FILES[name])
    with pytest.raises(tf.errors.InvalidArgumentError, match="it is too large; JPEG and PNG"):
        read(FILES["plain.png"], python=False)
    monkeypatch.delenv("KERAZOO_MAX_PIXELS")
    for data in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"hello", FILES["plain.png"][:60]):
        for python in (True, False):
            with pytest.raises(tf.errors.InvalidArgumentError):
                read(data, python)


def test_the_reason_of_a_refusal_is_that_of_open_picture(tmp_path):
    from kerazoo.data import find_corrupt, folder_source

    for kind in "ab":
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "good.png").write_bytes(FILES["plain.png"])
    (tmp_path / "a" / "bad.webp").write_bytes(FILES["plain.webp"][:99])
    (tmp_path / "b" / "none.tif").write_bytes(b"hello, not a picture")
    found = {
        each.name.rpartition("/")[2]: each.reason for each in find_corrupt(folder_source(tmp_path))
    }
    assert list(found) == ["bad.webp", "none.tif"] or list(found) == ["none.tif", "bad.webp"]
    assert found["none.tif"].startswith(
        "not a picture in a format Pillow knows (it begins with b'he"
    )
    assert found["bad.webp"].startswith("damaged or not supported")
