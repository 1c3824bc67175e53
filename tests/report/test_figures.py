"""Figures of a classifier whose answers are known: it names the strongest colour of a picture."""

import sys

import keras
import numpy as np
import pytest
from PIL import Image

from kerazoo.data.arrays import array_source
from kerazoo.data.folder import folder_source
from kerazoo.data.samples import pictures_at
from kerazoo.data.tfds import tfds_source
from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks.classification import figures
from kerazoo.tasks.classification.answers import Answers
from kerazoo.training import collect_answers, draw_figures

CLASSES = ("red", "green", "blue")
RAW = Preprocessing(size=(8, 8), crop_fraction=1.0, mean=(0.0,) * 3, std=(1.0,) * 3)
# (colour, label): rows 2, 4 and 5 are labelled as what they are not; 5 is the surest mistake.
ROWS = (
    ((200, 0, 0), 0),
    ((0, 200, 0), 1),
    ((0, 120, 0), 2),
    ((0, 0, 200), 2),
    ((90, 0, 0), 1),
    ((0, 250, 0), 0),
)


def colours(rows=ROWS):
    pictures = np.stack([np.broadcast_to(np.array(c, "uint8"), (8, 8, 3)) for c, _ in rows])
    return array_source(pictures, np.array([label for _, label in rows]), CLASSES)


@pytest.fixture(scope="module")
def model():
    """Logits: ten times the mean of each channel."""
    x = inputs = keras.Input((8, 8, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(10.0)(x))
    return keras.Model(inputs, x)


@pytest.fixture(scope="module")
def answers(model):
    return collect_answers(model, colours(), preprocessing=RAW, batch_size=4)


def test_answers(answers):
    assert answers.labels.tolist() == [0, 1, 2, 2, 1, 0]
    assert answers.predicted.tolist() == [0, 1, 1, 2, 0, 1]
    assert answers.accuracy == 0.5
    assert answers.confusion().tolist() == [[1, 1, 0], [1, 1, 0], [0, 1, 1]]
    assert answers.mistakes().tolist() == [5, 2, 4]


def test_logits_become_probabilities_and_probabilities_stay(model, answers):
    logits = np.array([[10 * 200 / 255, 0, 0]])
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(answers.scores[:1], expected, rtol=1e-5)
    softmax = keras.Model(model.inputs[0], keras.layers.Softmax()(model.outputs[0]))
    same = collect_answers(softmax, colours(), preprocessing=RAW)
    np.testing.assert_allclose(same.scores, answers.scores, rtol=1e-4)


def test_limit_and_progress(model):
    seen = []
    found = collect_answers(
        model,
        colours(),
        preprocessing=RAW,
        batch_size=2,
        limit=3,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert found.labels.tolist() == [0, 1, 2]
    assert seen == [(2, 3), (3, 3)]
    with pytest.raises(ValueError, match="`limit` must be a positive int"):
        collect_answers(model, colours(), preprocessing=RAW, limit="many")


def test_skipped_pictures_leave_the_others_at_their_places(model, tmp_path):
    for i, (colour, label) in enumerate(ROWS):
        folder = tmp_path / f"{label}_{CLASSES[label]}"
        folder.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), colour).save(folder / f"{i}.png")
    broken = tmp_path / "1_green" / "broken.png"
    broken.write_bytes(b"no picture")
    source = folder_source(tmp_path)
    found = collect_answers(model, source, preprocessing=RAW, on_corrupt="skip")
    assert len(found.labels) == len(ROWS)
    assert source.files.index(str(broken)) not in found.indices
    pictures = pictures_at(source, found.indices[found.mistakes()])
    assert [picture.getpixel((0, 0)) for picture in pictures] == [ROWS[i][0] for i in (5, 2, 4)]


def test_pictures_of_a_stream_come_in_the_order_asked_for(data_dir):
    source = tfds_source("cifar10", "test[:20]", data_dir=data_dir)
    found = pictures_at(source, [17, 3])
    assert source.fetch is None
    from kerazoo.pictures import open_picture

    rows = [open_picture(data.numpy()) for data, _ in source.pictures]
    for picture, index in zip(found, (17, 3), strict=True):
        np.testing.assert_array_equal(np.asarray(picture), np.asarray(rows[index]))
    assert pictures_at(source, []) == []


def texts(axes) -> list[str]:
    return [text.get_text().strip() for text in axes.texts]


