"""Pictures of how well a classifier does: its confusion matrix, and what it is surely wrong about.

`kerazoo.training.draw_figures` draws both for a model and a source of pictures.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._checks import check_int, checked
from kerazoo._errors import counted, invalid
from kerazoo.data.samples import pictures_at
from kerazoo.report import contact_sheet as sheets
from kerazoo.report.figure import new_figure, save_figure
from kerazoo.tasks.classification.answers import Answers

NUMBERED, NAMED = 25, 120  # classes up to which cells hold numbers, and axes hold names
_BAR, _INK = "#4f8fd0", "#1c2430"


def draw(answers: Answers, folder: Path, count: int) -> None:
    """Leaves `confusion.png` and `mistakes.png` in a folder.

    Args:
        answers: What `gather` made.
        folder: Where to.
        count: How many mistakes to show.
    """
    draw_confusion(answers.confusion(), answers.source.classes, folder / "confusion.png")
    draw_mistakes(answers, folder / "mistakes.png", count=count)


@checked("classes", "path")
def draw_confusion(
    matrix: Any, classes: Sequence[str], path: str | os.PathLike | None = None
) -> Any:
    """A confusion matrix that can be read, for few classes and for hundreds.

    Up to 25 classes every cell holds its number. Beyond that the pairs of classes that are confused
    most often are listed beside it. With more than 120 classes the names leave the axes, and every
    confusion is a dot that is seen however small its cell would be.

    Args:
        matrix: Pictures by true class (row) and predicted class (column), `(classes, classes)`.
        classes: Names of the classes.
        path: PNG to write; None to write nothing.

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        ValueError: The matrix is not one of counts, or the names are not as many.
        ImportError: Matplotlib is not installed.
    """
    matrix = np.asarray(matrix)
    if matrix.shape != (len(classes),) * 2 or matrix.dtype.kind not in "iu" or matrix.min() < 0:
        rule = f"counts of the shape {(len(classes),) * 2}, for {len(classes)} classes"
        raise invalid("matrix", f"{matrix.dtype} {matrix.shape}", rule)
    names = [name.partition(",")[0] for name in classes]
    if len(names) > NUMBERED:
        side = min(4 + 0.1 * len(names), 12.0) if len(names) > NAMED else 4 + 0.1 * len(names)
        figure = new_figure((side + 5.5, side))
        cells, pairs = figure.subplots(1, 2, width_ratios=(side, 5.0))
        _draw_pairs(pairs, matrix, names, count=round(2.4 * side))
    else:
        side = 2.2 + 0.45 * len(names)
        figure = new_figure((max(side, 4.5), max(side, 4.0)))
        cells = figure.subplots()
    (_draw_dots if len(names) > NAMED else _draw_cells)(cells, matrix, names)
    cells.set(xlabel="predicted", ylabel="true")
    total, right = matrix.sum(), np.trace(matrix)
    share = f"{100 * right / total:.1f} %" if total else "none"
    figure.suptitle(f"{share} of {counted(total, 'picture')} right", color=_INK)
    if path is not None:
        save_figure(figure, path)
    return figure


@checked("answers", "path")
def draw_mistakes(
    answers: Answers, path: str | os.PathLike | None = None, *, count: int = 12
) -> Any:
    """A contact sheet of the wrong answers with the highest scores.

    Under each picture stand the class that was predicted and the true one, with the score of each.

    Args:
        answers: What `gather` made.
        path: PNG to write; None to write nothing.
        count: How many pictures at most.

    Returns:
        The sheet, a `PIL.Image.Image`; only its title where nothing is wrong.
    """
    check_int("count", count)
    wrong = answers.mistakes()
    rows, names = wrong[:count], answers.source.classes
    captions = [
        [
            (f"predicted {_short(names[which])}", float(answers.scores[row, which])),
            (f"is {_short(names[true])}", float(answers.scores[row, true])),
        ]
        for row, which, true in zip(
            rows, answers.predicted[rows], answers.labels[rows], strict=True
        )
    ]
    pictures = map(sheets.framed, pictures_at(answers.source, answers.indices[rows]))
    title = f"{len(wrong)} of {counted(len(answers.labels), 'picture')} wrong"
    title += ", the most confident first" if len(wrong) > 1 else ""
    sheet = sheets.contact_sheet(title, list(pictures), captions)
    if path is not None:
        sheets.save_sheet(sheet, Path(path))
    return sheet


def most_confused(matrix: np.ndarray, count: int = 15) -> list[tuple[int, int, int]]:
    """`(true class, predicted class, pictures)`, most pictures first, none without pictures."""
    wrong = matrix * (1 - np.eye(len(matrix), dtype=matrix.dtype))
    order = np.argsort(-wrong, axis=None, kind="stable")[:count]
    pairs = (divmod(int(i), len(matrix)) for i in order)
    return [(true, which, int(wrong[true, which])) for true, which in pairs if wrong[true, which]]


def _draw_cells(axes: Any, matrix: np.ndarray, names: Sequence[str]) -> None:
    from matplotlib.colors import PowerNorm

    totals = np.maximum(matrix.sum(1, keepdims=True), 1)
    shares = matrix / totals
    # The square root: a class that is confused in one of a hundred pictures still shows.
    axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 1), interpolation="nearest")
    size = 9 if len(names) <= NUMBERED else 6
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
    axes.set_yticks(range(len(names)), names, fontsize=size)
    if len(names) > NUMBERED:
        axes.grid(color=_INK, alpha=0.06, linewidth=0.5)
        return
    for (true, which), number in np.ndenumerate(matrix):
        if number:
            colour = "white" if shares[true, which] > 0.4 else _INK
            place = {"ha": "center", "va": "center", "fontsize": 8}
            axes.text(which, true, str(number), color=colour, **place)


def _draw_dots(axes: Any, matrix: np.ndarray, names: Sequence[str]) -> None:
    true, which = np.nonzero(matrix * (1 - np.eye(len(matrix), dtype=matrix.dtype)))
    shares = matrix[true, which] / matrix.sum(1)[true]
    axes.scatter(which, true, s=100 * shares, color=_BAR, alpha=0.6, linewidth=0)
    axes.plot([0, len(names)], [0, len(names)], color=_INK, linewidth=0.5)
    axes.set(xlim=(-1, len(names)), ylim=(len(names), -1), aspect="equal")
    axes.set_title("a dot's area: share of the true class; places are class indices", fontsize=9)


def _draw_pairs(axes: Any, matrix: np.ndarray, names: Sequence[str], count: int) -> None:
    pairs = most_confused(matrix, count)
    axes.set_title("confused most often: true → predicted", fontsize=9)
    if not pairs:
        axes.set_axis_off()
        return
    numbers = [number for _, _, number in pairs]
    axes.barh(range(len(pairs)), numbers, color=_BAR)
    labels = [f"{_short(names[true])} → {_short(names[which])}" for true, which, _ in pairs]
    axes.set_yticks(range(len(pairs)), labels, fontsize=8)
    for place, (true, _, number) in enumerate(pairs):
        text = f" {number} of {int(matrix[true].sum())}"
        axes.text(number, place, text, va="center", fontsize=8)
    axes.set(xlim=(0, 1.3 * max(numbers)), ylim=(count - 0.5, -0.5), xticks=[])
    axes.spines[:].set_visible(False)


def _short(name: str, limit: int = 24) -> str:
    """The first synonym, cut where it is too long."""
    name = name.partition(",")[0]
    return name if len(name) <= limit else name[: limit - 1] + "…"
