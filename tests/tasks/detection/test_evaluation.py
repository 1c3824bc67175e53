"""COCO's figures are those of pycocotools."""

import contextlib
import io
import json

import numpy as np
import pytest

from kerazoo.tasks.detection.average_precision import IOUS, match_class
from kerazoo.tasks.detection.evaluation import TWELVE, BoxMeter
from tests.references import REFERENCES

pytest.importorskip("faster_coco_eval")


def xyxy(box):
    x, y, width, height = box
    return [x, y, x + width, y + height]


def fill(meter: BoxMeter, truth: dict, detections: list) -> BoxMeter:
    """What COCO's files hold, picture by picture."""
    ids = [category["id"] for category in truth["categories"]]
    for picture in sorted(picture["id"] for picture in truth["images"]):
        there = [a for a in truth["annotations"] if a["image_id"] == picture]
        found = [d for d in detections if d["image_id"] == picture]
        meter.add(
            {
                "boxes": [xyxy(a["bbox"]) for a in there],
                "classes": [ids.index(a["category_id"]) for a in there],
                "crowd": [a["iscrowd"] for a in there],
                "areas": [a["area"] for a in there],
            },
            [xyxy(d["bbox"]) for d in found],
            [d["score"] for d in found],
            [ids.index(d["category_id"]) for d in found],
        )
    return meter


def reference():
    folder = REFERENCES / "coco_ap"
    return [
        json.loads((folder / f"coco_{n}.json").read_text())
        for n in ("truth", "detections", "expected")
    ]


def test_the_twelve_and_each_class():
    truth, detections, expected = reference()
    names = [str(category["id"]) for category in truth["categories"]]
    figures = fill(BoxMeter(names, draws=0), truth, detections).result()
    assert tuple(figures.figures) == TWELVE
    for name, value in expected["stats"].items():
        assert figures.figures[name] == pytest.approx(value, abs=1e-6)
    assert figures.headline == figures.figures["AP"]
    assert figures.count == expected["pictures"]
    assert sum(c.truths for c in figures.classes) == expected["truths"] - expected["crowds"]
    for one in figures.classes:
        assert one.low is None
        for ours, theirs in ((one.ap, "AP"), (one.ap50, "AP50")):
            value = expected["per_category"][one.name][theirs]
            assert ours is None if value is None else ours == pytest.approx(value, abs=1e-6)


def draw(seed: int):
    """Truths and detections with crowds, equal scores, exact hits and crowded places."""
    generator = np.random.default_rng(seed)
    truth, found = [], []
    for picture in range(1, 9):
        for _ in range(generator.integers(0, 25)):
            corner, sides = generator.uniform(0, 80, 2), generator.uniform(4, 120, 2)
            box = [*corner.round(), *sides.round()]
            category = int(generator.integers(1, 4))
            truth.append(
                {
                    "id": len(truth) + 1,
                    "image_id": picture,
                    "category_id": category,
                    "bbox": box,
                    "area": float(box[2] * box[3]),
                    "iscrowd": int(generator.random() < 0.15),
                }
            )
            for _ in range(generator.integers(0, 4)):
                moved = np.array(box) + generator.integers(-6, 7, 4) * (generator.random() < 0.8)
                moved[2:] = np.maximum(moved[2:], 1)
                found.append(
                    {
                        "image_id": picture,
                        "category_id": category,
                        "bbox": moved.tolist(),
                        "score": float(generator.integers(1, 12) / 12),
                    }
                )
    categories = [{"id": i, "name": f"c{i}"} for i in (1, 2, 3)]
    images = [{"id": i} for i in range(1, 9)]
    return {"images": images, "annotations": truth, "categories": categories}, found


