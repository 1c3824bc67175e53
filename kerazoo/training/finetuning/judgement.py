"""Which phase is kept: what the held-out pictures said of each, from its log.

Tasks whose figure is measured apart also measure what a phase starts from: it is kept where no
epoch was better.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerazoo.tasks.description import Figure


@dataclass(frozen=True)
class Judgement:
    """A phase, as the held-out pictures saw it.

    Attributes:
        phase: Name of its folder.
        figure: The task's.
        loss: On the same pictures.
        monitor: What the figure is.
        epoch: Whose weights they are; 0 for those that the phase started from.
    """

    phase: str
    figure: float
    loss: float
    monitor: Figure
    epoch: int


def judge(
    phase: str,
    log: Path,
    monitor: Figure,
    last: bool,
    start: Mapping[str, float] | None = None,
    by_loss: bool = False,
) -> Judgement:
    """What a log says of the epoch whose weights are kept.

    Args:
        phase: Name for it.
        log: CSV with a line for each epoch.
        monitor: The task's figure.
        last: The last epoch counts, not the best.
        start: What was measured before the first epoch, by the names of the log.
        by_loss: Whether the best is that with the lowest loss, as `Recipe.best_by` says.
    """
    with open(log, encoding="utf-8") as file:
        rows: list[Mapping[str, Any]] = [*([start] if start else []), *csv.DictReader(file)]
    key = f"val_{monitor.name}"
    # Some figures come out of float32: a third is a third.
    epochs = [
        Judgement(phase, round(float(row[key]), 6), float(row["val_loss"]), monitor, number)
        for number, row in enumerate(rows, 0 if start else 1)
    ]
    if last:
        return epochs[-1]
    return min(epochs, key=lambda each: each.loss) if by_loss else best_of(epochs, by_loss=True)


def best_of(judgements: Sequence[Judgement], by_loss: bool = False) -> Judgement:
    """That with the best figure; of equal ones the first, or the one with the lower loss.

    Args:
        judgements: At least one.
        by_loss: Whether their losses are of one kind, so that they can be compared.
    """
    best = judgements[0]
    for each in judgements[1:]:
        equal = each.figure == best.figure and by_loss and each.loss < best.loss
        if equal or each.monitor.better(each.figure, best.figure):
            best = each
    return best
