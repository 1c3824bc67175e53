"""Losses and their gradients equal the sources'."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerazoo.tasks.detection import losses
from kerazoo.tasks.detection.losses import LossRule
from tests.processes import run_jax
from tests.references import REFERENCES
from tests.tasks.detection import golden, relative

CASES = {  # rule, prefix in the file
    "torchvision": (losses.TORCHVISION, ""),
    "edgenets": (losses.EDGENETS, "multibox."),
}


def case(name):
    """Rule, classes, box targets, logits, codes, prefix."""
    rule, prefix = CASES[name]
    gold = golden("ssd_matching_loss")
    logits, codes = gold["cls_logits"], gold["bbox_regression"]
    classes = gold["multibox.labels" if prefix else "cls_targets"].astype("int32")
    if prefix:
        logits, codes = logits[gold["multibox.pictures"]], codes[gold["multibox.pictures"]]
    return rule, classes, gold[f"{prefix}regression_targets"], logits, codes, prefix


@pytest.mark.parametrize("name", CASES)
def test_losses_and_gradients(name):
    rule, classes, targets, logits, codes, prefix = case(name)
    gold = golden("ssd_matching_loss")
    logits, codes = tf.constant(logits), tf.constant(codes)
    with tf.GradientTape() as tape:
        tape.watch([logits, codes])
        class_loss = rule.class_loss(classes, logits)
        box_loss = rule.box_loss(classes, targets, codes)
        total = class_loss + box_loss
    of_logits, of_codes = tape.gradient(total, [logits, codes])
    assert relative(class_loss, gold[f"{prefix}loss_classification"]) <= 1e-5
    assert relative(box_loss, gold[f"{prefix}loss_bbox_regression"]) <= 1e-5
    assert relative(of_logits, gold[f"{prefix}grad_cls_logits"]) <= 1e-5
    assert relative(of_codes, gold[f"{prefix}grad_bbox_regression"]) <= 1e-5


def test_cross_entropy_and_negatives():
    gold = golden("ssd_matching_loss")
    rule, classes, _, logits, _, _ = case("torchvision")
    assert relative(losses.cross_entropy(classes, logits), gold["cross_entropy"]) <= 1e-6
    used = np.asarray(rule.used(classes, tf.constant(logits)))
    np.testing.assert_array_equal(used & (classes <= 0), gold["hard_negative_mask"])
    rule, classes, _, logits, _, _ = case("edgenets")
    used = np.asarray(rule.used(classes, tf.constant(logits)))
    np.testing.assert_array_equal(used, gold["multibox.used_mask"])


def test_focal_loss_and_gradient():
    gold = golden("ssd_matching_loss")
    classes, logits = gold["cls_targets"].astype("int32"), tf.constant(gold["cls_logits"][..., 1:])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = LossRule(scores="focal").class_loss(classes, logits)
    assert relative(loss, gold["focal.loss"]) <= 1e-5
    assert relative(tape.gradient(loss, logits), gold["focal.grad_cls_logits"]) <= 1e-5


def test_sigmoid_is_that_of_every_output_with_background():
    logits = np.float32([[[2.0, -1.0, 0.5]]])
    for target in range(3):
        wanted = np.eye(3)[target]
        expected = np.logaddexp(0, logits[0, 0]) - wanted * logits[0, 0]
        ours = losses.sigmoid_cross_entropy(np.array([[target]]), tf.constant(logits))
        np.testing.assert_allclose(ours, [[expected.sum()]], rtol=1e-6)


def test_a_picture_without_boxes():
    logits = tf.constant(np.random.default_rng(0).normal(size=(2, 20, 3)).astype("float32"))
    classes = np.zeros((2, 20), "int32")
    assert float(losses.TORCHVISION.class_loss(classes, logits)) == 0
    # TensorFlow's rule learns from three negatives all the same: the worst.
    each = np.asarray(losses.sigmoid_cross_entropy(classes, logits))
    used = np.asarray(losses.TENSORFLOW.used(classes, logits))
    assert used.sum(axis=1).tolist() == [3, 3]
    expected = np.sort(each, axis=1)[:, -3:].sum()
    assert float(losses.TENSORFLOW.class_loss(classes, logits)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("scores", losses.SCORES)
def test_ignored_anchors_have_no_gradient(scores):
    generator = np.random.default_rng(1)
    logits = tf.constant(generator.normal(size=(1, 30, 4)).astype("float32"))
    classes = np.zeros((1, 30), "int32")
    classes[0, :4], classes[0, 10:] = 2, -1
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = LossRule(scores).class_loss(classes, logits)
    gradient = np.abs(tape.gradient(loss, logits)[0]).sum(axis=1)
    assert (gradient[:10] > 0).all()
    assert not gradient[10:].any()


def test_no_more_negatives_than_there_are():
    classes = np.array([[1, 1, 0, -1]])
    mined = losses.hard_negatives(np.float32([[9, 9, 1, 5]]), classes)
    assert np.asarray(mined).tolist() == [[False, False, True, False]]


def test_wrong_rule_is_named():
    with pytest.raises(ValueError, match="Did you mean 'sigmoid'"):
        LossRule(scores="sigmoids")
    with pytest.raises(ValueError, match="`ratio` must be"):
        LossRule(ratio=-1.0)


ON_JAX = """
import json, sys
import jax, numpy as np
from kerazoo.tasks.detection import boxes as coders, losses, matching

gold = np.load(sys.argv[1])
counts = gold["gt_counts"]
real = np.arange(counts.max()) < counts[:, None]
boxes, classes = np.zeros((*real.shape, 4), "float32"), np.zeros(real.shape, "int32")
boxes[real], classes[real] = gold["gt_boxes"], gold["gt_labels"] - 1


@jax.jit
def targets(boxes, classes, real):
    matches = matching.TORCHVISION(gold["anchors"], boxes, real)
    return matching.make_targets(matches, gold["anchors"], boxes, classes, coders.TORCHVISION)


found = targets(boxes, classes, real)


def total(logits, codes):
    rule = losses.TORCHVISION
    return rule.class_loss(found["classes"], logits) + rule.box_loss(
        found["classes"], found["boxes"], codes
    )


def focal(logits):
    return losses.LossRule(scores="focal").class_loss(found["classes"], logits)


logits, codes = gold["cls_logits"], gold["bbox_regression"]
of_logits, of_codes = jax.jit(jax.grad(total, (0, 1)))(logits, codes)
pairs = {
    "grad_cls_logits": of_logits,
    "grad_bbox_regression": of_codes,
    "focal.grad_cls_logits": jax.jit(jax.grad(focal))(logits[..., 1:]),
    "regression_targets": found["boxes"],
}
far = jax.grad(lambda x: losses.sigmoid_focal(np.zeros(1, "int32"), x)[0])(np.float32([[20.0]]))
print(json.dumps({
    "far": abs(float(far[0, 0]) - 0.75),
    "wrong": int((np.asarray(found["classes"]) != gold["cls_targets"]).sum()),
    **{k: float(np.abs(v - gold[k]).max() / np.abs(gold[k]).max()) for k, v in pairs.items()},
}))
"""


def test_matching_and_losses_on_jax():
    pytest.importorskip("jax")
    done = run_jax(ON_JAX, REFERENCES / "golden/ssd_matching_loss.npz")
    assert done.returncode == 0, done.stderr[-2000:]
    errors = json.loads(done.stdout.splitlines()[-1])
    assert errors.pop("wrong") == 0
    assert max(errors.values()) <= 1e-5, errors
    assert keras.backend.backend() == "tensorflow"
