"""What is kept of raw outputs, by NumPy and in the graph, is what the sources keep."""

import numpy as np
import pytest
import tensorflow as tf

from kerazoo.tasks.detection import boxes as coders
from kerazoo.tasks.detection import postprocess
from kerazoo.tasks.detection.postprocess import Found, Suppression, find
from kerazoo.tasks.detection.postprocess_graph import find_in_graph, find_one_in_graph
from tests.tasks.detection import golden

PIXELS, SCORES = 1e-3, 1e-6  # tests/references/README.md
TF_RULES = ("tf", "tf_strict", "tf_unclipped")


def by_numpy(boxes, logits, rule, size, thresholds=None):
    scores = rule.scores(logits)
    return [find(b, s, rule, size, thresholds) for b, s in zip(boxes, scores, strict=True)]


def by_graph(boxes, logits, rule, size, thresholds=None):
    run = tf.function(lambda b, s: find_in_graph(b, s, rule, size, thresholds))
    found = {name: value.numpy() for name, value in run(boxes, logits).items()}
    for name in ("boxes", "scores", "classes"):
        for row, count in zip(found[name], found["count"], strict=True):
            assert not row[count:].any()
    parts = zip(found["boxes"], found["scores"], found["classes"], found["count"], strict=True)
    return [Found(b[:n], s[:n], c[:n]) for b, s, c, n in parts]


def one_by_one(boxes, logits, rule, size, thresholds=None):
    @tf.function(reduce_retracing=True)
    def run(b, s):
        return find_one_in_graph(b, s, rule, size, thresholds)

    found = []
    for picture in range(len(boxes)):
        one = run(boxes[picture : picture + 1], logits[picture : picture + 1])
        count = int(one["count"][0])
        found.append(Found(*(one[n].numpy()[0, :count] for n in ("boxes", "scores", "classes"))))
        assert not one["scores"].numpy()[0, count:].any()
    return found


WAYS = {"numpy": by_numpy, "graph": by_graph, "one by one": one_by_one}


def check(found: Found, boxes, scores, classes):
    assert len(found) == len(scores)
    np.testing.assert_array_equal(found.classes, classes)
    np.testing.assert_allclose(found.boxes, boxes, rtol=0, atol=PIXELS)
    np.testing.assert_allclose(found.scores, scores, rtol=0, atol=SCORES)


def decoded(gold):
    return coders.TORCHVISION.decode_array(gold["anchors"], gold["bbox_regression"])


@pytest.mark.parametrize("way", WAYS)
def test_torchvision_rule(way):
    gold, rule = golden("ssd_postprocessing"), postprocess.TORCHVISION_SSD300
    settings = (rule.threshold, rule.iou, rule.candidates, rule.total)
    names = ("score_thresh", "nms_thresh", "topk_candidates", "detections_per_img")
    assert settings == tuple(gold[f"tv.{name}"] for name in names)
    found = WAYS[way](decoded(gold), gold["cls_logits"], rule, (300, 300))
    ends = np.cumsum(gold["tv.counts"])
    for one, end, count in zip(found, ends, gold["tv.counts"], strict=True):
        rows = slice(end - count, end)
        check(one, gold["tv.boxes"][rows], gold["tv.scores"][rows], gold["tv.labels"][rows] - 1)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", TF_RULES)
def test_tensorflow_rule(way, name):
    gold = golden("ssd_postprocessing")
    threshold, iou, per_class, total = gold[f"{name}.settings"]
    rule = Suppression(
        activation="sigmoid",
        threshold=float(threshold),
        iou=float(iou),
        per_class=int(per_class),
        total=int(total),
        clip=name != "tf_unclipped",
    )
    if name == "tf":
        assert rule == postprocess.TENSORFLOW
    if way == "one by one" and name != "tf":
        with pytest.raises(ValueError, match="`rule` must be a rule that clips"):
            WAYS[way](decoded(gold), gold["cls_logits"], rule, (300, 300))
        return
    found = WAYS[way](decoded(gold), gold["cls_logits"], rule, (300, 300))
    assert [len(one) for one in found] == gold[f"{name}.valid"].tolist()
    for picture, (one, count) in enumerate(zip(found, gold[f"{name}.valid"], strict=True)):
        boxes = gold[f"{name}.boxes_yxyx"][picture, :count][:, (1, 0, 3, 2)] * 300
        scores = gold[f"{name}.scores"][picture, :count]
        check(one, boxes, scores, gold[f"{name}.classes"][picture, :count])


@pytest.mark.parametrize("way", WAYS)
def test_all_of_torchvisions_ssdlite(way):
    gold = golden("torchvision_ssdlite320_mobilenet_v3_large")
    found = WAYS[way](
        decoded(gold), gold["cls_logits"], postprocess.TORCHVISION_SSDLITE, (320, 320)
    )
    check(found[0], gold["boxes"], gold["scores"], gold["labels"] - 1)


@pytest.mark.parametrize("way", ["numpy", "graph"])
def test_edgenets_rule_has_no_limit_in_all(way):
    gold = golden("ssd_postprocessing")
    found = WAYS[way](decoded(gold), gold["cls_logits"], postprocess.EDGENETS, (300, 300))
    other = WAYS["numpy" if way == "graph" else "graph"]
    expected = other(decoded(gold), gold["cls_logits"], postprocess.EDGENETS, (300, 300))
    assert max(map(len, found)) > 200
    for one, two in zip(found, expected, strict=True):
        check(one, two.boxes, two.scores, two.classes)


