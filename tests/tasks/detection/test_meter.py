"""From a detector's outputs to COCO's figures, answers that are kept, and thresholds."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerazoo.data.source import Source
from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks.detection import figures
from kerazoo.tasks.detection.anchors import FittedAnchors
from kerazoo.tasks.detection.answers import UNSURE, calibrate, gather
from kerazoo.tasks.detection.detector import Detector
from kerazoo.tasks.detection.losses import LossRule
from kerazoo.tasks.detection.meter import DetectionMeter
from kerazoo.tasks.detection.postprocess import Suppression
from kerazoo.tasks.detection.training import BoxLoss, ClassLoss, encode, loss

GRID, SIZE = 8, (64, 64)
DETECTOR = Detector(
    FittedAnchors((((0.2, 0.2), (0.4, 0.3)),)),
    SIZE,
    ((GRID, GRID),),
    suppression=Suppression(activation="sigmoid", threshold=0.01, iou=0.5, total=20),
)
NAMES = ("dog", "cat")


def network(names=NAMES, fit="stretch"):
    record = SimpleNamespace(task_facts=DETECTOR.to_dict(), labels=names)
    shape = Preprocessing(size=SIZE, fit=fit)
    model = SimpleNamespace(info=record, name="net")
    return SimpleNamespace(record=record, preprocessing=shape, name="net", model=model)


# Two pictures of different sizes; boxes in pixels of them.
TRUTHS = {
    "boxes": np.array(
        [[[20, 10, 60, 50], [70, 60, 110, 95]], [[30, 30, 70, 90], [0, 0, 0, 0]]], "float32"
    ),
    "classes": np.array([[0, 1], [1, -1]]),
    "crowd": np.array([[False, False], [False, False]]),
    "areas": np.ones((2, 2), "float32"),
    "size": np.array([[100, 120], [120, 100]]),
}


def source(classes=("cat", "dog"), targets=TRUTHS):
    pictures = np.full((2, 120, 120, 3), 200, "uint8")
    count = len(targets["classes"])

    def fetch(index):
        height, width = tf.unstack(tf.constant(targets["size"])[index])
        picture = tf.constant(pictures)[index][:height, :width]
        return picture, {k: tf.constant(v)[index] for k, v in targets.items()}

    rows = tf.data.Dataset.range(count).map(fetch)
    return Source("set", "val", "detection", classes, count, rows, encoded=False, fetch=fetch)


def perfect(net, numbers, targets=TRUTHS):
    """Outputs that say just what is there: `numbers` are the network's classes of the source's."""
    codes, logits = [], []
    for boxes, classes, (height, width) in zip(
        targets["boxes"], targets["classes"], targets["size"], strict=True
    ):
        placed = net.preprocessing.place(int(height), int(width)).boxes(boxes)
        own = np.array([numbers[c] if c >= 0 else -1 for c in classes])
        crowd = np.zeros_like(own, bool)
        given = {"boxes": placed[None], "classes": own[None], "crowd": crowd[None]}
        given = {k: tf.constant(v) for k, v in given.items()}
        given["boxes"] = tf.cast(given["boxes"], tf.float32)
        found = {k: v.numpy() for k, v in encode(given, net.model).items()}
        codes.append(found["codes"][0, :, :4])
        say = np.full((len(codes[-1]), 1 + len(NAMES)), -9.0, "float32")
        rows = np.arange(len(say))
        # Codes are exact at every positive: the surest is as good as the others.
        say[rows, found["logits"][0].astype(int)] = 4.0
        logits.append(say)
    return {"codes": np.stack(codes), "logits": np.stack(logits)}


@pytest.mark.parametrize("fit", ["stretch", "pad"])
def test_right_answers_are_right_whatever_the_order_of_classes(fit):
    net = network(fit=fit)
    outputs = perfect(net, {0: 1, 1: 0})  # the network counts dogs first
    meter = DetectionMeter(source(), net)
    for row in range(2):  # in batches
        meter.update(
            {k: v[row : row + 1] for k, v in outputs.items()},
            {k: v[row : row + 1] for k, v in TRUTHS.items()},
        )
    found = meter.result(1.5)
    assert found.headline == pytest.approx(1.0)
    assert (found.count, found.seconds) == (2, 1.5)
    assert [c.name for c in found.classes] == ["cat", "dog"]
    quick = DetectionMeter(source(), net, quick=True)
    quick.update(outputs, TRUTHS)
    assert quick.result(0.0).figures == {"AP": pytest.approx(1.0), "AP50": pytest.approx(1.0)}


def test_wrong_classes_are_wrong():
    net = network()
    meter = DetectionMeter(source(), net, quick=True)
    meter.update(perfect(net, {0: 0, 1: 1}), TRUTHS)
    assert meter.result(0.0).headline == pytest.approx(0.0, abs=0.01)


def test_classes_that_both_know_are_measured():
    net = network(("Cat", "sofa"))
    meter = DetectionMeter(source(("person", "cat")), net, quick=True)
    outputs = perfect(net, {0: -1, 1: 0})
    meter.update(outputs, TRUTHS)
    found = meter.result(0.0)
    assert [(c.name, c.truths) for c in found.classes] == [("cat", 2)]
    assert found.headline == pytest.approx(1.0)


def test_strangers_are_refused():
    net = network(("bus", "car"))
    with pytest.raises(ValueError, match="a detector of a class of 'set', such as 'cat'"):
        DetectionMeter(source(), net).update(perfect(net, {0: 0, 1: 1}), TRUTHS)
    net = network(None)
    meter = DetectionMeter(source(("a", "b", "c")), net)
    with pytest.raises(ValueError, match="a detector of the 3 classes of 'set'"):
        meter.update(perfect(net, {0: 0, 1: 1}), TRUTHS)
    with pytest.raises(ValueError, match="No picture was measured"):
        DetectionMeter(source(), net).result(0.0)


@pytest.fixture(scope="module")
def answers():
    """Of a network that finds everything but the second picture's cat, and a dog where none is."""
    net = network()
    outputs = perfect(net, {0: 1, 1: 0})
    outputs["logits"][1] = -9.0
    outputs["logits"][1, 70, 1] = 1.0  # output 1 is the dog, with a score of 0.73
    return gather([(outputs, TRUTHS)], source(), np.arange(2), net)


