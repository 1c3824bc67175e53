"""From picture bytes to the figures of a task."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from kerazoo._checks import check_choice, check_int, checked
from kerazoo._errors import invalid
from kerazoo.data.corrupt import find_corrupt, picture_error
from kerazoo.data.open import open_source
from kerazoo.data.pipeline import evaluation_batches
from kerazoo.data.source import Source
from kerazoo.pictures import PictureError
from kerazoo.prediction import open_predictor
from kerazoo.predictor import Predictor
from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks.learning import Result
from kerazoo.tiling import check_tiles

_log = logging.getLogger("kerazoo")


@checked("data", "split", "data_dir", "weights", "like", "runtime", "preprocessing", "progress")
def evaluate(
    what: Any,
    data: str | os.PathLike | Source,
    split: str | None = None,
    *,
    data_dir: str | os.PathLike | None = None,
    weights: str | os.PathLike | None = None,
    size: int | None = None,
    like: str | None = None,
    runtime: str | None = None,
    batch_size: int = 32,
    limit: int | None = None,
    preprocessing: Preprocessing | None = None,
    progress: Callable[[int, int], None] | None = None,
    on_corrupt: str = "fail",
    tiles: int | None = None,
) -> Result:
    """How well a network does on a data set that is on disk, in the figures of its task.

    Every picture goes from its encoded bytes through the network's own preprocessing, in a tf.data
    graph.

    Args:
        what: A network, as `kerazoo.predict` takes it: any name that kerazoo knows, an exported
            file, a kerazoo model, or any Keras classifier together with `preprocessing`.
        data: TFDS name, for instance `"imagenet2012"` or `"cifar10"`, with `data_dir`; a folder of
            pictures or a CSV file; or a `Source`, as `kerazoo.data.open.open_source` opens them.
        split: By default the one that is held out: `"validation"`, or `"test"` where there is none.
            A `Source` has its own.
        data_dir: TFDS folder, for a name; nothing is downloaded.
        weights, size, like, runtime: As for `kerazoo.predict`.
        batch_size: Pictures at a time.
        limit: Only this many pictures, the first ones.
        preprocessing: In place of the network's own.
        progress: Called with (pictures done, pictures in all) after each batch.
        on_corrupt: `"fail"`, or `"skip"` to leave pictures that cannot be decoded out of the
            count; a warning names them.
        tiles: As for `kerazoo.predict`: each picture is looked at in tiles too, prepared as there.

    Returns:
        What the task's meter measured, with `count`, `seconds` and `to_dict()`; `str()` of it is a
        line for people. Of classification `top1` and `top5` in percent
        (`kerazoo.tasks.classification.meter.Accuracy`).

    Raises:
        ValueError: Unknown network, data set or split, a network whose classes are not those of
            the data set, or outputs that are not finite.
        PictureError: A picture cannot be decoded (with `"skip"`: none of them can).
    """
    _check_counts(batch_size, limit)
    # Before the network: a typo should not cost its loading.
    source = _source(data, split, data_dir)
    options = {"weights": weights, "size": size, "like": like, "runtime": runtime}
    predictor = open_predictor(what, preprocessing=preprocessing, **options)
    if source.task != predictor.task.name and source is not data:
        # A folder may hold what either task needs.
        source = _source(data, split, data_dir, predictor.task.name)
    check_tiles(tiles, predictor.task)
    start, meter = time.perf_counter(), predictor.task.meter(source, predictor)
    for outputs, targets in output_batches(
        predictor,
        source,
        batch_size=batch_size,
        limit=limit,
        progress=progress,
        on_corrupt=on_corrupt,
        tiles=tiles,
    ):
        meter.update(outputs, targets)
    return meter.result(time.perf_counter() - start)


def output_batches(
    what: Any,
    source: Source,
    *,
    preprocessing: Preprocessing | None = None,
    batch_size: int = 32,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    on_corrupt: str = "fail",
    tiles: int | None = None,
) -> Iterator[tuple[dict[str, np.ndarray], Any]]:
    """`(outputs, targets)` of a network, batch by batch in the order of `source`.

    Outputs are float arrays by name, as the network gives them, the batch first; targets are NumPy
    arrays in the structure of the source's. The arguments, and what is raised, are those of
    `evaluate`.
    """
    _check_counts(batch_size, limit)
    predictor = open_predictor(what, preprocessing=preprocessing)
    _check_fits(predictor, source)
    assert predictor.preprocessing is not None  # `_check_fits` has raised otherwise
    total = min(source.count, limit or source.count)
    if tiles is not None:
        yield from _tiled(predictor, source, total, tiles, progress, on_corrupt)
        return
    batches = evaluation_batches(
        source, predictor.preprocessing, batch_size, total, on_corrupt=on_corrupt
    )
    done = 0
    try:
        for pictures, targets in batches:
            outputs = predictor.outputs(pictures.numpy())
            for name, values in outputs.items():
                if not np.isfinite(values).all():
                    rule = f"one that yields finite {name}"
                    raise invalid("model", f"{name} that are NaN or infinite", rule)
            yield outputs, tf.nest.map_structure(lambda y: y.numpy(), targets)
            done += len(pictures)
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


def _tiled(
    predictor: Predictor,
    source: Source,
    total: int,
    tiles: int,
    progress: Callable[[int, int], None] | None,
    on_corrupt: str,
) -> Iterator[tuple[dict[str, np.ndarray], Any]]:
    """`output_batches` of one picture each, which are prepared as for predictions."""
    check_choice("on_corrupt", on_corrupt, ("fail", "skip"))
    left_out = []
    for done, (data, target) in enumerate(source.pictures.take(total).prefetch(2), start=1):
        picture = data.numpy()
        try:
            _, outputs = predictor.tiled(picture, tiles)
        except PictureError as error:
            if on_corrupt == "fail":
                raise
            left_out.append(error)
            if len(left_out) == total:
                raise
        else:
            yield outputs, tf.nest.map_structure(lambda y: y.numpy()[None], target)
        if progress:
            progress(done, total)
    for error in left_out:
        _log.warning("%s It does not count.", error)


def _check_counts(batch_size: Any, limit: Any) -> None:
    check_int("batch_size", batch_size)
    check_int("limit", limit, optional=True)


def _check_fits(predictor: Predictor, source: Source) -> None:
    if predictor.task.name != source.task:
        rule = f"for {source.task}, as {source.name!r} is"
        raise invalid("model", f"{predictor.name}, for {predictor.task.name}", rule)
    if predictor.preprocessing is None:
        rule = f"given: {predictor.name} does not carry its own"
        raise invalid("preprocessing", None, rule)
    if predictor.model is not None:  # of a file, the first batch tells
        predictor.task.check(predictor.model, source)


def _source(data: Any, split: str | None, data_dir: Any, task: str | None = None) -> Source:
    if isinstance(data, Source):
        if split is not None:
            raise invalid("split", split, "None: the source is a split already")
        return data
    return open_source(data, split, data_dir=data_dir, purpose="evaluate", task=task)
