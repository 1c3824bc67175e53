"""What a network says of every picture of a source, and figures of how well it does.

For any network and any source of pictures of its task, such as these of yours:

>>> source = open_source("cifar10", "test", data_dir="~/tensorflow_datasets")  # doctest: +SKIP
>>> draw_figures(model, source, "figures")  # doctest: +SKIP
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._checks import check_int, checked
from kerazoo.data.corrupt import find_corrupt
from kerazoo.data.source import Source
from kerazoo.evaluation import output_batches
from kerazoo.prediction import open_predictor
from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks import get_task


@checked("source", "preprocessing", "progress")
def collect_answers(
    model: Any,
    source: Source,
    *,
    preprocessing: Preprocessing | None = None,
    batch_size: int = 32,
    limit: int | None = None,
    on_corrupt: str = "fail",
    progress: Callable[[int, int], None] | None = None,
) -> Any:
    """Runs a network on pictures and keeps all that it says.

    Args:
        model: A kerazoo model, any Keras model of the task together with `preprocessing`, or a
            `Predictor` of one.
        source: The pictures, as `kerazoo.data.open.open_source` opens them.
        preprocessing: In place of the model's own.
        batch_size: Pictures at a time.
        limit: Only this many pictures, the first ones.
        on_corrupt: `"fail"`, or `"skip"` to leave out pictures that cannot be decoded.
        progress: Called with (pictures done, pictures in all) after each batch.

    Returns:
        What the task gathers, see `kerazoo.tasks.learning.Answers`.

    Raises:
        ValueError, PictureError: As `kerazoo.evaluate`.
    """
    task, done = get_task(source.task), 0

    def count(now: int, total: int) -> None:
        nonlocal done
        done = now
        if progress:
            progress(now, total)

    predictor = open_predictor(model, preprocessing=preprocessing)
    batches = output_batches(
        predictor,
        source,
        batch_size=batch_size,
        limit=limit,
        progress=count,
        on_corrupt=on_corrupt,
    )
    batches = list(batches)  # so that they are counted
    total = min(source.count, limit or source.count)
    indices = np.arange(total)
    if done < total:
        indices = np.delete(indices, [each.index for each in find_corrupt(source, total)])
    return task.gather(batches, source, indices, predictor)


@checked("source", "folder")
def draw_figures(
    model: Any, source: Source, folder: str | os.PathLike, *, count: int = 12, **options: Any
) -> Any:
    """Runs `model` over `source` and leaves the task's figures in `folder`.

    Args:
        model: As for `collect_answers`.
        source: Pictures and their targets.
        folder: Where to; made if needed, and older figures are replaced.
        count: How many mistakes to show.
        **options: For `collect_answers`: `preprocessing`, `batch_size`, `limit`, `on_corrupt`,
            `progress`.

    Returns:
        What `collect_answers` gathered, with the figure that counts as `headline`.
    """
    check_int("count", count)
    answers = collect_answers(model, source, **options)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    get_task(source.task).draw_figures(answers, folder, count)
    return answers
