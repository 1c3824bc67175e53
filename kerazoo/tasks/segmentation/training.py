"""Learning a class for every pixel: masks at the size of the logits, and the losses."""

import logging
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerazoo._errors import invalid
from kerazoo.tasks.segmentation.head import logits_of
from kerazoo.tasks.segmentation.masks import UNSEEN
from kerazoo.tasks.segmentation.survey import class_pixels

log = logging.getLogger("kerazoo")

AUXILIARY_SHARE = 0.4  # of the second head's loss, as torchvision's references have it


def encode(targets: dict[str, Any], model: Any) -> Any:
    """A batch of moved masks as the loss takes them: int32 `(batch, height, width)`.

    Args:
        targets: `"mask"`, uint8 `(batch, height, width)` of the network's input.
        model: The network that learns, where its logits are coarser than its input; with a second
            head there is the same mask for both outputs.
    """
    import tensorflow as tf

    mask = tf.cast(targets["mask"], tf.int32)
    if model is None:
        return mask
    side, own = logits_of(model).shape[1], model.input_shape[1]
    if side is not None and own is not None and side != own:
        size = logits_of(model).shape[1:3]
        mask = tf.image.resize(mask[..., None], size, "nearest")[..., 0]
    outputs = model.output
    return dict.fromkeys(outputs, mask) if isinstance(outputs, dict) else mask


def loss(recipe: Any, model: Any, source: Any = None) -> Any:
    """The loss of the logits, and of a second head's where there is one.

    Args:
        recipe: Its `loss` says which.
        model: The network that learns.
        source: The training pictures, for weights that follow from them.

    Raises:
        ValueError: Another number of weights than of classes, or weights of Dice alone.
    """
    chosen = recipe.loss
    weights = class_weights(chosen.class_weights, source)
    if weights is not None and chosen.name == "dice":
        rule = '"none" with Dice alone, which counts all classes alike'
        raise invalid("loss.class_weights", chosen.class_weights, rule)
    how: dict[str, Any] = {"class_weights": weights}
    if chosen.name is not None:
        how["parts"] = tuple(chosen.name.split(" + "))
    if not isinstance(model.output, dict):
        return SegmentationLoss(**how)
    return {
        name: SegmentationLoss(1.0 if name == "logits" else AUXILIARY_SHARE, **how)
        for name in model.output
    }


def class_weights(wanted: str | Sequence[float], source: Any) -> tuple[float, ...] | None:
    """A number for each class; None where all count alike.

    Args:
        wanted: `class_weights` of a recipe's `[loss]`.
        source: The training pictures.

    Raises:
        ValueError: Another number of weights than of classes.
    """
    if wanted == "none":
        return None
    if isinstance(wanted, str):
        pixels = class_pixels(source)[0][: len(source.classes)]
        weights = 1 / np.log(1.02 + pixels / max(pixels.sum(), 1))
        found = tuple((weights / weights.mean()).round(4).tolist())
        shown = ", ".join(f"{n} {w:.2f}" for n, w in zip(source.classes, found, strict=True))
        log.info("class weights: %s", shown)
        return found
    if len(wanted) != len(source.classes) or not any(wanted):
        rule = f"a number for each of the {len(source.classes)} classes, not all 0"
        raise invalid("loss.class_weights", list(wanted), rule)
    return tuple(wanted)


class SegmentationLoss(keras.losses.Loss):
    """Keras' losses of the pixels that count, added; by default cross-entropy and Dice.

    Cross-entropy alone lets rare classes wait: Dice counts each class that is in the batch alike.

    Args:
        share: What the sum is multiplied by.
        parts: Of `"cross-entropy"`, `"focal"` (Keras' categorical one, gamma 2, without its alpha)
            and `"dice"`.
        class_weights: Of the pixels of each class, in all but Dice; the mean is that of the
            weighted pixels. None: all count alike.
    """

    def __init__(
        self,
        share: float = 1.0,
        parts: Sequence[str] = ("cross-entropy", "dice"),
        class_weights: Sequence[float] | None = None,
        name: str = "segmentation_loss",
    ) -> None:
        super().__init__(name=name, reduction="sum")
        self.share, self.parts, self.class_weights = share, tuple(parts), class_weights

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y_true, y_pred = ops.cast(y_true, "int32"), ops.cast(y_pred, "float32")
        counts = ops.cast(y_true != UNSEEN, "float32")
        known = ops.where(y_true == UNSEEN, 0, y_true)
        return self.share * sum(_PARTS[part](self, known, y_pred, counts) for part in self.parts)

    def _entropy(self, known: Any, y_pred: Any, counts: Any) -> Any:
        each = keras.losses.sparse_categorical_crossentropy(known, y_pred, from_logits=True)
        return self._mean(each, known, counts)

    def _focal(self, known: Any, y_pred: Any, counts: Any) -> Any:
        wanted = ops.one_hot(known, y_pred.shape[-1])
        each = keras.losses.categorical_focal_crossentropy(
            wanted, y_pred, alpha=1.0, gamma=2.0, from_logits=True
        )
        return self._mean(each, known, counts)

    def _dice(self, known: Any, y_pred: Any, counts: Any) -> Any:
        wanted = ops.one_hot(known, y_pred.shape[-1]) * counts[..., None]
        found = ops.softmax(y_pred) * counts[..., None]
        # Of each class over the batch; those that are nowhere in it teach nothing.
        shares = keras.losses.dice(wanted, found, axis=(0, 1, 2))
        there = ops.cast(ops.sum(wanted, axis=(0, 1, 2)) > 0, "float32")
        return ops.sum(shares * there) / ops.maximum(ops.sum(there), 1.0)

    def _mean(self, each: Any, known: Any, counts: Any) -> Any:
        if self.class_weights is not None:
            weights = ops.convert_to_tensor(self.class_weights, "float32")
            counts = counts * ops.take(weights, known, axis=0)
        return ops.sum(each * counts) / ops.maximum(ops.sum(counts), 1e-6)


_PARTS = {
    "cross-entropy": SegmentationLoss._entropy,
    "focal": SegmentationLoss._focal,
    "dice": SegmentationLoss._dice,
}
