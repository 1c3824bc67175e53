"""Real pictures that show a quantiser the range of every activation."""

import logging
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerazoo._errors import invalid
from kerazoo.data.pipeline import evaluation_batches
from kerazoo.data.source import Source
from kerazoo.picture_lists import find_pictures
from kerazoo.pictures import as_picture
from kerazoo.preprocessing import Preprocessing

LIMIT = 300  # NNCF's default
FEW = 32  # below which ranges are those of the pictures rather than of what will be seen
_EXCESS = 3.0
_BATCH = 16
_log = logging.getLogger("kerazoo")


def representative_pictures(
    given: Any,
    preprocessing: Preprocessing | None,
    shape: tuple[int | None, ...],
    limit: int = LIMIT,
) -> np.ndarray:
    """What `export(representative=…)` was given, as inputs of the network.

    Args:
        given: Inputs as they are, float `(count, height, width, channels)`; pictures, uint8 with
            values 0 to 255, of any size; a folder, file or glob, or several of them; or a
            `kerazoo.data.source.Source`.
        preprocessing: For everything but float arrays.
        shape: `(height, width, channels)` of the network's input.
        limit: Pictures at most.

    Returns:
        float32 `(count, height, width, channels)`, at most `limit`, evenly spread over those given
        (of a `Source` the first ones).

    Raises:
        ValueError: Nothing is given, none is found, or they do not fit the network.
        PictureError: A file is not a picture.
    """
    if given is None:
        rule = (
            "given for int8: some hundred real pictures (a folder, files, an array or a "
            "`kerazoo.data` Source; --representative or --data)"
        )
        raise invalid("representative", None, rule)
    if isinstance(given, np.ndarray) and given.dtype.kind == "f":
        pictures = _spread(given, limit).astype("float32")
    elif preprocessing is None:
        rule = "given for pictures to calibrate with: the model does not carry its own"
        raise invalid("preprocessing", None, rule)
    else:
        pictures = _prepared(given, preprocessing, limit)
    fits = pictures.ndim == 4 and all(
        wanted in (None, found) for wanted, found in zip(shape, pictures.shape[1:], strict=True)
    )
    if not fits or not len(pictures):
        raise invalid("representative", pictures.shape, f"pictures of shape (count, *{shape})")
    if not np.isfinite(pictures).all():
        raise invalid("representative", "an array with NaN or infinity", "finite")
    return pictures


def tell_few(pictures: int) -> None:
    """A warning where there are fewer than calibration takes."""
    if pictures < FEW:
        _log.warning(
            "int8 ranges are found with %d of %d or more pictures that are wanted: what lies "
            "outside of them is cut off, and accuracy may fall by points.",
            *(pictures, FEW),
        )


def _prepared(given: Any, preprocessing: Preprocessing, limit: int) -> np.ndarray:
    if isinstance(given, Source):
        batches = evaluation_batches(given, preprocessing, _BATCH, min(given.count, limit))
        return np.concatenate([x.numpy() for x, _ in batches])
    if isinstance(given, np.ndarray):
        if given.dtype != np.uint8 or given.ndim != 4:
            rule = "float inputs or uint8 pictures, (count, height, width, channels)"
            raise invalid("representative", f"{given.dtype} {given.shape}", rule)
        return _prepare(_spread(given, limit), preprocessing)
    if not isinstance(given, str | os.PathLike | Sequence):
        raise invalid("representative", given, "paths, an array or a `kerazoo.data` Source")
    paths = find_pictures([given] if isinstance(given, str | os.PathLike) else given)
    return _prepare(_spread(paths, limit), preprocessing)


def _prepare(pictures: Any, preprocessing: Preprocessing) -> np.ndarray:
    prepared = [preprocessing.from_pil(as_picture(picture)) for picture in pictures]
    return np.stack(prepared) if prepared else np.zeros((0, 0, 0, 0), "float32")


def _spread(items: Any, limit: int) -> Any:
    if len(items) <= limit:
        return items
    chosen = np.linspace(0, len(items) - 1, limit).round().astype(int)
    return items[chosen] if isinstance(items, np.ndarray) else [items[i] for i in chosen]


def without_outliers(model: Any, pictures: np.ndarray) -> np.ndarray:
    """The pictures without those that excite a layer three times as much as the median one does.

    LiteRT's converter takes the extremes of all pictures as the range. With the MixNet-S trained
    here on CIFAR-10, one picture of 300 drives the last layers to 700 where the median one stays
    under 1: its range leaves all others a few of the 256 levels, and int8 accuracy falls
    from 85 to 13 %. Networks with bounded activations lose few or no pictures here.

    At least half of the pictures stay.
    """
    import keras
    import tensorflow as tf

    outputs = [
        layer.output
        for layer in model.layers
        if not isinstance(layer, keras.layers.InputLayer)
        and isinstance(layer.output, keras.KerasTensor)
    ]
    probe = keras.Model(model.inputs[0], outputs)

    @tf.function(autograph=False)
    def peaks(x):
        flat = [tf.reshape(tf.abs(y), (tf.shape(y)[0], -1)) for y in probe(x, training=False)]
        return tf.stack([tf.reduce_max(y, axis=1) for y in flat], axis=1)

    found = [peaks(pictures[i : i + _BATCH]).numpy() for i in range(0, len(pictures), _BATCH)]
    peak = np.concatenate(found)
    excess = (peak / np.maximum(np.median(peak, axis=0), 1e-6)).max(axis=1)
    keep = excess <= max(_EXCESS, np.median(excess))
    if not keep.all():
        _log.info("calibrating without %d of %d outliers", (~keep).sum(), len(keep))
    return pictures[keep]
