"""Learning a class for every pixel: masks at the size of the logits, and the losses."""

from typing import Any

import keras
from keras import ops

from kerazoo.tasks.segmentation.head import logits_of
from kerazoo.tasks.segmentation.masks import UNSEEN

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


def loss(model: Any) -> Any:
    """The loss of the logits, and of a second head's where there is one."""
    if not isinstance(model.output, dict):
        return SegmentationLoss()
    return {
        name: SegmentationLoss(1.0 if name == "logits" else AUXILIARY_SHARE)
        for name in model.output
    }


class SegmentationLoss(keras.losses.Loss):
    """Keras' cross-entropy and Dice loss of the pixels that count, added.

    Cross-entropy alone lets rare classes wait: Dice counts each class that is in the batch alike.

    Args:
        share: What the sum is multiplied by.
    """

    def __init__(self, share: float = 1.0, name: str = "segmentation_loss") -> None:
        super().__init__(name=name, reduction="sum")
        self.share = share

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y_true, y_pred = ops.cast(y_true, "int32"), ops.cast(y_pred, "float32")
        counts = ops.cast(y_true != UNSEEN, "float32")
        known = ops.where(y_true == UNSEEN, 0, y_true)
        entropy = keras.losses.sparse_categorical_crossentropy(known, y_pred, from_logits=True)
        total = ops.maximum(ops.sum(counts), 1.0)
        entropy = ops.sum(entropy * counts) / total
        wanted = ops.one_hot(known, y_pred.shape[-1]) * counts[..., None]
        found = ops.softmax(y_pred) * counts[..., None]
        # Of each class over the batch; those that are nowhere in it teach nothing.
        shares = keras.losses.dice(wanted, found, axis=(0, 1, 2))
        there = ops.cast(ops.sum(wanted, axis=(0, 1, 2)) > 0, "float32")
        dice = ops.sum(shares * there) / ops.maximum(ops.sum(there), 1.0)
        return self.share * (entropy + dice)
