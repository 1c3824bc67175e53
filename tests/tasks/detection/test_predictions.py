"""From raw outputs to boxes in the pixels of a picture, and how they are told, drawn and kept."""

import json
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from kerazoo.confidence import Confidence
from kerazoo.labels import shared_classes
from kerazoo.placement import Placement
from kerazoo.tasks import get_task
from kerazoo.tasks.detection import anchors, boxes, postprocess
from kerazoo.tasks.detection.detector import Detector
from kerazoo.tasks.detection.drawing import colour_of
from kerazoo.tasks.detection.names import category_ids
from kerazoo.tasks.detection.predictions import decode, least_scores
from kerazoo.tasks.task import check_options

TASK = get_task("detection")
DETECTOR = Detector(
    anchors=anchors.FittedAnchors((((0.5, 0.5),), ((0.9, 0.9),))),
    size=(64, 64),
    grids=((2, 2), (1, 1)),
    coder=boxes.TENSORFLOW,
    suppression=postprocess.TENSORFLOW,
)
RECORD = SimpleNamespace(task_facts=DETECTOR.to_dict(), labels=("cat", "dog"), confidence=None)
# A picture of 200 x 100 that is stretched to 64 x 64.
PLACED = Placement((64 / 200, 64 / 100), (0.0, 0.0), (100, 200), (64, 64))


def outputs(*scores):
    """Boxes on the anchors themselves; `scores`: (anchor, class, score)."""
    logits = np.full((1, 5, 3), -20, "float32")
    for anchor, number, score in scores:
        logits[0, anchor, number + 1] = np.log(score / (1 - score))
    return {"codes": np.zeros((1, 5, 4), "float32"), "logits": logits}


def found(*scores, record=RECORD, pictures=(), **how):
    return decode(outputs(*scores), record, [PLACED], pictures, **how)[0]


def test_boxes_are_in_pixels_of_the_picture():
    one = found((0, 1, 0.9), (4, 0, 0.7))
    assert (one.names, one.ids, one.classes.tolist()) == (("dog", "cat"), (2, 1), [1, 0])
    np.testing.assert_allclose(one.boxes, [[0, 0, 100, 50], [10, 5, 190, 95]], atol=1e-4)
    np.testing.assert_allclose(one.scores, [0.9, 0.7], rtol=1e-5)
    assert one.size == (100, 200)
    assert len(one) == 2
    assert str(one) == "dog 90%, cat 70%"


def test_without_placements_they_are_in_pixels_of_the_input():
    (one,) = decode(outputs((3, 0, 0.9)), RECORD)
    np.testing.assert_allclose(one.boxes, [[32, 32, 64, 64]], atol=1e-4)


def test_thresholds():
    scores = ((0, 0, 0.45), (1, 1, 0.3), (2, 1, 0.6))
    assert found(*scores).names == ("dog",)
    assert found(*scores, threshold=0.2).names == ("dog", "cat", "dog")
    assert found(*scores, threshold=0.0, most=1).names == ("dog",)
    measured = SimpleNamespace(**vars(RECORD) | {"confidence": Confidence(1.0, (0.4, 0.7), 9)})
    assert found(*scores, record=measured).names == ("cat",)
    assert found(*scores, record=measured, threshold=0.599).names == ("dog",)


def test_a_score_of_the_threshold_is_enough():
    exact = np.float32(0.3)
    assert (exact > least_scores(2, Confidence(1.0, (0.3, 1.0), 5), None)).tolist() == [True, False]


def test_boxes_that_lie_outside_are_left_out():
    some = outputs((0, 0, 0.9))
    some["codes"][0, 0] = (-40, 0, 0, 0)  # TensorFlow's order: y first
    assert len(decode(some, RECORD, [PLACED])[0]) == 0


def test_wrong_outputs():
    some = outputs((0, 0, 0.9))
    with pytest.raises(ValueError, match=r"`outputs` must be codes \(batch, 5, 4\)"):
        decode({**some, "codes": some["codes"][:, :3]}, RECORD)
    some["logits"][0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="`outputs` must be finite"):
        decode(some, RECORD)
    with pytest.raises(ValueError, match="`labels` must be as many names as classes, 2"):
        found(record=SimpleNamespace(**vars(RECORD) | {"labels": ("cat",)}))


