"""Detectors against the originals: raw outputs, anchors, and what is found in the end."""

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.tasks.detection.boxes import overlaps
from kerazoo.tasks.detection.detector import anchors_of, detector_of
from kerazoo.tasks.detection.postprocess import find
from tests.models.parity import TOLERANCE, Reference

POINTS = {
    "torchvision_ssdlite320_mobilenet_v3_large": {
        "feature0": "stage6_block1_expand_act",
        "feature1": "head_act",
        "feature2": "extra1_act",
        "feature5": "extra4_act",
    },
    "torchvision_ssd300_vgg16": {
        "conv4_3": "stage4_block3_act",
        "fc7": "fc7_act",
        "extra1": "extra1_act",
        "extra4": "extra4_act",
        "cls0": "classes1_conv",
        "box5": "boxes6_conv",
    },
    "pytorch_ssd_mb2_ssd_lite": {
        "stem": "stem_act",
        "feature0": "stage6_block1_expand_act",
        "feature1": "head_act",
        "feature2": "extra1_bn",
        "cls0": "classes1_conv",
        "box5": "boxes6_conv",
    },
    "espnetv2_ssd300_s_2.0": {
        "level3": "stage2_block4_act",
        "level5": "head_act",
        "extra6": "extra1_act",
        "extra8": "extra3_act",
        "feature3": "extra_up1_act",
        "feature0": "extra_up4_act",
        "cls0": "classes1_conv",
        "box5": "boxes6_conv",
    },
}
# Slopes of activations that the original counts and never runs.
UNUSED = {"espnetv2_ssd300_s_2.0": 96 + 128 + 256 + 512}
MODELS = {
    "torchvision_ssdlite320_mobilenet_v3_large": ("ssdlite320_mobilenet_v3_large", 90),
    "torchvision_ssd300_vgg16": ("ssd300_vgg16", 90),
    "pytorch_ssd_mb2_ssd_lite": ("mb2_ssd_lite", 20),
    "espnetv2_ssd300_s_2.0": ("espnetv2_ssd_s_2_0", 20),
}


@pytest.fixture(scope="module", params=MODELS)
def case(request, tmp_path_factory):
    reference = Reference(request.param)
    model, classes = MODELS[request.param]
    net = kerazoo.create_model(
        model,
        weights=str(reference.save(tmp_path_factory.mktemp("weights"))),
        classes=classes,
    )
    return reference, net, {k: np.asarray(v) for k, v in net(reference.input).items()}


def _close(ours, gold) -> None:
    assert np.abs(ours - gold).max() <= TOLERANCE * np.abs(gold).max()


def test_raw_outputs(case):
    reference, _, outputs = case
    gold = reference.gold
    boxes = outputs["codes"]
    if "bbox_regression" in gold:
        _close(boxes, gold["bbox_regression"])
    else:
        _close(boxes[:, gold["rows"]], gold["bbox_regression_sub"])
    if "cls_logits" in gold:
        _close(outputs["logits"], gold["cls_logits"])
        return
    rows = gold["cls_rows"] if "cls_rows" in gold else gold["rows"]
    _close(outputs["logits"][:, rows], gold["cls_logits_sub"])
    logits = outputs["logits"].astype("float64")
    sums = (logits.sum(), np.abs(logits).sum())
    np.testing.assert_allclose(sums, gold["cls_logits_sums"], rtol=1e-4)


def test_points(case):
    reference, net, _ = case
    points = POINTS[reference.name]
    inner = keras.Model(net.input, {n: net.get_layer(x).output for n, x in points.items()})
    for name, tensor in inner(reference.input).items():
        assert reference.point_error(name, tensor) <= TOLERANCE, name


def test_anchors(case):
    reference, net, _ = case
    ours, gold = anchors_of(net), reference.gold
    assert reference.spec["params"] - UNUSED.get(reference.name, 0) == kerazoo.profile(net).params
    assert reference.spec["macs"] == kerazoo.profile(net).macs
    if "anchors" in gold:
        np.testing.assert_allclose(ours, gold["anchors"], atol=1e-3)
        return
    side = net.input_shape[1]
    corners = [gold["priors"][:, :2] - gold["priors"][:, 2:] / 2]
    corners.append(gold["priors"][:, :2] + gold["priors"][:, 2:] / 2)
    np.testing.assert_allclose(ours / side, np.concatenate(corners, 1), atol=1e-6)
    decoded = detector_of(net).coder.decode_array(ours, case[2]["codes"])
    rows = gold["cls_rows"] if "cls_rows" in gold else gold["rows"]
    _close(decoded[:, rows] / side, gold["boxes_sub"])


@pytest.mark.parametrize(
    "case", [name for name in MODELS if name.startswith("torchvision")], indirect=True
)
def test_final_boxes(case):
    """98 % of what the original finds is found with the same class, at the same place."""
    reference, net, outputs = case
    gold = reference.gold
    detector = detector_of(net)
    boxes = detector.coder.decode_array(anchors_of(net), outputs["codes"][0])
    rule = detector.suppression
    found = find(boxes, rule.scores(outputs["logits"][0]), rule, detector.size)
    assert len(found) == len(gold["boxes"])
    same = (np.abs(found.boxes[:, None] - gold["boxes"][None]).max(-1) <= 0.1) & (
        (found.classes[:, None] + 1 == gold["labels"][None])
        & (np.abs(found.scores[:, None] - gold["scores"][None]) <= 1e-3)
    )
    assert same.any(axis=0).mean() >= 0.98
    assert overlaps(found.boxes[:1], gold["boxes"][:1])[0, 0] > 0.999
