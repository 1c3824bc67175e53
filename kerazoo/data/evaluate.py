"""From picture bytes to accuracy."""

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kerazoo._errors import invalid
from kerazoo.data.inference import inference_function, picture_preprocessing
from kerazoo.data.sources import Source, load_source
from kerazoo.preprocessing import Preprocessing


@dataclass(frozen=True)
class Evaluation:
    """Accuracy on a data set: `top1` and `top5` in percent, `count` pictures, wall `seconds`."""

    top1: float
    top5: float
    count: int
    seconds: float

    def to_dict(self) -> dict[str, float]:
        """As plain numbers, for JSON."""
        return asdict(self)


def evaluate(
    model: Any,
    dataset: str,
    split: str | None = None,
    *,
    data_dir: str | os.PathLike,
    batch_size: int = 32,
    limit: int | None = None,
    preprocessing: Preprocessing | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Top-1 and top-5 accuracy of a classifier on a TFDS data set that is on disk.

    Every picture goes from its encoded bytes through the model's own preprocessing, in a tf.data
    graph. Scores that tie are ranked by class index, so equal scores earn nothing.

    Args:
        model: A kerazoo model, or any Keras classifier together with `preprocessing`.
        dataset: TFDS name, for instance `"imagenet2012"` or `"cifar10"`.
        split: By default `"validation"`, or `"test"` where there is none.
        data_dir: TFDS folder; nothing is downloaded.
        batch_size: Pictures at a time.
        limit: Only this many pictures, the first ones.
        preprocessing: In place of the model's own.
        progress: Called with (pictures done, pictures in all) after each batch.

    Raises:
        ValueError: Unknown data set or split, a model whose classes are not those of the data
            set, or scores that are not finite.
    """
    for name, value in (("batch_size", batch_size), ("limit", limit)):
        if value is not None and (not isinstance(value, int) or value < 1):
            raise invalid(name, value, "a positive int")
    preprocessing = picture_preprocessing(model, preprocessing)
    source = load_source(dataset, split, data_dir=data_dir)
    _check_classes(model, source)
    total = min(source.count, limit or source.count)
    batches = _batches(source, preprocessing, batch_size, total)
    run = inference_function(model)
    start, done, hits = time.perf_counter(), 0, np.zeros(2, "int64")
    for pictures, labels in batches:
        hits += _hits(run(pictures), labels.numpy())
        done += len(labels)
        if progress:
            progress(done, total)
    top1, top5 = (100 * hits / done).tolist()
    return Evaluation(top1, top5, done, time.perf_counter() - start)


def _check_classes(model: Any, source: Source) -> None:
    shape = model.output_shape
    if not isinstance(shape, tuple) or len(shape) != 2 or shape[1] != len(source.classes):
        rule = f"a classifier of the {len(source.classes)} classes of {source.name!r}"
        raise invalid("model", f"{model.name} with output shape {shape}", rule)
    if model.input_shape[-1] != 3:
        raise invalid("model", f"{model.name} for {model.input_shape[-1]} channels", "for RGB")


def _batches(
    source: Source, preprocessing: Preprocessing, batch_size: int, total: int
) -> tf.data.Dataset:
    def decode(data: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return preprocessing.tf_decode(data), label

    decoded = source.pictures.take(total).map(decode, num_parallel_calls=tf.data.AUTOTUNE)
    return decoded.batch(batch_size).prefetch(2)


def _hits(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How many labels are the first, and among the first five, of their rows of scores."""
    if not np.isfinite(scores).all():
        raise invalid("model", "scores that are NaN or infinite", "one that yields finite scores")
    order = np.argsort(-scores, axis=1, kind="stable")[:, :5] == labels[:, None]
    return np.array([order[:, :1].sum(), order.sum()])
