"""Matches equal the sources' exactly."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerazoo.tasks.detection import boxes as coders
from kerazoo.tasks.detection import matching
from kerazoo.tasks.detection.matching import Matcher, make_targets
from tests.tasks.detection import golden, relative


def truths():
    """The pictures of the reference as padded arrays: boxes, classes from 0, which are real."""
    gold = golden("ssd_matching_loss")
    counts = gold["gt_counts"]
    real = np.arange(counts.max()) < counts[:, None]
    boxes, classes = np.zeros((*real.shape, 4), "float32"), np.zeros(real.shape, "int32")
    boxes[real], classes[real] = gold["gt_boxes"], gold["gt_labels"] - 1
    return boxes, classes, real


def numpy(x):
    return keras.ops.convert_to_numpy(x)


def test_torchvision_matches_and_targets():
    gold = golden("ssd_matching_loss")
    boxes, classes, real = truths()
    matches = matching.TORCHVISION(gold["anchors"], boxes, real)
    np.testing.assert_array_equal(numpy(matches), gold["matched_idxs"])
    found = make_targets(matches, gold["anchors"], boxes, classes, coders.TORCHVISION)
    np.testing.assert_array_equal(numpy(found["classes"]), gold["cls_targets"])
    assert relative(numpy(found["boxes"]), gold["regression_targets"]) <= 1e-6


def test_edgenets_labels_and_targets():
    gold = golden("ssd_matching_loss")
    boxes, classes, real = (x[gold["multibox.pictures"]] for x in truths())
    matches = matching.EDGENETS(gold["anchors"], boxes, real)
    found = make_targets(matches, gold["anchors"], boxes, classes, coders.SSD)
    np.testing.assert_array_equal(numpy(found["classes"]), gold["multibox.labels"])
    positive = gold["multibox.labels"] > 0
    theirs = gold["multibox.regression_targets"][positive]
    assert relative(numpy(found["boxes"])[positive], theirs) <= 1e-5  # made of relative coordinates
    assert not numpy(found["boxes"])[~positive].any()


def test_the_first_or_the_last_of_two_truths_gets_a_shared_anchor():
    anchors = np.float32([[0, 0, 100, 100], [200, 200, 300, 300]])
    boxes = np.float32([[0, 0, 20, 20], [50, 50, 75, 80], [0, 0, 10, 10]])
    assert numpy(Matcher()(anchors, boxes)).tolist() == [2, -1]
    assert numpy(Matcher(shared="first")(anchors, boxes)).tolist() == [0, -1]
    assert numpy(Matcher(force=False)(anchors, boxes)).tolist() == [-1, -1]
    # In the reference two boxes share one anchor, and there alone the rules part.
    gold, (boxes, _, real) = golden("ssd_matching_loss"), truths()
    first = numpy(matching.TENSORFLOW(gold["anchors"], boxes, real))
    assert (first != gold["matched_idxs"]).sum() == 1


def test_a_box_that_no_anchor_touches_stays_without():
    anchors = np.float32([[0, 0, 100, 100]])
    assert numpy(Matcher()(anchors, np.float32([[200, 200, 210, 210]]))).tolist() == [-1]


def test_between_the_thresholds_is_ignored():
    anchors = np.float32([[0, 0, 10, 10], [0, 0, 10, 14], [0, 0, 10, 22], [0, 0, 10, 30]])
    matcher = Matcher(0.7, negative_below=0.4)
    assert numpy(matcher(anchors, np.float32([[0, 0, 10, 10]]))).tolist() == [0, 0, -2, -1]


def test_no_box_and_padding_alone():
    anchors = np.float32([[0, 0, 10, 10], [5, 5, 20, 20]])
    none, padding = np.zeros((2, 0, 4), "float32"), np.zeros((2, 3, 4), "float32")
    for boxes in (none, padding):
        matches = Matcher()(anchors, boxes, np.zeros(boxes.shape[:2], bool))
        assert numpy(matches).tolist() == [[-1, -1]] * 2
        found = make_targets(matches, anchors, boxes, np.zeros(boxes.shape[:2]), coders.SSD)
        assert not numpy(found["classes"]).any()
        assert not numpy(found["boxes"]).any()


def test_anchors_in_an_ignored_box_count_for_nothing():
    anchors = np.float32([[0, 0, 10, 10], [40, 40, 50, 50], [46, 40, 58, 50], [60, 60, 70, 70]])
    boxes = np.float32([[0, 0, 10, 10], [30, 30, 50, 50]])
    matches = Matcher()(anchors, boxes, ignored=np.array([False, True]))
    # The third lies in it by a third; nobody is matched to it, not even by force.
    assert numpy(matches).tolist() == [0, -2, -1, -1]
    found = make_targets(matches, anchors, boxes, np.array([4, 2]), coders.SSD)
    assert numpy(found["classes"]).tolist() == [5, -1, 0, 0]


def test_in_a_graph_of_tf_data_with_any_number_of_boxes():
    gold = golden("ssd_matching_loss")
    starts = np.cumsum([0, *gold["gt_counts"]])

    def pictures():
        for start, end in itertools.pairwise(starts):
            yield gold["gt_boxes"][start:end], gold["gt_labels"][start:end] - 1

    def encode(boxes, classes):
        matches = matching.TORCHVISION(gold["anchors"], boxes)
        return make_targets(matches, gold["anchors"], boxes, classes, coders.TORCHVISION)

    spec = (tf.TensorSpec((None, 4)), tf.TensorSpec((None,), tf.int64))
    data = tf.data.Dataset.from_generator(pictures, output_signature=spec).map(encode).batch(4)
    found = next(iter(data))
    np.testing.assert_array_equal(found["classes"], gold["cls_targets"])
    assert relative(found["boxes"], gold["regression_targets"]) <= 1e-6


def test_wrong_thresholds_are_named():
    with pytest.raises(ValueError, match="`threshold` must be"):
        Matcher(1.5)
    with pytest.raises(ValueError, match="`negative_below` must be at most the threshold"):
        Matcher(0.5, negative_below=0.6)
