"""Class names and decoded predictions."""

import numpy as np
import pytest

from kerazoo.labels import Prediction, decode_predictions, label_names, tell_guess
from kerazoo.tasks.classification.predictions import decode
from tests.references import REFERENCES


class _Model:
    """The least that carries labels, as ZooModel does."""

    name = "mine"

    def __init__(self, labels):
        self.info = type("Info", (), {"labels": labels})()


def test_imagenet_names_match_the_source():
    lines = (REFERENCES / "imagenet_labels.txt").read_text().splitlines()
    assert lines[0] == "background"
    assert label_names("imagenet") == tuple(lines[1:])
    assert len(label_names("imagenet")) == 1000


def test_cifar10_names_match_the_data_set(shared):
    folder = shared / "tfds/cifar10/3.0.2"
    assert label_names("cifar10") == tuple((folder / "label.labels.txt").read_text().split())


def test_unknown_set_names_the_near_one():
    with pytest.raises(ValueError, match="Did you mean 'imagenet'"):
        label_names("imagenett")


def test_best_first_with_index_name_and_score():
    scores = np.zeros((2, 1000), "float32")
    scores[0, [1, 285, 999]] = 0.2, 0.5, 0.3
    scores[1, 0] = 1
    first, second = decode_predictions(scores, top=3)
    assert [p.index for p in first] == [285, 999, 1]
    assert [p.name for p in first] == [
        "Egyptian cat",
        "toilet tissue, toilet paper, bathroom tissue",
        "goldfish, Carassius auratus",
    ]
    np.testing.assert_allclose([p.score for p in first], [0.5, 0.3, 0.2])
    assert second[0] == Prediction(0, "tench, Tinca tinca", 1.0)
    assert isinstance(second[0].score, float)


def test_ten_classes_are_cifar10():
    assert decode_predictions(np.eye(10), top=1)[9][0].name == "truck"


def test_tensors_are_accepted():
    from keras import ops

    assert decode_predictions(ops.eye(10), top=1)[3][0].name == "cat"


def test_labels_of_a_model_win_over_the_count():
    own = tuple(f"grade {i}" for i in range(10))
    assert decode_predictions(np.eye(10), top=1, model=_Model(own))[2][0].name == "grade 2"
    assert decode_predictions(np.eye(10), top=1, labels=own)[2][0].name == "grade 2"
    assert decode_predictions(np.eye(10), top=1, labels="cifar10")[2][0].name == "bird"


def test_the_count_decides_for_a_model_whose_weights_do_not_say_it():
    assert decode_predictions(np.eye(10), top=1, model=_Model(None))[3][0].name == "cat"


@pytest.mark.parametrize(("classes", "label_set"), [(10, "cifar10"), (1000, "imagenet")])
def test_guessed_names_are_told_once(classes, label_set, caplog):
    tell_guess.cache_clear()
    scores = np.eye(classes)
    decode_predictions(scores, labels=label_set)
    decode_predictions(scores)  # without a network there is none that could say it
    decode({"scores": scores}, _Model(None).info)
    assert [each.levelname for each in caplog.records] == ["WARNING"]
    assert f"does not name its {classes} classes: shown are those of {label_set}" in caplog.text
    decode_predictions(scores, model=_Model(None))
    assert len(caplog.records) == 1


def test_fewer_classes_than_top_give_all():
    assert len(decode_predictions(np.eye(2), labels=["no", "yes"])[0]) == 2


@pytest.mark.parametrize(
    ("preds", "options", "message"),
    [
        (np.zeros(1000), {}, r"`preds` must be scores of shape \(batch, classes\).*\(1000,\)"),
        (np.zeros((1, 7, 7, 10)), {}, "`preds` must be scores of shape"),
        (np.full((1, 10), np.nan), {}, "`preds` must be free of NaN"),
        (np.zeros((1, 11)), {}, "`preds` must be scores for 1000.*11 classes"),
        (np.zeros((1, 10)), {"top": 0}, "`top` must be a positive int.*top=0"),
        (np.zeros((1, 10)), {"top": True}, "`top` must be a positive int"),
        (np.zeros((1, 10)), {"top": 2.5}, "`top` must be a positive int"),
        (np.zeros((1, 10)), {"labels": "imagenet"}, "`labels` must be as many names.*1000 names"),
        (np.zeros((1, 10)), {"labels": ["a", "b"]}, "`labels` must be as many names.*2 names"),
        (np.zeros((1, 10)), {"labels": "cifar"}, "Did you mean 'cifar10'"),
        (
            np.zeros((1, 11)),
            {"model": _Model(None)},
            "`model` must be a kerazoo model that carries",
        ),
        (np.zeros((1, 10)), {"model": 3}, "`model` must be a kerazoo model that carries"),
        (np.zeros((1, 2)), {"model": _Model("ab"), "labels": "ab"}, "`labels` must be None"),
    ],
)
def test_wrong_input(preds, options, message):
    with pytest.raises(ValueError, match=message):
        decode_predictions(preds, **options)
