"""What the explorer plots: one point for each model and data set, from the catalogue alone."""

from collections.abc import Iterable, Mapping
from typing import Any

from kerazoo._errors import invalid
from kerazoo.checkpoints.records import Checkpoint, checkpoints_for
from kerazoo.registry import Entry, catalogue
from kerazoo.tasks import TASKS, get_task

# Multiply-adds are counted at the network's own size. Where a figure was published for another one,
# they are told as long as the pictures have nearly as many pixels, and the card says so.
NEARLY = 1.25


def explorer_data(benchmarks: Iterable[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Tasks, and the points of each; neither Keras nor a backend is imported.

    Args:
        benchmarks: Reports of `kerazoo benchmark`: times of single pictures are taken from them.

    Returns:
        What JSON can hold: `tasks` (`name`, `label` of the figure) and `points`, each with `model`,
        `task`, `family`, `dataset`, `figure` (as published, in percent), `size` (height and width
        in pixels that it holds for), `params`, `macs` (None where they are not known for about that
        size), `counted_at`, `weights`, `licence`, `others` (weights for the same data set or
        another) and `latency` (runtime -> milliseconds).

    Raises:
        ValueError: A report is something else.
    """
    times = _latency(benchmarks)
    points = [
        _point(entry, checkpoint, times.get(entry.id, {}))
        for entry in catalogue().values()
        if entry.params is not None and not entry.same_as
        for checkpoint in _published(entry)
    ]
    return {
        "tasks": [{"name": name, "label": get_task(name).monitor.label} for name in TASKS],
        "points": points,
    }


def _published(entry: Entry) -> list[Checkpoint]:
    """For each data set the weights that have a figure: the default ones, of the network's size."""
    metric = get_task(entry.task).monitor.metric
    known = [c for c in checkpoints_for(entry.weights_of) if c.metrics.get(metric) is not None]
    known.sort(key=lambda c: (not c.default, tuple(c.size) != tuple(entry.input_size)))
    best: dict[str, Checkpoint] = {}
    for checkpoint in known:
        best.setdefault(checkpoint.dataset, checkpoint)
    return list(best.values())


def _point(entry: Entry, checkpoint: Checkpoint, latency: Mapping[str, float]) -> dict[str, Any]:
    metric = get_task(entry.task).monitor.metric
    pixels = checkpoint.size[0] * checkpoint.size[1] / (entry.input_size[0] * entry.input_size[1])
    near = 1 / NEARLY <= pixels <= NEARLY
    others = [c for c in checkpoints_for(entry.weights_of) if c.id != checkpoint.id]
    return {
        "model": entry.id,
        "task": entry.task,
        "family": entry.family,
        "dataset": checkpoint.dataset,
        "figure": checkpoint.metrics[metric],
        "size": list(checkpoint.size),
        "params": entry.params,
        "macs": entry.macs if near else None,
        "counted_at": list(entry.input_size),
        "weights": checkpoint.id,
        "licence": checkpoint.licence,
        "source": checkpoint.metrics.get("source", ""),
        "others": [
            {
                "id": c.id,
                "dataset": c.dataset,
                "size": list(c.size),
                "figure": c.metrics.get(metric),
            }
            for c in others
        ],
        "latency": dict(latency) if near else {},
    }


def _latency(benchmarks: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Model -> runtime -> milliseconds for one picture; of several reports the last one's."""
    found: dict[str, dict[str, float]] = {}
    longer = {id: entry.weights_of for id, entry in catalogue().items()}  # of shorter names
    for report in benchmarks:
        try:
            for row in report["results"]:
                if row["batch"] == 1:
                    id = longer.get(row["model"]) or row["model"]
                    found.setdefault(id, {})[row["runtime"]] = float(row["median_ms"])
        except (KeyError, TypeError, ValueError) as error:
            rule = "reports as `kerazoo benchmark --output` writes (benchmark.json)"
            raise invalid("benchmarks", f"one without {error}", rule) from error
    return found
