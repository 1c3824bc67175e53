"""What a detector's outputs mean survives JSON, and is refused where it does not hang together."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from kerazoo.tasks.detection import anchors, boxes, losses, matching, postprocess
from kerazoo.tasks.detection.detector import Detector, anchors_of, detector_of

GRIDS = anchors.grids_of((96, 160), (16, 32, 64, 128, 256, 512))
TENSORFLOW = Detector(
    anchors=anchors.TENSORFLOW,
    size=(96, 160),
    grids=GRIDS,
    coder=boxes.TENSORFLOW,
    matcher=matching.TENSORFLOW,
    loss=losses.TENSORFLOW,
    suppression=postprocess.TENSORFLOW,
)


def test_json_both_ways():
    again = Detector.from_dict(json.loads(json.dumps(TENSORFLOW.to_dict())))
    assert again == TENSORFLOW
    fitted = anchors.FittedAnchors((((0.1, 0.2),), ((0.5, 0.4), (0.9, 0.9))))
    other = Detector(anchors=fitted, size=(64, 64), grids=((4, 4), (2, 2)))
    assert Detector.from_dict(json.loads(json.dumps(other.to_dict()))) == other


def test_anchors_of_whatever_carries_the_facts():
    info = SimpleNamespace(task_facts=TENSORFLOW.to_dict())
    found = anchors_of(SimpleNamespace(info=info))
    np.testing.assert_array_equal(found, anchors.make_anchors(anchors.TENSORFLOW, GRIDS, (96, 160)))
    assert found.shape == (TENSORFLOW.count, 4)
    assert detector_of(info) == TENSORFLOW


def test_refusals():
    with pytest.raises(ValueError, match="`model` must be a detector of kerazoo's"):
        detector_of(SimpleNamespace(name="other", info=None))
    with pytest.raises(ValueError, match="`grids` must be 6 sizes"):
        Detector(anchors=anchors.TENSORFLOW, size=(96, 96), grids=((6, 6),))
    with pytest.raises(ValueError, match="`anchors` must be an anchor rule"):
        Detector(anchors=3, size=(96, 96), grids=((6, 6),))
    with pytest.raises(ValueError, match=r"Unknown `detector key`.*'suppression'"):
        Detector.from_dict({**TENSORFLOW.to_dict(), "supression": {}})
