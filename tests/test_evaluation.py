"""Data sets on disk, and accuracy from picture bytes to label."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from kerazoo.data.tfds import tfds_source
from kerazoo.evaluation import evaluate
from kerazoo.inference import inference_function, picture_preprocessing
from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks.classification.meter import Accuracy

TENSORFLOW_RECIPE = Preprocessing(
    interpolation="bilinear", rounding="round", mean=(0.5,) * 3, std=(0.5,) * 3
)


def _linear(classes=10, seed=0):
    """A tiny classifier of 8x8 pictures that really depends on the pixels."""
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(classes)]
    )


@pytest.mark.parametrize(
    ("name", "constructor", "alpha", "size", "top1", "top5"),
    [
        ("mobilenet_0.25_128", "MobileNet", 0.25, 128, 45.0, 71.2),
        ("mobilenet_0.5_160", "MobileNet", 0.5, 160, 70.2, 87.2),
    ],
)
def test_reference_accuracy_of_keras_applications(
    shared, name, constructor, alpha, size, top1, top5
):
    # The figures of DATA.md: the pipeline is right, independently of kerazoo's own models.
    model = getattr(keras.applications, constructor)(
        input_shape=(size, size, 3),
        alpha=alpha,
        weights=str(shared / f"weights/{name}_imagenet_dequant.weights.h5"),
    )
    result = evaluate(
        model,
        "imagenet2012",
        data_dir=shared / "tfds",
        preprocessing=TENSORFLOW_RECIPE.with_size(size),
    )
    assert result.count == 500
    assert abs(result.top1 - top1) <= 0.4
    assert abs(result.top5 - top5) <= 0.4


def test_evaluate_counts_as_a_plain_loop_does(data_dir):
    import tensorflow_datasets as tfds

    model, record = _linear(), Preprocessing(size=(8, 8), crop_fraction=1.0)
    rows = tfds.builder_from_directory(data_dir / "cifar10/1.0.0").as_dataset(
        split="test[:70]", decoders={"image": tfds.decode.SkipDecoding()}
    )
    ranks = []
    for row in rows:
        scores = np.asarray(model(record.tf_decode(row["image"])[None]))[0]
        ranks.append((scores > scores[int(row["label"])]).sum())
    done = []
    result = evaluate(
        model,
        "cifar10",
        "test[:70]",
        data_dir=data_dir,
        batch_size=32,
        preprocessing=record,
        progress=lambda *at: done.append(at),
    )
    ranks = np.array(ranks)
    assert result.count == 70
    assert result.top1 == pytest.approx(100 * (ranks < 1).mean())
    assert result.top5 == pytest.approx(100 * (ranks < 5).mean())
    assert 0 < result.top1 < result.top5 < 100
    assert done == [(32, 70), (64, 70), (70, 70)]
    assert result.seconds > 0


def test_limit_and_default_split(data_dir):
    record = Preprocessing(size=(8, 8))
    settings = {"data_dir": data_dir, "preprocessing": record}
    limited = evaluate(_linear(), "cifar10", limit=50, batch_size=20, **settings)
    sliced = evaluate(_linear(), "cifar10", "test[:50]", **settings)
    assert limited.count == 50
    assert (limited.top1, limited.top5) == (sliced.top1, sliced.top5)


def test_equal_scores_earn_nothing(data_dir):
    model = _linear()
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    record = Preprocessing(size=(8, 8))
    result = evaluate(model, "cifar10", "test", data_dir=data_dir, preprocessing=record)
    assert result.top1 < 20
    assert result.top5 < 65


def test_model_that_normalises_itself_gets_raw_pixels(data_dir):
    record = Preprocessing(size=(8, 8))
    plain = _linear()
    layers = [keras.Input((8, 8, 3)), *record.keras_layers(), *_linear().layers]
    inside = keras.Sequential(layers)
    inside.info = SimpleNamespace(preprocessing=record, arguments={"include_preprocessing": True})
    a = evaluate(plain, "cifar10", "test[:200]", data_dir=data_dir, preprocessing=record)
    b = evaluate(inside, "cifar10", "test[:200]", data_dir=data_dir)
    assert (a.top1, a.top5) == (b.top1, b.top5)


def test_inference_function_equals_the_model_for_every_batch_size():
    model = _linear()
    run = inference_function(model)
    for count in (1, 3, 4):
        x = np.random.default_rng(count).normal(size=(count, 8, 8, 3)).astype("float32")
        scores = run(x)
        assert isinstance(scores, np.ndarray)
        np.testing.assert_allclose(scores, np.asarray(model(x)), rtol=1e-5, atol=1e-5)


def test_source_describes_the_split(data_dir):
    source = tfds_source("imagenet2012", data_dir=data_dir)
    assert (source.split, source.count, len(source.classes)) == ("validation", 60, 1000)
    data, label = next(iter(source.pictures))
    assert data.numpy()[:2] == b"\xff\xd8"
    assert 0 <= int(label) < 1000


def test_evaluation_as_numbers():
    assert Accuracy(50.0, 90.0, 10, 1.5).to_dict() == {
        "top1": 50.0, "top5": 90.0, "count": 10, "seconds": 1.5, "interval": [23.66, 76.34],
    }  # fmt: skip
    assert "95 % interval of top-1: 23.7 to 76.3 %" in str(Accuracy(50.0, 90.0, 10, 1.5))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": "imagenet2021"}, "Unknown `name`. Did you mean 'imagenet2012'"),
        ({"split": "train"}, "Unknown `split`.*'test'"),
        ({"split": "test[:50:2]"}, "`split` must be a split or a slice"),
        ({"split": "test[:0]"}, "`split` must be a slice that holds"),
        ({"data_dir": "nowhere"}, "`data_dir` must be an existing folder"),
        ({"batch_size": 0}, "`batch_size` must be a positive int"),
        ({"limit": -1}, "`limit` must be a positive int"),
        ({"preprocessing": None}, "`preprocessing` must be given: model .* does not carry"),
        ({"data": "imagenet2012"}, "`model` must be a classifier of the 1000 classes"),
    ],
    ids=lambda v: str(v) if isinstance(v, dict) else "",
)
def test_wrong_input(data_dir, arguments, message):
    settings = {
        "data": "cifar10",
        "split": "test[:10]",
        "data_dir": data_dir,
        "preprocessing": Preprocessing(size=(8, 8)),
        **arguments,
    }
    if settings["split"] == "train":
        settings["data"] = "imagenet2012"
    if arguments.get("data") == "imagenet2012":
        settings["split"] = None
    message = message.replace("'test'", "'validation'")
    with pytest.raises(ValueError, match=message):
        evaluate(_linear(), **settings)


def test_folder_without_data_sets(tmp_path):
    with pytest.raises(ValueError, match="`data_dir` must be a folder that holds"):
        tfds_source("cifar10", data_dir=tmp_path)


def test_scores_that_are_not_finite(data_dir):
    model = _linear()
    model.layers[-1].bias.assign(np.full(10, np.nan))
    with pytest.raises(ValueError, match="`model` must be one that yields finite scores"):
        evaluate(
            model,
            "cifar10",
            "test[:10]",
            data_dir=data_dir,
            preprocessing=Preprocessing(size=(8, 8)),
        )


class TestPicturePreprocessing:
    record = Preprocessing(size=(16, 16))

    def test_takes_the_size_of_a_fixed_input(self):
        assert picture_preprocessing(_linear(), self.record).size == (8, 8)

    def test_keeps_its_own_size_for_a_flexible_input(self):
        model = keras.Sequential(
            [keras.Input((None, None, 3)), keras.layers.GlobalAveragePooling2D()]
        )
        assert picture_preprocessing(model, self.record) == self.record

    def test_model_without_a_record(self):
        model = _linear()
        model.info = SimpleNamespace(preprocessing=None, arguments={})
        with pytest.raises(ValueError, match=r"`preprocessing` must be given: model .* does not"):
            picture_preprocessing(model)
