"""One preprocessing record, the same pixels in every form."""

import json
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from kerazoo.by_name import preprocess_input
from kerazoo.preprocessing import Preprocessing
from tests.pictures import jpeg, photographs

RAW = {"mean": (0, 0, 0), "std": (1, 1, 1)}


def _picture(height, width, seed=0):
    """A smooth coloured gradient with some noise: structure for filters to get wrong."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    base = np.stack([x * 255 / width, y * 255 / height, 127 + 80 * np.sin((x + y) / 9)], -1)
    return Image.fromarray(np.clip(base + rng.normal(0, 8, base.shape), 0, 255).astype("uint8"))


def _tf_image(preprocessing, image):
    import tensorflow as tf

    return preprocessing.tf_image(tf.constant(np.asarray(image))).numpy()


@pytest.fixture(scope="module")
def jpegs():
    return [jpeg(picture) for picture in photographs(24)]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"interpolation": "bilinear", "rounding": "round"},
        {"interpolation": "bilinear", "antialias": False},
        {"interpolation": "lanczos", "size": (96, 128), "crop_fraction": 0.95},
    ],
    ids=str,
)
def test_pillow_and_tensorflow_agree_on_real_pictures(jpegs, settings):
    from kerazoo.pictures import open_picture

    preprocessing = Preprocessing(**settings, **RAW)
    for data in jpegs:
        ours = preprocessing.from_pil(open_picture(data))
        theirs = preprocessing.tf_decode(data).numpy()
        assert ours.shape == theirs.shape == (*preprocessing.size, 3)
        assert ours.dtype == theirs.dtype == np.float32
        assert np.abs(ours - theirs).mean() * 255 < (
            0.6 if preprocessing.rounding == "floor" else 2
        )


def test_tf_decode_reads_png_in_a_graph(tmp_path):
    import tensorflow as tf

    _picture(50, 70).save(tmp_path / "a.png")
    preprocessing = Preprocessing(size=(32, 32))
    data = tf.data.Dataset.from_tensors((tmp_path / "a.png").read_bytes())
    mapped = data.map(preprocessing.tf_decode)
    assert mapped.element_spec.shape == (32, 32, 3)
    expected = preprocessing.from_pil(_picture(50, 70))
    assert np.abs(next(iter(mapped)).numpy() - expected).mean() < 2 / 255 / 0.225


@pytest.mark.parametrize(
    ("height", "width"), [(300, 500), (500, 301), (231, 231), (97, 140), (1, 1)]
)
def test_matches_the_transform_of_torchvision(height, width):
    # torchvision: short side to 256, the other int(256 * long / short), corner round(room / 2).
    image = _picture(height, width)
    short, long = sorted((height, width))
    other = int(256 * long / short)
    scaled = image.resize((256, other) if width < height else (other, 256), Image.BICUBIC)
    top, left = (round((side - 224) / 2) for side in (scaled.height, scaled.width))
    expected = np.asarray(scaled)[top : top + 224, left : left + 224]
    assert np.array_equal(Preprocessing().crop_pil(image), expected)


@pytest.mark.parametrize(("height", "width"), [(300, 500), (293, 296), (97, 140), (128, 192)])
def test_round_is_the_tensorflow_way(height, width):
    # Sides are rounded with ties to even, the corner of the crop is rounded down.
    record, image = (
        Preprocessing(interpolation="bilinear", rounding="round"),
        _picture(height, width),
    )
    scaled = image.resize((round(width * 256 / height), 256), Image.BILINEAR)
    left = (scaled.width - 224) // 2
    expected = np.asarray(scaled)[16 : 16 + 224, left : left + 224]
    assert np.array_equal(record.crop_pil(image), expected)


def test_whole_number_rounding_is_pythons():
    from kerazoo._resize import _divide_even

    pairs = [(a, b) for a in range(60) for b in range(1, 20)]
    assert [_divide_even(a, b) for a, b in pairs] == [round(a / b) for a, b in pairs]


@pytest.mark.parametrize(
    ("size", "fraction", "rounding", "scaled"),
    [
        (224, 0.875, "floor", 256),
        (224, 0.875, "round", 256),
        (128, 0.875, "floor", 146),
        (160, 0.875, "floor", 182),
        (160, 0.875, "round", 183),
        (224, 224 / 232, "floor", 232),
        (32, 1.0, "floor", 32),
    ],
)
def test_scaled_size(size, fraction, rounding, scaled):
    record = Preprocessing(crop_fraction=fraction, rounding=rounding).with_size(size)
    assert record.scaled_size == (scaled, scaled)


def test_wide_target_is_covered_without_distortion():
    record = Preprocessing(size=(64, 256), crop_fraction=1.0, **RAW)
    disc = np.zeros((400, 400, 3), "uint8")
    y, x = np.mgrid[:400, :400] - 199.5
    disc[x**2 + y**2 < 30**2] = 255
    crop = record.from_pil(Image.fromarray(disc))[..., 0] > 0.5
    assert abs(int(crop.any(0).sum()) - int(crop.any(1).sum())) <= 1
    assert abs(np.argwhere(crop).mean(0) - (31.5, 127.5)).max() < 1


def test_very_long_strip_costs_no_memory():
    crop = Preprocessing().from_pil(Image.new("RGB", (30_000, 1), (255, 0, 0)))
    assert crop.shape == (224, 224, 3)


def test_normalise_is_a_float32_copy():
    x = np.full((2, 3, 3), 255, "uint8")
    y = Preprocessing().normalise(x)
    assert y.dtype == np.float32
    assert x.min() == 255
    np.testing.assert_allclose(y[0, 0], [2.2489083, 2.4285715, 2.64], atol=1e-5)


@pytest.mark.parametrize(
    ("channels", "mean"), [(1, [0.5]), (2, [0.4, 0.5]), (4, [0.4, 0.5, 0.6, 0.4])]
)
def test_statistics_of_other_channel_counts(channels, mean):
    record = Preprocessing(mean=(0.4, 0.5, 0.6), std=(0.1, 0.2, 0.3))
    np.testing.assert_allclose(record.statistics(channels)[0], mean)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_keras_layers_equal_normalise(channels):
    import keras

    record = Preprocessing()
    x = np.random.default_rng(0).integers(0, 256, (2, 5, 4, channels)).astype("float32")
    inputs = keras.Input((5, 4, channels))
    outputs = inputs
    for layer in record.keras_layers(channels):
        outputs = layer(outputs)
    model = keras.Model(inputs, outputs)
    again = keras.Model.from_config(json.loads(json.dumps(model.get_config())))
    for each in (model, again):
        np.testing.assert_allclose(np.asarray(each(x)), record.normalise(x), atol=2e-6)


def test_dict_round_trip_through_json():
    record = Preprocessing(size=(160, 128), interpolation="bilinear", rounding="round")
    assert Preprocessing.from_dict(json.loads(json.dumps(record.to_dict()))) == record
    assert hash(Preprocessing.from_dict(record.to_dict())) == hash(record)


def test_from_dict_names_unknown_keys():
    with pytest.raises(ValueError, match=r"Unknown `preprocessing key`.*Received: .*'crop_pct'"):
        Preprocessing.from_dict({"crop_pct": 0.875})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size", (224,)),
        ("size", (224, 0)),
        ("crop_fraction", 0),
        ("crop_fraction", 1.5),
        ("interpolation", "cubic"),
        ("rounding", "torch"),
        ("antialias", False),
        ("mean", (0.5,)),
        ("mean", (0.5, 0.5, float("nan"))),
        ("std", (0.5, 0.5, 0)),
    ],
)
def test_wrong_records_are_refused(field, value):
    with pytest.raises(ValueError, match=f"`{field}` must be"):
        Preprocessing(**{field: value})


class TestPreprocessInput:
    record = Preprocessing()

    def test_leaves_a_float_array_alone(self):
        x = np.full((1, 4, 4, 3), 128.0, "float32")
        y = preprocess_input(x, self.record)
        assert (x == 128).all()
        np.testing.assert_allclose(y, self.record.normalise(x.astype("uint8")))

    def test_takes_tensors(self):
        from keras import ops

        x = np.arange(48, dtype="uint8").reshape(1, 4, 4, 3)
        y = preprocess_input(ops.convert_to_tensor(x), self.record)
        assert not isinstance(y, np.ndarray)
        np.testing.assert_allclose(ops.convert_to_numpy(y), self.record.normalise(x), atol=1e-6)

    def test_in_tf_data_on_every_backend(self, monkeypatch):
        import tensorflow as tf
        from keras import ops

        def refuse(*args):
            raise TypeError("a tensor of another backend")

        monkeypatch.setattr(ops, "cast", refuse)  # as JAX' would
        x = np.arange(96, dtype="uint8").reshape(2, 4, 4, 3)
        pictures = tf.data.Dataset.from_tensor_slices(x)
        for y, each in zip(
            pictures.map(lambda p: preprocess_input(p, self.record)), x, strict=True
        ):
            np.testing.assert_allclose(y.numpy(), self.record.normalise(each), atol=1e-6)

    def test_takes_what_carries_a_record(self):
        class Info:
            preprocessing = Preprocessing(mean=(0.5,) * 3, std=(0.5,) * 3)
            arguments: ClassVar[dict] = {}

        class Model:
            info = Info()

        y = preprocess_input(np.full((2, 2, 3), 255), Model())
        np.testing.assert_allclose(y, 1.0)
        # A network that normalises inside takes pixels as they are.
        Info.arguments = {"include_preprocessing": True}
        y = preprocess_input(np.full((2, 2, 3), 255), Model())
        np.testing.assert_allclose(y, 255.0, rtol=1e-6)

    def test_takes_a_weights_id_and_a_model_id(self):
        pytest.importorskip("kerazoo.registry")
        from kerazoo.checkpoints.records import default_checkpoint, get_checkpoint

        x = np.full((2, 2, 3), 200, "uint8")
        for name, checkpoint in (
            ("timm/tf_mixnet_m.in1k", get_checkpoint("timm/tf_mixnet_m.in1k")),
            ("mixnet_m", default_checkpoint("mixnet_m")),
        ):
            expected = checkpoint.preprocessing.normalise(x)
            np.testing.assert_array_equal(preprocess_input(x, name), expected)
        with pytest.raises(ValueError, match=r"timm/tf_mixnet_m\.in1k"):
            preprocess_input(x, "timm/tf_mixnet_m.in2k")

    @pytest.mark.parametrize(
        ("x", "message"),
        [
            (np.zeros((3, 3)), r"`x` must be an array \(height"),
            (np.zeros((1, 1, 2, 2, 3)), r"`x` must be an array \(height"),
            (3.0, r"`x` must be an array \(height"),
            (np.full((2, 2, 3), -1.0), "within 0 to 255"),
            (np.full((2, 2, 3), 256), "within 0 to 255"),
            (np.full((2, 2, 3), np.nan), "within 0 to 255"),
            (np.full((2, 2, 3), 0.5), "not 0 to 1"),
            (np.full((2, 2, 3), "a"), "an array of numbers"),
            (np.zeros((0, 2, 2, 3)), "at least one pixel"),
        ],
        ids=["rank 2", "rank 5", "scalar", "negative", "256", "nan", "0 to 1", "text", "empty"],
    )
    def test_wrong_pictures_are_refused(self, x, message):
        with pytest.raises(ValueError, match=message):
            preprocess_input(x, self.record)

    def test_second_argument_of_another_kind(self):
        with pytest.raises(ValueError, match="`model_or_weights` must be a kerazoo model"):
            preprocess_input(np.zeros((2, 2, 3)), 7)
