"""Losses of SSD: classes over positives and hard negatives, boxes over positives.

Everything here is `keras.ops`. Targets are those of `matching.make_targets`: classes `(batch, A)`
with 0 for background and -1 for anchors that count for nothing, box codes `(batch, A, 4)`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kerazoo._face import Late
from kerazoo._fields import Record, field
from kerazoo._rules import choice, integer, number

if TYPE_CHECKING:
    import keras
    from keras import ops
else:
    keras, ops = Late("keras"), Late("keras.ops")


def smooth_l1(targets: Any, codes: Any) -> Any:
    """Sum of smooth L1 (beta 1) over the four numbers of each box: `(…, 4)` to `(…)`."""
    return 4.0 * keras.losses.huber(targets, codes, delta=1.0)  # Keras takes the mean of the four


def cross_entropy(classes: Any, logits: Any) -> Any:
    """Softmax cross-entropy at each anchor: `(…)` and `(…, outputs)` to `(…)`."""
    return ops.sparse_categorical_crossentropy(ops.maximum(classes, 0), logits, from_logits=True)


def sigmoid_cross_entropy(classes: Any, logits: Any) -> Any:
    """Sum over outputs of sigmoid cross-entropy, background being an output like others."""
    wanted = ops.one_hot(ops.maximum(classes, 0), logits.shape[-1], dtype=logits.dtype)
    return ops.sum(ops.binary_crossentropy(wanted, logits, from_logits=True), axis=-1)


def sigmoid_focal(classes: Any, logits: Any, alpha: float = 0.25, gamma: float = 2.0) -> Any:
    """Sum over outputs of the focal loss (RetinaNet, arXiv 1708.02002) at each anchor.

    `keras.losses.BinaryFocalCrossentropy` takes the sigmoid first and clips it at 1e-7: on JAX a
    logit of 17 on the wrong side has no gradient, and it is the one that matters most (TensorFlow's
    backend finds the logits again).

    Args:
        classes: `(…)`; class c + 1 belongs to output c, background has no output.
        logits: `(…, outputs)`.
        alpha: Weight of an object; 1 - alpha that of none.
        gamma: How much less what is easy counts.
    """
    # One-hot of -1 is zeros.
    wanted = ops.one_hot(classes - 1, logits.shape[-1], dtype=logits.dtype)
    score = ops.sigmoid(logits)
    wrong = score + wanted - 2.0 * score * wanted  # 1 - score of what is wanted
    weight = alpha * wanted + (1.0 - alpha) * (1.0 - wanted)
    loss = ops.binary_crossentropy(wanted, logits, from_logits=True)
    return ops.sum(weight * ops.power(wrong, gamma) * loss, axis=-1)


def hard_negatives(ranking: Any, classes: Any, ratio: float = 3.0, minimum: int = 0) -> Any:
    """The negatives that a network gets most wrong, in each picture.

    Args:
        ranking: `(batch, A)`; the largest are taken.
        classes: `(batch, A)` targets.
        ratio: Negatives for each positive of the picture.
        minimum: Negatives of a picture at least, also where it has no positive.

    Returns:
        bool `(batch, A)`. No gradient runs through it.
    """
    candidates = classes == 0
    positives = ops.sum(ops.cast(classes > 0, "float32"), axis=-1, keepdims=True)
    quota = ops.maximum(ratio * positives, float(minimum))
    ranking = ops.stop_gradient(ops.where(candidates, ops.cast(ranking, "float32"), -float("inf")))
    rank = ops.argsort(ops.argsort(-ranking, axis=-1), axis=-1)
    return ops.logical_and(candidates, ops.cast(rank, "float32") < quota)


def positives_of(classes: Any) -> Any:
    """Number of positives in a batch, at least 1: what both losses are divided by."""
    return ops.maximum(ops.sum(ops.cast(classes > 0, "float32")), 1.0)


SCORES = {"softmax": cross_entropy, "sigmoid": sigmoid_cross_entropy, "focal": sigmoid_focal}


@dataclass(frozen=True)
class LossRule(Record):
    """Which losses a source trains with.

    Args:
        scores: `"softmax"`, `"sigmoid"` or `"focal"` (no negatives are mined).
        ranking: Hard negatives by their own `"loss"`, or by how little they say `"background"`
            (under softmax the two are the same for a negative).
        ratio: Negatives for each positive.
        minimum: Negatives of a picture at least.
    """

    scores: str = field(choice(*SCORES), "softmax")
    ranking: str = field(choice("loss", "background"), "loss")
    ratio: float = field(number(least=0), 3.0)
    minimum: int = field(integer(0), 0)

    def used(self, classes: Any, logits: Any) -> Any:
        """bool `(batch, A)`: anchors whose class loss counts."""
        if self.scores == "focal":
            return classes >= 0
        if self.ranking == "background":
            ranking = -ops.log_softmax(logits, axis=-1)[..., 0]
        else:
            ranking = SCORES[self.scores](classes, logits)
        mined = hard_negatives(ranking, classes, self.ratio, self.minimum)
        return ops.logical_or(classes > 0, mined)

    def class_loss(self, classes: Any, logits: Any) -> Any:
        """A number: the batch's class loss over its positives."""
        classes = ops.cast(classes, "int32")
        loss = SCORES[self.scores](classes, logits)
        used = ops.cast(self.used(classes, logits), loss.dtype)
        return ops.sum(loss * used) / ops.cast(positives_of(classes), loss.dtype)

    def box_loss(self, classes: Any, targets: Any, codes: Any) -> Any:
        """A number: the batch's box loss over its positives."""
        loss = smooth_l1(targets, codes)
        positive = ops.cast(classes > 0, loss.dtype)
        return ops.sum(loss * positive) / ops.cast(positives_of(classes), loss.dtype)


# torchvision's SSD and SSDLite.
TORCHVISION = LossRule()
# EdgeNets and pytorch-ssd; it orders negatives as torchvision does, and so equals it.
EDGENETS = LossRule(ranking="background")
# TensorFlow Object Detection API. Its miner also leaves out an example that overlaps a harder one
# by 0.99, and stops at 3000: neither is done here.
TENSORFLOW = LossRule(scores="sigmoid", minimum=3)