def test_how_it_is_told():
    one = found((0, 1, 0.9), (1, 1, 0.8), (4, 0, 0.7))
    assert TASK.rows(one)[0] == ("90.0", "dog", "0 0 100 50")
    assert TASK.captions(one) == [("2 x dog", pytest.approx(0.9)), ("cat", pytest.approx(0.7))]
    first = TASK.json(one)[0]
    assert tuple(first) == TASK.fields
    assert json.loads(json.dumps(first)) == {
        "index": 1,
        "name": "dog",
        "id": 2,
        "score": 0.9,
        "x1": 0.0,
        "y1": 0.0,
        "x2": 100.0,
        "y2": 50.0,
    }
    assert one.rows() == TASK.json(one)
    nothing = found()
    assert TASK.rows(nothing) == [("", "nothing", "")]
    assert (TASK.json(nothing), TASK.captions(nothing), str(nothing)) == ([], [], "nothing")


def test_options():
    check_options(TASK, {"threshold": 0.25, "most": 5})
    with pytest.raises(ValueError, match="`threshold` must be a number from 0 to 1"):
        check_options(TASK, {"threshold": 1.5})
    with pytest.raises(ValueError, match="`most` must be a positive integer"):
        check_options(TASK, {"most": 0})


@pytest.mark.parametrize("side", [100, 640, 2400])
def test_lines_lie_on_the_box(side):
    """And are wide enough to be seen, on a picture of any size."""
    picture = Image.new("RGB", (2 * side, side), (40, 40, 40))
    placed = Placement((64 / 2 / side, 64 / side), (0.0, 0.0), (side, 2 * side), (64, 64))
    (one,) = decode(outputs((4, 1, 0.9)), RECORD, [placed], [picture])
    drawn = np.asarray(one.draw())
    assert drawn.shape == (side, 2 * side, 3)
    coloured = (drawn == colour_of(1)).all(-1)
    x1, y1, x2, y2 = one.boxes[0].round().astype(int)
    row = np.flatnonzero(coloured[(y1 + y2) // 2])
    line = max(1, round((2 * side * side) ** 0.5 / 200))
    assert row.tolist() == [*range(x1, x1 + line), *range(x2 - line, x2)]
    inside = coloured[y1 + (y2 - y1) // 2 : y2 - line - 1, x1 + line : x2 - line]
    assert not inside.any()
    assert np.asarray(picture).max() == 40  # the picture itself stays as it was


def test_saving(tmp_path):
    picture = np.full((100, 200, 3), 90, "uint8")
    one = found((4, 1, 0.9), pictures=[picture])
    for name in ("a.jpg", "a.png", "a.webp"):
        one.save(tmp_path / name)
        with Image.open(tmp_path / name) as saved:
            assert saved.size == (200, 100)
    with pytest.raises(ValueError, match=r"`path` must be a file name in \.jpg"):
        one.save(tmp_path / "a.gif")
    with pytest.raises(ValueError, match="`picture` must be 200 x 100 pixels"):
        one.draw(Image.new("RGB", (50, 50)))
    with pytest.raises(ValueError, match="`picture` must be given"):
        found((4, 1, 0.9)).draw()


def test_the_file_is_opened_again_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGB", (100, 200), "white").save(tmp_path / "turned.jpg", exif=exif)
    one = found((4, 1, 0.9), pictures=[tmp_path / "turned.jpg"])
    assert one.draw().size == (200, 100)
    assert one.to("coco")["images"][0]["file_name"] == "turned.jpg"


def test_as_annotations():
    one = found((0, 1, 0.9), (4, 0, 0.7))
    file = one.to("coco")
    assert file["categories"] == [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    assert [a["bbox"] for a in file["annotations"]] == [[0, 0, 100, 50], [10, 5, 180, 90]]
    assert [a["category_id"] for a in file["annotations"]] == [2, 1]
    tree = ElementTree.fromstring(one.to("voc"))
    assert [t.text for t in tree.find("object/bndbox")] == ["1", "1", "100", "50"]
    assert [t.text for t in tree.iter("name")] == ["dog", "cat"]
    assert one.to("yolo").splitlines()[0] == "1 0.250000 0.250000 0.500000 0.500000"
    with pytest.raises(ValueError, match=r"Unknown `format`\. Did you mean 'yolo'"):
        one.to("yolov8")


def test_names_and_ids():
    assert category_ids("coco", 80)[:12] == (*range(1, 12), 13)
    assert category_ids(("a", "b"), 2) == (1, 2)
    shared = shared_classes(["tvmonitor", "person", "drone"], ["Person", "TV"])
    assert shared == {0: 1, 1: 0}


def test_colours_are_dark_enough_for_white_letters_and_differ():
    colours = [colour_of(number) for number in range(20)]
    assert len(set(colours)) == 20
    light = [0.299 * r + 0.587 * g + 0.114 * b for r, g, b in colours]
    assert max(light) < 180
