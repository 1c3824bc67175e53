"""`kerazoo.predict`: one call for every network and every kind of pictures."""

import numpy as np
import pytest
from PIL import Image

import kerazoo
from kerazoo.deploy import Runner, export
from kerazoo.pictures import PictureError
from kerazoo.prediction import open_predictor
from kerazoo.predictor import Predictor
from tests.tiny import registered, tiny_classifier

RECORD = kerazoo.Preprocessing(size=(32, 32), crop_fraction=0.9)
NAMES = ("ash", "beech", "cedar", "date")


@pytest.fixture(scope="module")
def model():
    model = tiny_classifier(2, classes=4)
    info = {**model.info.to_dict(), "preprocessing": RECORD.to_dict(), "labels": NAMES}
    model.info = type(model.info).from_dict(info)
    return model


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(3)
    for i, shape in enumerate([(40, 60, 3), (33, 32, 3)]):
        Image.fromarray(rng.integers(0, 256, shape, "uint8")).save(folder / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def expected(model, photographs):
    """Predictions by the plainest way there is."""
    arrays = [RECORD.from_pil(kerazoo.open_picture(p)) for p in sorted(photographs.iterdir())]
    scores = np.asarray(model(np.stack(arrays), training=False))
    return kerazoo.decode_predictions(scores, 2, model=model)


def same(found, expected) -> bool:
    assert [each.name for each in found] == [each.name for each in expected]
    np.testing.assert_allclose([p.score for p in found], [p.score for p in expected], atol=1e-4)
    return True


def test_one_picture_gives_one_prediction(model, photographs, expected):
    path = photographs / "0.png"
    picture = Image.open(path)
    for one in (path, str(path), path.read_bytes(), picture, np.asarray(picture)):
        assert same(kerazoo.predict(model, one, top=2), expected[0])


def test_several_give_an_iterator_of_pairs(model, photographs, expected):
    paths = sorted(photographs.iterdir())
    for several in (photographs, str(photographs / "*.png"), paths, map(str, paths)):
        found = kerazoo.predict(model, several, top=2)
        assert iter(found) is found
        pairs = list(found)
        assert [pair[0] for pair in pairs] == paths
        assert all(same(pair[1], row) for pair, row in zip(pairs, expected, strict=True))
    mixed = [paths[0], Image.open(paths[1])]
    (_, first), (item, second) = kerazoo.predict(model, mixed, top=2)
    assert item is mixed[1]
    assert same(first, expected[0])
    assert same(second, expected[1])
    (one,) = kerazoo.predict(model, [paths[0]], top=2)  # a list of one is a list
    assert one[0] == paths[0]
    batch = np.stack([np.asarray(Image.open(paths[0]))] * 3)
    assert [same(row, expected[0]) for _, row in kerazoo.predict(model, batch, top=2)] == [True] * 3


def test_every_form_of_network(model, photographs, expected, tmp_path):
    pytest.importorskip("ai_edge_litert")
    model.save(tmp_path / "net.keras")
    exported = export(model, tmp_path / "net.tflite", "litert")
    stored = export(model, tmp_path / "fused.keras", "keras")
    path = photographs / "1.png"
    for what in (str(tmp_path / "net.keras"), exported, stored, Runner(exported)):
        assert same(kerazoo.predict(what, path, top=2), expected[1])
    assert same(kerazoo.predict(model, path, top=2, runtime="litert"), expected[1])
    assert type(open_predictor(tmp_path / "net.keras")) is Predictor  # Keras, as it is built
    assert open_predictor(stored).runtime == "tensorflow"


def test_labels_and_sizes(model, photographs):
    names = ("w", "x", "y", "z")
    found = kerazoo.predict(model, photographs / "0.png", labels=names, top=9)
    assert {each.name for each in found} == set(names)
    assert [each.name for each in found] == [names[each.index] for each in found]


def test_pictures_that_cannot_be_read(model, photographs, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_text("none")
    with pytest.raises(PictureError, match=r"bad\.jpg"):
        kerazoo.predict(model, bad)
    several = kerazoo.predict(model, [photographs / "0.png", bad])
    with pytest.raises(PictureError, match=r"bad\.jpg"):
        list(several)
    skipped = []
    found = list(kerazoo.predict(model, [photographs / "0.png", bad], skip=skipped.append))
    assert len(found) == len(skipped) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"topp": 3}, "Unknown `option`. Did you mean 'top'"),
        ({"top": 0}, "`top` must be a positive int"),
        ({"top": True}, "`top` must be a positive int"),
        ({"pictures": 3}, "`pictures` must be paths, PIL pictures or uint8 arrays"),
        ({"pictures": np.zeros((8, 8, 3), "float32")}, "`pictures` must be paths, PIL pictures"),
        (
            {"pictures": np.zeros((3, 8, 8), "uint8")},
            r"`pictures` must be uint8, of shape \(height, width",
        ),
        ({"tiles": 8}, "`tiles` must be left out: classification has no way to put"),
        ({"runtime": "onx"}, "Did you mean 'onnx'"),
        ({"what": "mixnet_n"}, "Unknown `model`. Did you mean 'mixnet_"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_does_not_fit(model, arguments, message):
    call = {"what": model, "pictures": np.zeros((8, 8, 3), "uint8"), **arguments}
    with pytest.raises(ValueError, match=message):
        kerazoo.predict(**call)


def test_grey_arrays_are_read_as_grey_files(model):
    grey = np.arange(64, dtype="uint8").reshape(8, 8)
    found = kerazoo.predict(model, grey)
    assert found == kerazoo.predict(model, np.repeat(grey[..., None], 3, -1))


def test_an_open_network_keeps_its_options(model):
    predictor = open_predictor(model)
    assert open_predictor(predictor) is predictor
    with pytest.raises(ValueError, match="`size` must be left out: Predictor has its own"):
        kerazoo.predict(predictor, np.zeros((8, 8, 3), "uint8"), size=64)
    with pytest.raises(ValueError, match="`exact` must be left out: Predictor has its own"):
        kerazoo.predict(predictor, np.zeros((8, 8, 3), "uint8"), exact=False)


def test_large_jpegs_are_decoded_small_where_that_is_wanted(model, tmp_path, monkeypatch):
    rows, columns = np.mgrid[0:480, 0:640]
    pixels = np.stack([rows % 255, columns % 255, (rows + columns) % 255], -1).astype("uint8")
    Image.fromarray(pixels).save(tmp_path / "large.jpg", quality=95)
    read, places = [], []
    from_pil, place = kerazoo.Preprocessing.from_pil, kerazoo.Preprocessing.place
    monkeypatch.setattr(
        kerazoo.Preprocessing, "from_pil", lambda *a: (read.append(a[1].size), from_pil(*a))[1]
    )
    monkeypatch.setattr(
        kerazoo.Preprocessing, "place", lambda *a: (places.append(a[1:]), place(*a))[1]
    )
    quick = kerazoo.predict(model, tmp_path / "large.jpg", exact=False)
    exact = kerazoo.predict(model, tmp_path / "large.jpg")
    # 32 / 0.9 is 35 pixels, twice that 70: an eighth of 480 were too few.
    assert read == [(160, 120), (640, 480)]
    assert places == [(480, 640)] * 2  # whatever is found lies in the whole picture
    assert {p.name: p.score for p in quick} == pytest.approx(
        {p.name: p.score for p in exact}, abs=0.02
    )


def test_a_network_of_maps_says_that_it_cannot_predict():
    with registered() as id:
        model = kerazoo.create_model(
            id, weights=None, input_shape=(32, 32, 3), classes=None, features_only=True
        )
    with pytest.raises(ValueError, match="`model` must be a classifier: one input"):
        kerazoo.predict(model, np.zeros((8, 8, 3), "uint8"), preprocessing=RECORD)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(5)
    for name in NAMES:
        (folder / name).mkdir()
        for i in range(6):
            pixels = rng.integers(0, 256, (32, 32, 3), "uint8")
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return folder


class TestEvaluate:
    """The same network on the same pictures, however both are called."""

    def test_files_and_models_agree(self, model, data, tmp_path):
        pytest.importorskip("onnxruntime")
        wanted = kerazoo.evaluate(model, data)
        assert wanted.count == 24
        assert 0 < wanted.top1 < 100
        assert wanted.top5 == 100
        assert wanted.headline == wanted.top1 / 100
        path = export(model, tmp_path / "net.onnx", "onnx")
        rows = [f"{data}/{name}/{i}.png,{name}" for name in NAMES for i in range(6)]
        (tmp_path / "data.csv").write_text("\n".join(["path,label", *rows]))
        for what, source in ((path, data), (model, tmp_path / "data.csv"), (Runner(path), data)):
            found = kerazoo.evaluate(what, source)
            assert (found.top1, found.top5, found.count) == (wanted.top1, wanted.top5, 24)
        text = str(wanted)
        assert text.startswith(f"top-1 {wanted.top1:.2f} %, top-5 100.00 %, 24 pictures in ")

    def test_an_exported_network_of_other_classes(self, data, tmp_path):
        pytest.importorskip("onnxruntime")
        other = tiny_classifier(classes=7)
        path = export(other, tmp_path / "net.onnx", "onnx", preprocessing=RECORD)
        with pytest.raises(ValueError, match="`model` must be a classifier of the 4 classes"):
            kerazoo.evaluate(path, data)
