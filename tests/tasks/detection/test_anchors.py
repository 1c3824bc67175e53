"""Anchors equal those that the sources make."""

import json

import numpy as np
import pytest

from kerazoo.tasks.detection import anchors
from kerazoo.tasks.detection.anchors import grids_of, make_anchors
from tests.tasks.detection import corners, golden

STRIDES = (16, 32, 64, 128, 256, 512)
RELATIVE, PIXELS = 1e-6, 1e-3  # tests/references/README.md


def squares(*sides: int):
    return tuple((side, side) for side in sides)


CENTRES = {  # rule, sides of the maps, side of the picture, file, array
    "caffe voc 300": (
        anchors.CAFFE_VOC300,
        (38, 19, 10, 5, 3, 1),
        300,
        "default_boxes",
        "ssd_pytorch_voc300.cxcywh",
    ),
    "caffe coco 300": (
        anchors.CAFFE_COCO300,
        (38, 19, 10, 5, 3, 1),
        300,
        "default_boxes",
        "ssd_pytorch_coco300.cxcywh",
    ),
    "edgenets 512": (
        anchors.EDGENETS_512,
        (64, 32, 16, 8, 4, 1),
        512,
        "default_boxes",
        "edgenets_512.cxcywh",
    ),
    "edgenets 300": (
        anchors.EDGENETS_300,
        (38, 19, 10, 5, 3, 1),
        300,
        "espnetv2_ssd300_s_2.0",
        "priors",
    ),
    "pytorch-ssd": (
        anchors.PYTORCH_SSD_LITE,
        (19, 10, 5, 3, 2, 1),
        300,
        "pytorch_ssd_mb2_ssd_lite",
        "priors",
    ),
}


@pytest.mark.parametrize("case", CENTRES)
def test_ssd_rule_in_centre_form(case):
    rule, sides, side, file, name = CENTRES[case]
    ours = make_anchors(rule, squares(*sides), (side, side)) / side
    theirs = corners(golden(file)[name])
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= RELATIVE


TORCHVISION = {
    "ssd300": (
        anchors.TORCHVISION_SSD300,
        squares(38, 19, 10, 5, 3, 1),
        (300, 300),
        "torchvision_ssd300_vgg16",
        "anchors",
    ),
    "ssdlite320": (
        anchors.TORCHVISION_SSDLITE,
        squares(20, 10, 5, 3, 2, 1),
        (320, 320),
        "torchvision_ssdlite320_mobilenet_v3_large",
        "anchors",
    ),
    "not square": (
        anchors.TORCHVISION_SSDLITE,
        grids_of((320, 448), STRIDES),
        (320, 448),
        "default_boxes",
        "torchvision_ssdlite_320x448.xyxy",
    ),
}


@pytest.mark.parametrize("case", TORCHVISION)
def test_torchvision(case):
    rule, grids, size, file, name = TORCHVISION[case]
    ours, theirs = make_anchors(rule, grids, size), golden(file)[name]
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= PIXELS


@pytest.mark.parametrize("size", [(300, 300), (320, 320), (256, 384)])
def test_tensorflow(size):
    height, width = size
    name = f"tf_od_{height}.yxyx" if height == width else f"tf_od_{height}x{width}.yxyx"
    ours = make_anchors(anchors.TENSORFLOW, grids_of(size, STRIDES), size)
    theirs = golden("default_boxes")[name][:, (1, 0, 3, 2)]
    assert ours.shape == theirs.shape
    assert np.abs(ours / (width, height, width, height) - theirs).max() <= RELATIVE


def test_arrays_beside_trained_weights(shared):
    ours = make_anchors(anchors.TENSORFLOW, grids_of((300, 300), STRIDES), (300, 300)) / 300
    stored = np.load(shared / "weights/ssd_mobilenet_v1_coco_dequant.npz")["anchors"]
    assert np.abs(ours - corners(stored[:, (1, 0, 3, 2)])).max() <= RELATIVE
    # The same network by way of Caffe: other shapes in another order.
    stored = np.load(shared / "weights/seg_det/ssdlite_mobilenet_v2_voc_int8.npz")["anchors"]
    assert np.abs(ours - stored).max() > 0.1
    caffe = make_anchors(anchors.CAFFE_SSDLITE_V2, grids_of((300, 300), STRIDES), (300, 300)) / 300
    assert np.abs(caffe - stored).max() <= RELATIVE


@pytest.mark.parametrize("rule", [anchors.CAFFE_VOC512, anchors.CAFFE_COCO512])
def test_ssd512_has_the_papers_number(rule):
    boxes = make_anchors(rule, squares(64, 32, 16, 8, 4, 2, 1), (512, 512))
    assert len(boxes) == 24564
    smallest = (boxes[0, 2:] - boxes[0, :2]) / 512
    np.testing.assert_allclose(smallest, rule.scales[0], atol=1e-6)


def test_stride_8_comes_before_the_others():
    fine = anchors.TENSORFLOW_STRIDE_8
    boxes = make_anchors(fine, grids_of((300, 300), (8, *STRIDES)), (300, 300))
    assert fine.counts == (3, 6, 6, 6, 6, 6, 6)
    np.testing.assert_allclose(boxes[0], (4 - 8 + 0.447, 4 - 8 + 0.447, 11.447, 11.447), atol=0.6)
    coarse = make_anchors(anchors.TENSORFLOW, grids_of((300, 300), STRIDES), (300, 300))
    np.testing.assert_array_equal(boxes[-len(coarse) + 3 * 361 :], coarse[3 * 361 :])


def test_counts_are_those_of_the_shapes():
    for rule in (anchors.CAFFE_VOC300, anchors.TENSORFLOW, anchors.TORCHVISION_SSDLITE):
        made = [len(rule.shapes(level, (300, 300))) for level in range(len(rule.counts))]
        assert made == list(rule.counts)


@pytest.mark.parametrize(
    "rule",
    [
        anchors.TENSORFLOW,
        anchors.EDGENETS_300,
        anchors.FittedAnchors((((0.1, 0.2),), ((0.5, 0.4), (0.3, 0.3)))),
    ],
)
def test_rules_go_through_json(rule):
    assert anchors.rule_from_dict(json.loads(json.dumps(rule.to_dict()))) == rule


def test_what_is_wrong_is_named():
    with pytest.raises(ValueError, match="`grids` must be 6 sizes, one for each map"):
        make_anchors(anchors.TENSORFLOW, squares(19, 10), (300, 300))
    with pytest.raises(ValueError, match="`scales` must be 2 numbers, one more than maps"):
        anchors.SSDAnchors((0.1, 0.2, 0.3), ((2.0,),))
    with pytest.raises(ValueError, match="Did you mean 'sizes'"):
        anchors.SSDAnchors((0.1, 0.2), ((2.0,),), clip="size")
    with pytest.raises(ValueError, match="Did you mean 'tensorflow'"):
        anchors.rule_from_dict({"rule": "tensorflw"})
