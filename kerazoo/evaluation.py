"""From picture bytes to accuracy."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kerazoo._errors import invalid
from kerazoo.data.corrupt import find_corrupt, picture_error
from kerazoo.data.pipeline import evaluation_batches
from kerazoo.data.source import Source
from kerazoo.data.tfds import tfds_source
from kerazoo.inference import inference_function, picture_preprocessing
from kerazoo.preprocessing import Preprocessing

_log = logging.getLogger("kerazoo")


@dataclass(frozen=True)
class Evaluation:
    """Accuracy on a data set: `top1` and `top5` in percent, `count` pictures, wall `seconds`."""

    top1: float
    top5: float
    count: int
    seconds: float

    @property
    def headline(self) -> float:
        """Top-1 as a share of 1."""
        return self.top1 / 100

    def to_dict(self) -> dict[str, float]:
        """As plain numbers, for JSON."""
        return asdict(self)


def evaluate(
    model: Any,
    dataset: str | Source,
    split: str | None = None,
    *,
    data_dir: str | os.PathLike | None = None,
    batch_size: int = 32,
    limit: int | None = None,
    preprocessing: Preprocessing | None = None,
    progress: Callable[[int, int], None] | None = None,
    on_corrupt: str = "fail",
) -> Evaluation:
    """Top-1 and top-5 accuracy of a classifier on a TFDS data set that is on disk, or your own.

    Every picture goes from its encoded bytes through the model's own preprocessing, in a tf.data
    graph. Scores that tie are ranked by class index, so equal scores earn nothing.

    Args:
        model: A kerazoo model, or any Keras classifier together with `preprocessing`.
        dataset: TFDS name, for instance `"imagenet2012"` or `"cifar10"`, or a `Source`
            (`kerazoo.data.folder` makes them of folders, CSV files and arrays).
        split: By default `"validation"`, or `"test"` where there is none. A `Source` has its own.
        data_dir: TFDS folder, for a name; nothing is downloaded.
        batch_size: Pictures at a time.
        limit: Only this many pictures, the first ones.
        preprocessing: In place of the model's own.
        progress: Called with (pictures done, pictures in all) after each batch.
        on_corrupt: `"fail"`, or `"skip"` to leave pictures that cannot be decoded out of the
            count; a warning names them.

    Raises:
        ValueError: Unknown data set or split, a model whose classes are not those of the data
            set, or scores that are not finite.
        PictureError: A picture cannot be decoded (with `"skip"`: none of them can).
    """
    _check_counts(batch_size, limit)
    source = _source(dataset, split, data_dir)
    start, done, hits = time.perf_counter(), 0, np.zeros(2, "int64")
    for scores, labels in scored_batches(
        model,
        source,
        preprocessing=preprocessing,
        batch_size=batch_size,
        limit=limit,
        progress=progress,
        on_corrupt=on_corrupt,
    ):
        hits += _hits(scores, labels)
        done += len(labels)
    top1, top5 = (100 * hits / done).tolist()
    return Evaluation(top1, top5, done, time.perf_counter() - start)


def scored_batches(
    model: Any,
    source: Source,
    *,
    preprocessing: Preprocessing | None = None,
    batch_size: int = 32,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    on_corrupt: str = "fail",
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """`(scores, labels)` of a classifier, batch by batch in the order of `source`.

    Scores are float `(batch, classes)`, as the model gives them; labels int64 `(batch,)`. The
    arguments, and what is raised, are those of `evaluate`.
    """
    _check_counts(batch_size, limit)
    preprocessing = picture_preprocessing(model, preprocessing)
    _check_classes(model, source)
    total = min(source.count, limit or source.count)
    batches = evaluation_batches(source, preprocessing, batch_size, total, on_corrupt=on_corrupt)
    run, done = inference_function(model), 0
    try:
        for pictures, labels in batches:
            scores = run(pictures)
            if not np.isfinite(scores).all():
                rule = "one that yields finite scores"
                raise invalid("model", "scores that are NaN or infinite", rule)
            yield scores, labels.numpy()
            done += len(labels)
            if progress:
                progress(done, total)
    except tf.errors.OpError as error:
        if not (found := find_corrupt(source, total)):
            raise
        raise picture_error(found) from error
    if done < total:
        found = picture_error(find_corrupt(source, total))
        if not done:
            raise found
        _log.warning("%s They do not count.", found)


def _check_counts(batch_size: Any, limit: Any) -> None:
    """Raises `ValueError` where one of them is neither a positive int nor, for `limit`, None."""
    for name, value in (("batch_size", batch_size), ("limit", limit)):
        if (value is not None or name != "limit") and (not isinstance(value, int) or value < 1):
            raise invalid(name, value, "a positive int")


def _check_classes(model: Any, source: Source) -> None:
    shape = model.output_shape
    if not isinstance(shape, tuple) or len(shape) != 2 or shape[1] != len(source.classes):
        rule = f"a classifier of the {len(source.classes)} classes of {source.name!r}"
        raise invalid("model", f"{model.name} with output shape {shape}", rule)
    if model.input_shape[-1] != 3:
        raise invalid("model", f"{model.name} for {model.input_shape[-1]} channels", "for RGB")


def _source(dataset: Any, split: str | None, data_dir: Any) -> Source:
    if isinstance(dataset, Source):
        if split is not None:
            raise invalid("split", split, "None: the source is a split already")
        return dataset
    if data_dir is None:
        raise invalid("data_dir", None, "a folder, for a data set that is given by name")
    return tfds_source(dataset, split, data_dir=data_dir)


def _hits(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How many labels are the first, and among the first five, of their rows of scores."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :5] == labels[:, None]
    return np.array([order[:, :1].sum(), order.sum()])