@pytest.mark.parametrize("seed", range(4))
def test_as_pycocotools_on_drawn_boxes(seed):
    coco = pytest.importorskip("pycocotools.coco")
    evaluation = pytest.importorskip("pycocotools.cocoeval")
    truth, found = draw(seed)
    with contextlib.redirect_stdout(io.StringIO()):
        there = coco.COCO()
        there.dataset = truth
        there.createIndex()
        run = evaluation.COCOeval(there, there.loadRes(found), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    figures = fill(BoxMeter(["c1", "c2", "c3"], draws=0), truth, found).result()
    for name, value in zip(TWELVE, run.stats, strict=True):
        assert figures.figures[name] == pytest.approx(value, abs=1e-6)
    precision = run.eval["precision"][:, :, :, 0, 2]  # IoU, recall, class
    for number, one in enumerate(figures.classes):
        assert one.ap == pytest.approx(precision[:, :, number].mean(), abs=1e-6)
        np.testing.assert_allclose(figures.curves[one.name], precision[0, :, number], atol=1e-9)


def one_class(scores, right, truths=None):
    """A class in pictures of one box each; detections lie on it or beside it."""
    box, beside = np.array([[0.0, 0, 10, 10]]), np.array([[50.0, 50, 60, 60]])
    pictures = [
        (box, np.zeros(1, bool), box if hit else beside, np.array([score]))
        for score, hit in zip(scores, right, strict=True)
    ]
    empty = (box, np.zeros(1, bool), np.zeros((0, 4)), np.zeros(0))
    return match_class(pictures + [empty] * ((truths or len(scores)) - len(scores)))


def test_best_f1_lies_between_two_scores():
    # F1 after each: 2/5, 4/6, 4/7, 6/8, 6/9.
    matches = one_class([0.9, 0.8, 0.7, 0.6, 0.2], [True, True, False, True, False], 4 + 1)
    threshold, precision, recall = matches.best_f1()
    f1 = [2 * k / (n + 5) for n, k in enumerate((1, 2, 2, 3, 3), 1)]
    assert int(np.argmax(f1)) == 3
    assert threshold == pytest.approx(0.4)
    assert (precision, recall) == (pytest.approx(3 / 4), pytest.approx(3 / 5))


def test_equal_scores_are_not_parted():
    matches = one_class([0.5, 0.5, 0.5, 0.5], [True, False, False, False])
    assert matches.best_f1() == (pytest.approx(0.25), pytest.approx(1 / 4), pytest.approx(1 / 4))


def test_a_class_that_is_never_right():
    assert one_class([0.5, 0.4], [False, False]).best_f1() is None
    assert one_class([0.5, 0.4], [False, False]).average_precision().tolist() == [0.0] * len(IOUS)


def test_a_picture_that_counts_twice_is_as_good_as_two():
    scores, right = [0.9, 0.8, 0.7, 0.6], [True, False, True, True]
    weighed = one_class(scores, right).average_precision(np.array([2.0, 1, 0, 1]))
    written = one_class([0.9, 0.9, 0.8, 0.6], [True, True, False, True]).average_precision()
    np.testing.assert_allclose(weighed, written)


def test_the_interval_holds_the_spread_of_new_pictures():
    generator = np.random.default_rng(0)

    def pictures(count=80):
        scores = generator.uniform(size=count)
        return one_class(scores, generator.random(count) < scores)

    true = np.mean([pictures(1000).average_precision().mean() for _ in range(5)])
    intervals = [pictures().interval(60, seed) for seed in range(30)]
    inside = np.mean([low <= true <= high for low, high in intervals])
    assert 0.8 <= inside <= 1
    width = np.mean([high - low for low, high in intervals])
    narrow = np.mean([np.subtract(*pictures(320).interval(60)[::-1]) for _ in range(8)])
    assert narrow == pytest.approx(width / 2, rel=0.3)  # four times the pictures


def test_the_same_pictures_give_the_same_interval():
    matches = one_class([0.9, 0.8, 0.7, 0.6], [True, False, True, True])
    assert matches.interval(50) == matches.interval(50)


def test_nothing_found_and_nothing_there():
    nothing = BoxMeter(["a", "b"]).result()
    assert set(nothing.figures.values()) == {None}
    assert np.isnan(nothing.headline)
    meter = BoxMeter(["a", "b"])
    meter.add({"boxes": np.zeros((0, 4)), "classes": []}, np.zeros((0, 4)), [], [])
    meter.add({"boxes": [[0, 0, 50, 50]], "classes": [0]}, np.zeros((0, 4)), [], [])
    figures = meter.result()
    assert figures.headline == 0
    assert [c.ap for c in figures.classes] == [0, None]
    assert figures.thresholds == {}


def test_crowds_are_neither_to_be_found_nor_wrong():
    meter = BoxMeter(["a"], draws=0)
    truth = {"boxes": [[0, 0, 20, 20], [30, 30, 90, 90]], "classes": [0, 0], "crowd": [False, True]}
    meter.add(
        truth, [[0, 0, 20, 20], [40, 40, 60, 60], [50, 50, 80, 80]], [0.5, 0.9, 0.8], [0, 0, 0]
    )
    figures = meter.result()
    assert figures.headline == pytest.approx(1)
    assert figures.classes[0].truths == 1
    assert figures.classes[0].precision == 1


def test_the_figures_as_text_and_json():
    truth, detections, _ = reference()
    names = [category["name"] for category in truth["categories"]]
    figures = fill(BoxMeter(names, draws=20), truth, detections).result(1.5)
    lines = str(figures).splitlines()
    assert lines[0].startswith("24 pictures, %: AP 28.2  AP50 54.7")
    assert len(lines) == 2 + len(names)
    assert next(line for line in lines if line.startswith("detected only")).split()[2:] == (
        ["0", "–", "–", "to", "–", "–", "–"]
    )
    values = json.loads(json.dumps(figures.to_dict()))
    assert values["seconds"] == 1.5
    assert values["classes"][0]["low"] <= values["classes"][0]["ap"] <= values["classes"][0]["high"]
    assert set(figures.thresholds) < set(names)