def test_answers_are_judged_picture_by_picture(answers):
    assert answers.count == 2
    assert 0 < answers.headline < 1
    low, high = answers.interval
    assert low <= answers.headline <= high
    shown, right, missed = answers.judged(0)
    assert len(shown) == 2
    assert right.all()
    assert not missed.any()
    _, right, missed = answers.judged(1)
    assert not right.any()
    assert missed.tolist() == [True]


def test_thresholds_are_in_the_networks_order(answers):
    best = dict(zip(answers.classes.names, answers.thresholds(), strict=True))
    assert 0.7 < best["dog"] < 0.99  # between the wrong dog and the right one
    found = calibrate(None, answers)
    assert found.thresholds == (best["dog"], best["cat"])
    assert (found.temperature, found.pictures) == (1.0, 2)


def test_a_class_that_was_not_found_is_shown_from_a_half():
    net = network()
    outputs = perfect(net, {0: 1, 1: 0})
    outputs["logits"][:] = -9.0
    none = gather([(outputs, TRUTHS)], source(), np.arange(2), net)
    assert calibrate(None, none).thresholds == (UNSURE, UNSURE)
    assert none.headline == 0.0


def test_figures_are_drawn(answers, tmp_path):
    figures.draw(answers, tmp_path, 3)
    with Image.open(tmp_path / "precision.png") as image:
        assert np.asarray(image.convert("L")).std() > 5
    with Image.open(tmp_path / "worst.png") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
        assert ((pixels[..., 0] - pixels[..., 2]) > 120).any()  # the missed cat is yellow


def test_what_each_anchor_shall_say():
    net = network()
    anchors = DETECTOR.boxes()
    boxes = np.stack([anchors[41], anchors[90], anchors[7]])[None]
    given = {
        "boxes": tf.constant(boxes),
        "classes": tf.constant([[1, 0, -1]], tf.int64),  # the last one is no box at all
        "crowd": tf.constant([[False, True, False]]),
    }
    found = {k: v.numpy() for k, v in encode(given, net.model).items()}
    classes = found["logits"][0]
    assert classes[41] == 2  # background is 0
    assert classes[90] == -1  # a crowd is neither
    assert classes[7] == 0
    np.testing.assert_allclose(found["codes"][0, 41], [0, 0, 0, 0, 2], atol=1e-5)
    np.testing.assert_array_equal(found["codes"][..., 4], found["logits"])


def test_losses_are_those_of_the_rule_over_the_batch():
    generator = np.random.default_rng(0)
    classes = generator.integers(-1, 3, (2, 30)).astype("float32")
    targets, codes = (generator.normal(size=(2, 30, 4)).astype("float32") for _ in range(2))
    logits = generator.normal(size=(2, 30, 3)).astype("float32")
    rule = LossRule(scores="sigmoid", minimum=3)
    packed = np.concatenate([targets, classes[..., None]], -1)
    assert float(BoxLoss(rule)(packed, codes)) == pytest.approx(
        float(rule.box_loss(classes, targets, codes)), rel=1e-6
    )
    assert float(ClassLoss(rule)(classes, logits)) == pytest.approx(
        float(rule.class_loss(classes, logits)), rel=1e-6
    )
    named = loss(network().model)
    assert {name: type(each) for name, each in named.items()} == {
        "codes": BoxLoss, "logits": ClassLoss
    }  # fmt: skip
    assert all(isinstance(each, keras.losses.Loss) for each in named.values())
