"""Where an `"objects"` crop lies: zoomed out by chance, then a part that shows something.

W. Liu et al., "SSD: Single Shot MultiBox Detector" (arXiv 1512.02325), sections 2.2 and 3.6.
"""

from typing import Any

import tensorflow as tf

from kerazoo.data.augmentation import Augmentation

# Least IoU of the crop with an object; beyond 1 stands for the whole picture.
OVERLAPS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
TRIES = 50  # of one overlap each; torchvision tries 40 for each in turn


def chosen_window(
    shape: tf.Tensor, record: Augmentation, seeds: Any, regions: Any, ratio: float | None
) -> tf.Tensor:
    """Top, left, height and width, int32 `(4,)`, in pixels of the picture; it may reach beyond it.

    Args:
        shape: Height and width of the picture.
        record: What is wanted.
        seeds: Has `next()`, a seed for each random operation.
        regions: float32 `(n, 4)`, x1, y1, x2, y2: what there is to be seen; those without area do
            not count. None without a crop.
        ratio: Width to height that the window shall have; None for any.
    """
    sides = tf.cast(shape, tf.float32)
    corner, ground = _ground(sides, record, seeds.next())
    if record.crop == "objects":
        moved = regions - tf.tile(corner[::-1], [2])
        part = _part(ground, moved, record, seeds)
        corner, ground = corner + part[:2], part[2:]
    if ratio is not None:
        wanted = tf.stack(
            [tf.maximum(ground[0], ground[1] / ratio), tf.maximum(ground[1], ground[0] * ratio)]
        )
        corner, ground = corner - (wanted - ground) / 2, wanted
    # Some of the picture is in it, whatever was drawn.
    first = tf.minimum(tf.cast(tf.round(corner), tf.int32), shape - 1)
    last = tf.maximum(tf.cast(tf.round(corner + ground), tf.int32), tf.maximum(first, 0) + 1)
    return tf.concat([first, last - first], 0)


def _ground(sides: tf.Tensor, record: Augmentation, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Corner, in the picture, and sides of the ground that it lies on; both `(2,)`, y first."""
    draws = tf.random.stateless_uniform((4,), seed)
    larger = 1 + draws[0] * (record.zoom_out_side - 1)
    larger = tf.where(draws[1] < record.zoom_out, larger, 1.0)
    return -(larger - 1) * sides * draws[2:], sides * larger


def _part(ground: tf.Tensor, regions: tf.Tensor, record: Augmentation, seeds: Any) -> tf.Tensor:
    """Top, left, height and width, float32 `(4,)`, of a part of a ground; all of it by chance."""
    least = record.area[0] ** 0.5
    draws = tf.random.stateless_uniform((TRIES, 4), seeds.next())
    shares = least + draws[:, :2] * (record.area[1] ** 0.5 - least)
    corners = draws[:, 2:] * (1 - shares)
    windows = tf.concat([corners, corners + shares], 1) * tf.tile(ground, [2])  # y1, x1, y2, x2
    form = shares[:, 1] / shares[:, 0]
    fits = (form >= record.ratio[0]) & (form <= record.ratio[1])
    boxes = tf.gather(regions, [1, 0, 3, 2], axis=1)
    boxes = tf.boolean_mask(boxes, tf.reduce_all(boxes[:, 2:] > boxes[:, :2], 1))
    chosen = tf.random.stateless_uniform((TRIES + 1,), seeds.next(), 0, len(OVERLAPS) + 1, tf.int32)
    overlaps = tf.gather(tf.constant((*OVERLAPS, 2.0)), chosen[:-1])
    fits &= _shows(windows, boxes, overlaps) | (tf.shape(boxes)[0] == 0)
    whole = tf.concat([[0.0, 0.0], ground], 0)
    first = windows[tf.argmax(tf.cast(fits, tf.int32))]
    any_fits = tf.reduce_any(fits) & (chosen[-1] < len(OVERLAPS))
    window = tf.where(any_fits, first, whole)
    return tf.concat([window[:2], window[2:] - window[:2]], 0)


def _shows(windows: tf.Tensor, boxes: tf.Tensor, overlaps: tf.Tensor) -> tf.Tensor:
    """Whether each window has by its IoU some of the boxes whose centres lie in it: bool `(n,)`."""
    one, other = windows[:, None], boxes[None]
    centres = (other[..., :2] + other[..., 2:]) / 2
    within = tf.reduce_all((centres > one[..., :2]) & (centres < one[..., 2:]), -1)
    sides = tf.minimum(one[..., 2:], other[..., 2:]) - tf.maximum(one[..., :2], other[..., :2])
    shared = tf.reduce_prod(tf.maximum(sides, 0.0), -1)
    areas = (tf.reduce_prod(each[..., 2:] - each[..., :2], -1) for each in (one, other))
    iou = shared / tf.maximum(sum(areas) - shared, 1e-9)
    best = tf.reduce_max(tf.where(within, iou, -1.0), 1)
    return best >= overlaps