@pytest.mark.parametrize("way", WAYS)
def test_thresholds_of_classes_cut_what_would_be_found(way):
    gold, rule = golden("ssd_postprocessing"), Suppression(candidates=50, total=400)
    thresholds = np.linspace(0, 0.9, 8).astype("float32")
    arguments = (decoded(gold), gold["cls_logits"], rule, (300, 300))
    cut, whole = WAYS[way](*arguments, thresholds), WAYS[way](*arguments)
    for one, two in zip(cut, whole, strict=True):
        rows = two.scores > thresholds[two.classes]
        check(one, two.boxes[rows], two.scores[rows], two.classes[rows])
    assert 0 < sum(map(len, cut)) < sum(map(len, whole)) / 2


@pytest.mark.parametrize("way", WAYS)
def test_nothing_found(way):
    logits = np.zeros((1, 6, 3), "float32")
    logits[..., 0] = 30
    found = WAYS[way](np.zeros((1, 6, 4), "float32"), logits, Suppression(), (300, 300))[0]
    assert len(found) == 0
    assert found.boxes.shape == (0, 4)


@pytest.mark.parametrize("way", WAYS)
def test_boxes_outside_the_picture_do_not_suppress(way):
    boxes = np.float32([[[-20, 5, -10, 9], [-20, 5, -10, 9], [0, 0, 10, 10], [0, 0, 10, 9]]])
    logits = np.float32([[[0, 4], [0, 3], [0, 2], [0, 1]]])
    found = WAYS[way](boxes, logits, Suppression(), (300, 300))[0]
    np.testing.assert_array_equal(found.boxes, [[0, 5, 0, 9], [0, 5, 0, 9], [0, 0, 10, 10]])


def test_graph_is_the_same_in_a_saved_model(tmp_path):
    gold, rule = golden("ssd_postprocessing"), postprocess.TORCHVISION_SSD300

    class Finder(tf.Module):
        @tf.function(
            input_signature=[
                tf.TensorSpec((None, 634, 4)),
                tf.TensorSpec((None, 634, 9)),
            ]
        )
        def find(self, boxes, logits):
            return find_in_graph(boxes, logits, rule, (300, 300))

    tf.saved_model.save(Finder(), str(tmp_path))
    saved = tf.saved_model.load(str(tmp_path))
    for pictures in (slice(0, 5), slice(4, 5)):
        boxes, logits = decoded(gold)[pictures], gold["cls_logits"][pictures]
        found, expected = saved.find(boxes, logits), find_in_graph(boxes, logits, rule, (300, 300))
        assert found["count"].numpy().tolist() == gold["tv.counts"][pictures].tolist()
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value)


def one_picture(rule):
    """A module with a function of one picture's raw outputs, as a file has it."""
    module = tf.Module()
    module.detect = tf.function(
        lambda places, logits: find_one_in_graph(places, logits, rule, (300, 300)),
        input_signature=[
            tf.TensorSpec((1, 634, 4), name="places"),
            tf.TensorSpec((1, 634, 9), name="logits"),
        ],
    )
    return module


def test_litert_keeps_the_same():
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    gold, rule = golden("ssd_postprocessing"), Suppression(candidates=100, total=50)
    module = one_picture(rule)
    concrete = module.detect.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
    model = interpreter.Interpreter(model_content=converter.convert())
    run = model.get_signature_runner()
    expected = by_numpy(decoded(gold), gold["cls_logits"], rule, (300, 300))
    assert len(expected[4]) < rule.total
    for picture in (0, 4):
        rows = slice(picture, picture + 1)
        found = run(places=decoded(gold)[rows], logits=gold["cls_logits"][rows])
        count = int(found["count"][0])
        one = Found(*(found[n][0, :count] for n in ("boxes", "scores", "classes")))
        check(one, *(getattr(expected[picture], n) for n in ("boxes", "scores", "classes")))


def test_onnx_keeps_the_same():
    onnxruntime, tf2onnx = pytest.importorskip("onnxruntime"), pytest.importorskip("tf2onnx")
    gold, rule = golden("ssd_postprocessing"), Suppression(candidates=100, total=50)
    detect = one_picture(rule).detect
    model, _ = tf2onnx.convert.from_function(detect, detect.input_signature, opset=18)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    expected = by_numpy(decoded(gold), gold["cls_logits"], rule, (300, 300))
    for picture in (0, 4):
        rows = slice(picture, picture + 1)
        feed = {"places": decoded(gold)[rows], "logits": gold["cls_logits"][rows]}
        names = ["boxes", "scores", "classes", "count"]
        boxes, scores, classes, count = session.run(names, feed)
        one = Found(*(part[0, : int(count[0])] for part in (boxes, scores, classes)))
        check(one, *(getattr(expected[picture], n) for n in ("boxes", "scores", "classes")))


def test_scores():
    logits = np.float32([[0, np.log(3), 200], [-200, 0, -200]])
    sigmoid = Suppression(activation="sigmoid").scores(logits)
    np.testing.assert_allclose(sigmoid, [[0.75, 1], [0.5, 0]], atol=1e-7)
    np.testing.assert_allclose(Suppression().scores(logits), [[0, 1], [1, 0]], atol=1e-7)


def test_wrong_rule_is_named():
    with pytest.raises(ValueError, match="Did you mean 'sigmoid'"):
        Suppression(activation="sigmoids")
    with pytest.raises(ValueError, match="`total` must be a positive integer or None"):
        Suppression(total=0)
    with pytest.raises(ValueError, match="`size` must be"):
        find(np.zeros((1, 4), "float32"), np.ones((1, 1), "float32"), Suppression())
