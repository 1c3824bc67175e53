"""Accuracy against what it costs, as in figure 7 of the MixNet paper (arXiv:1907.09595)."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerazoo._files import write_file
from kerazoo.benchmark.report import _title
from kerazoo.registry import Entry, catalogue, get_entry
from kerazoo.tasks import task_of
from kerazoo.tasks.description import Figure as Judged

HEADS = {"latency": "accuracy_latency.png", "macs": "accuracy_macs.png"}


def save_plots(report: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draws what models are judged by, as published, against latency and multiply-adds.

    Latency is that of the smallest batch; models whose accuracy is not published for the picture
    size are left out.

    Raises:
        ImportError: without matplotlib, naming the extra.
        ValueError: if no model has a published accuracy.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('Plots need matplotlib: pip install "kerazoo[plot]"') from error
    models = {m["id"]: m for m in report["models"] if _published(m) is not None}
    if not models:
        raise ValueError(
            "No plot: none of the models has a published accuracy at its picture size: "
            f"{[m['id'] for m in report['models']]}"
        )
    batch = min((row["batch"] for row in report["results"]), default=1)
    latency: dict[str, list] = {}
    for row in report["results"]:
        if row["model"] in models and row["batch"] == batch:
            latency.setdefault(_title(row["runtime"]), []).append((row["median_ms"], row["model"]))
    macs = {"": [(m["macs"] / 1e6, id) for id, m in models.items()]}
    curves = {
        "latency": (latency, f"median time of batch {batch} (ms)"),
        "macs": (macs, "multiply-adds (millions)"),
    }
    paths = []
    for name, (lines, label) in curves.items():
        figure = Figure(figsize=(8, 6), layout="constrained")
        _draw(figure.subplots(), lines, models, label)
        path = Path(folder) / HEADS[name]
        write_file(path, functools.partial(figure.savefig, dpi=120))
        paths.append(path)
    return paths


def _draw(axes, lines, models, label: str) -> None:
    labels = " / ".join(dict.fromkeys(_figure(model).label for model in models.values()))
    for title, points in lines.items():
        by_family: dict[str, list] = {}
        for cost, id in sorted(points):
            by_family.setdefault(_entry(models[id]).family, []).append((cost, id))
        colour = None
        for family in by_family.values():
            costs = [cost for cost, _ in family]
            accuracies = [_published(models[id]) for _, id in family]
            kept = {} if colour is None or not title else {"color": colour}
            (line,) = axes.plot(costs, accuracies, "o-", **kept)
            colour = line.get_color()
            line.set_label(title if title and family is next(iter(by_family.values())) else None)
            for cost, accuracy, (_, id) in zip(costs, accuracies, family, strict=True):
                if not title or title == next(iter(lines)):
                    axes.annotate(id, (cost, accuracy), (4, -10), textcoords="offset points")
    axes.set_xlabel(label)
    axes.set_ylabel(f"{labels} on ImageNet, as published (%)")
    axes.grid(alpha=0.3)
    if any(lines):
        axes.legend()


def _entry(model: Mapping[str, Any]) -> Entry:
    return get_entry(model.get("architecture") or model["id"])


def _figure(model: Mapping[str, Any]) -> Judged:
    return task_of(_entry(model)).monitor


def _published(model: Mapping[str, Any]) -> float | None:
    """What the model is judged by, if that is published for its picture size: only ids have it."""
    return model.get(_figure(model).metric) if model["id"] in catalogue() else None
