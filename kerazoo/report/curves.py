"""`curves.png`: loss, watched figure and rate of a run (or of several, one after the other)."""

import csv
import functools
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerazoo.report.figure import new_figure, save_figure
from kerazoo.tasks.description import Figure

log = logging.getLogger("kerazoo")


def draw_curves(logs: Path | Sequence[Path], path: Path, monitor: Figure) -> bool:
    """Draws CSV logs as `train` writes them.

    Args:
        logs: One log, or those of runs that followed each other: each phase is named, by its
            folder (`1_probe/log.csv`: probe).
        path: The PNG to write.
        monitor: What has a panel beside the loss: the figure of the run's task.

    Returns:
        Whether it was drawn: without Matplotlib it is not, and of one epoch there is no curve.
    """
    logs = [logs] if isinstance(logs, Path) else list(logs)
    # Pairs: two runs may lie in folders of one name.
    phases = [(each.parent.name.lstrip("0123456789_") or "run", _rows(each)) for each in logs]
    rows = [row for _, found in phases for row in found]
    if len(rows) < 2 or not can_draw():
        return False
    from matplotlib.ticker import MaxNLocator

    unit = " (%)" if monitor.percent else ""
    panels = [("loss", "loss"), (monitor.name, f"{monitor.name.replace('_', ' ')}{unit}")]
    if all(row.get("learning_rate") for row in rows):
        panels.append(("learning_rate", "learning rate"))
    figure = new_figure((4.5 * len(panels), 3.2), dpi=110)
    epochs = range(1, len(rows) + 1)
    for axes, (key, title) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        factor = 100 if key == monitor.name and monitor.percent else 1
        for prefix, label in (("", "training"), ("val_", "validation")):
            values = [factor * float(row.get(prefix + key) or "nan") for row in rows]
            if any(map(math.isfinite, values)):
                axes.plot(epochs, values, label=label, marker="." if len(rows) < 30 else None)
        axes.set(xlabel="epoch", title=title)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        _name_phases(axes, [(name, len(found)) for name, found in phases])
    figure.axes[0].legend()
    save_figure(figure, path)
    return True


def _name_phases(axes: Any, phases: Sequence[tuple[str, int]]) -> None:
    """A line where one ends, and each one's name at the top; nothing where there is just one."""
    phases = [(name, count) for name, count in phases if count]
    if len(phases) < 2:
        return
    first = 1
    for name, count in phases:
        if first > 1:
            axes.axvline(first - 0.5, color="#6b7684", linewidth=0.8, linestyle="--")
        axes.annotate(
            name, (first - 0.4, 0.98), xycoords=("data", "axes fraction"), va="top", fontsize=8
        )
        first += count


def can_draw() -> bool:
    """Whether Matplotlib is there; a warning says how to get it."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        _tell()
        return False
    return True


@functools.cache  # once is enough for a command, which draws several times
def _tell() -> None:
    log.warning('No figures (curves.png, …): Matplotlib draws them, pip install "kerazoo[plot]".')


def _rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))
