"""Pictures with boxes that TFDS has prepared, as `coco/2017` and `voc/2007` are.

TFDS keeps a box as shares of the picture as it is stored: ymin, xmin, ymax, xmax. A picture that
its EXIF data turn would not fit its boxes.
"""

from typing import Any

import tensorflow as tf

from kerazoo.data.boxes.annotated import EMPTY, TASK
from kerazoo.data.source import Source

MOST = 256  # boxes of a picture: rows of a batch have one shape; COCO has 93 at the most
_CROWD = ("is_crowd", "is_difficult")  # COCO's name and VOC's


def has_boxes(features: dict[str, Any]) -> bool:
    """Whether features of a TFDS set are pictures with boxes and their classes."""
    objects = getattr(features.get("objects"), "feature", None)
    return objects is not None and {"bbox", "label"} <= set(objects)


def prepared_source(
    name: str, split: str, features: dict[str, Any], rows: tf.data.Dataset, count: int
) -> Source:
    """The pictures of a split as a `Source`; they come in a stream.

    Args:
        name, split: For the source.
        features: Of the set, for which `has_boxes`.
        rows: As TFDS reads them, `image` encoded.
        count: Of the pictures.

    Raises (when read):
        tf.errors.InvalidArgumentError: A picture with more than `MOST` boxes.
    """
    classes = tuple(features["objects"].feature["label"].names)
    return Source(name, split, TASK, classes, count, rows.map(_row))


def _row(row: dict[str, Any]) -> tuple[tf.Tensor, dict[str, Any]]:
    size = _size(row["image"])
    objects = row["objects"]
    sides = tf.cast(tf.stack([size[1], size[0], size[1], size[0]]), tf.float32)
    boxes = tf.gather(objects["bbox"], [1, 0, 3, 2], axis=1) * sides
    # What has no area can be neither learned nor found.
    there = tf.reduce_all(boxes[:, 2:] > boxes[:, :2], axis=1)
    boxes = tf.boolean_mask(boxes, there)
    labels = tf.cast(tf.boolean_mask(objects["label"], there), tf.int64)
    crowd = tf.zeros_like(labels, tf.bool)
    for key in _CROWD:
        if key in objects:
            crowd |= tf.boolean_mask(objects[key], there)
    areas = tf.reduce_prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    if "area" in objects:  # COCO's, of the outline
        areas = tf.cast(tf.boolean_mask(objects["area"], there), tf.float32)
    target = {
        "boxes": _padded(boxes, 0.0),
        "classes": _padded(labels, EMPTY),
        "crowd": _padded(crowd, False),
        "areas": _padded(areas, 0.0),
        "size": size,
    }
    return row["image"], target


def _padded(values: tf.Tensor, fill: Any) -> tf.Tensor:
    with tf.control_dependencies(
        [tf.debugging.assert_less_equal(tf.shape(values)[0], MOST, "Too many boxes in a picture.")]
    ):
        margin = [[0, MOST - tf.shape(values)[0]], *[[0, 0]] * (len(values.shape) - 1)]
    padded = tf.pad(values, margin, constant_values=tf.cast(fill, values.dtype))
    return tf.ensure_shape(padded, (MOST, *values.shape[1:]))


def _size(data: tf.Tensor) -> tf.Tensor:
    """Height and width of an encoded picture, int32 `(2,)`; of a JPEG without decoding it."""
    found = tf.cond(
        tf.io.is_jpeg(data),
        lambda: tf.image.extract_jpeg_shape(data)[:2],
        lambda: tf.shape(tf.io.decode_image(data, expand_animations=False))[:2],
    )
    return tf.ensure_shape(found, (2,))