def test_small_matrix_holds_its_numbers(answers, tmp_path):
    path = tmp_path / "confusion.png"
    figure = figures.draw_confusion(answers.confusion(), ("red, crimson", "green", "blue"), path)
    (axes,) = figure.axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["red", "green", "blue"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["red", "green", "blue"]
    at = {(round(t.get_position()[1]), round(t.get_position()[0])): t for t in axes.texts}
    assert {place: text.get_text() for place, text in at.items()} == {
        (0, 0): "1",
        (0, 1): "1",
        (1, 0): "1",
        (1, 1): "1",
        (2, 1): "1",
        (2, 2): "1",
    }
    assert figure.get_suptitle() == "50.0 % of 6 pictures right"
    with Image.open(path) as picture:
        assert picture.format == "PNG"
    assert [p.name for p in tmp_path.iterdir()] == ["confusion.png"]


@pytest.mark.parametrize(("count", "named"), [(60, True), (300, False)])
def test_large_matrix_lists_what_is_confused(count, named, tmp_path):
    matrix = np.eye(count, dtype=int) * 10
    matrix[3, 7], matrix[50, 2] = 4, 9
    names = [f"class {i}" for i in range(count)]
    figure = figures.draw_confusion(matrix, names, tmp_path / "c.png")
    cells, pairs = figure.axes
    ticks = [tick.get_text() for tick in cells.get_yticklabels()]
    assert ("class 42" in ticks) == named
    assert [tick.get_text() for tick in pairs.get_yticklabels()] == [
        "class 50 → class 2",
        "class 3 → class 7",
    ]
    assert texts(pairs) == ["9 of 19", "4 of 14"]
    if not named:  # a dot for each confusion, of an area after its share
        (dots,) = cells.collections
        assert sorted(dots.get_offsets().tolist()) == [[2, 50], [7, 3]]
        small, large = sorted(dots.get_sizes())
        np.testing.assert_allclose(large / small, (9 / 19) / (4 / 14))
    with Image.open(tmp_path / "c.png") as picture:
        width, height = picture.size
    assert width > height >= 1000
    # Names do not run into each other: their line is at least as high as their letters.
    if named:
        figure.canvas.draw()
        tops = [label.get_window_extent().y0 for label in cells.get_yticklabels()]
        assert abs(tops[1] - tops[0]) >= cells.get_yticklabels()[0].get_fontsize()


def test_nothing_confused():
    figure = figures.draw_confusion(np.eye(40, dtype=int), [str(i) for i in range(40)])
    assert figure.get_suptitle() == "100.0 % of 40 pictures right"
    assert texts(figure.axes[1]) == []


@pytest.mark.parametrize("matrix", [np.eye(4, dtype=int), np.eye(3), -np.eye(3, dtype=int)])
def test_wrong_matrix(matrix):
    with pytest.raises(ValueError, match=r"`matrix` must be counts of the shape \(3, 3\)"):
        figures.draw_confusion(matrix, CLASSES)


def test_sheet_shows_the_surest_mistakes_first(answers, tmp_path):
    path = tmp_path / "mistakes.png"
    figures.draw_mistakes(answers, path, count=2)
    sheet = np.asarray(Image.open(path).convert("RGB")).astype(int)
    left = [np.argwhere((sheet == ROWS[i][0]).all(-1)) for i in (5, 2)]
    assert all(len(where) for where in left)
    assert left[0][:, 1].max() < left[1][:, 1].min()
    assert not (sheet == ROWS[4][0]).all(-1).any()  # the third mistake was not asked for


def test_captions_of_mistakes(answers, monkeypatch):
    import kerazoo.report.contact_sheet as sheets

    seen = []
    monkeypatch.setattr(sheets, "contact_sheet", lambda *arguments: seen.append(arguments))
    figures.draw_mistakes(answers)
    ((title, pictures, captions),) = seen
    assert title == "3 of 6 pictures wrong, the most confident first"
    assert len(pictures) == 3
    assert [[name for name, _ in caption] for caption in captions] == [
        ["predicted green", "is red"],
        ["predicted green", "is blue"],
        ["predicted red", "is green"],
    ]
    assert captions[0][0][1] == pytest.approx(answers.scores[5, 1])
    assert captions[0][1][1] == pytest.approx(answers.scores[5, 0])


def test_no_mistake_at_all(answers):
    right = np.array([0, 1, 3])
    source = answers.source
    perfect = Answers(source, right, answers.labels[right], answers.scores[right])
    assert figures.draw_mistakes(perfect).height < 150
    with pytest.raises(ValueError, match="`count` must be a positive int"):
        figures.draw_mistakes(perfect, count=0)


def test_figures_in_one_call(model, answers, tmp_path):
    folder = tmp_path / "deep" / "figures"
    found = draw_figures(model, colours(), folder, preprocessing=RAW)
    np.testing.assert_array_equal(found.scores, answers.scores)
    assert sorted(path.name for path in folder.iterdir()) == ["confusion.png", "mistakes.png"]


def test_without_matplotlib(answers, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pip install "kerazoo\[plot\]"'):
        figures.draw_confusion(answers.confusion(), CLASSES)
