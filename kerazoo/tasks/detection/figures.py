"""Pictures of how well a detector does: precision and recall, and where it is wrong."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._checks import check_int, checked
from kerazoo._errors import counted
from kerazoo.data.samples import pictures_at
from kerazoo.report import contact_sheet as sheets
from kerazoo.report.figure import new_figure, save_figure
from kerazoo.report.lettering import font_for, lettered
from kerazoo.tasks.detection.answers import Answers
from kerazoo.tasks.detection.average_precision import RECALLS
from kerazoo.tasks.detection.targets import EMPTY

DRAWN = 12  # classes that have a line of their own
RIGHT, WRONG, MISSED, IGNORED = "#2f9e44", "#e03131", "#f59f00", "#868e96"
COLOURS = ("#e03131", "#2f9e44", "#1971c2", "#f08c00", "#9c36b5", "#0c8599", "#e64980")
LISTED = 3  # classes that a line names


def draw(answers: Answers, folder: Path, count: int) -> None:
    """Leaves `precision.png` and `worst.png` in a folder; see `Task.draw_figures`."""
    draw_precision(answers, folder / "precision.png")
    draw_worst(answers, folder / "worst.png", count=count)


@checked("answers", "path")
def draw_precision(answers: Answers, path: str | os.PathLike | None = None) -> Any:
    """Precision at each recall (IoU 0.5) of each class, a dot where F1 is best.

    Of more than 12 classes those with the most boxes have lines; the mean of all is black.

    Args:
        answers: What `gather` made.
        path: PNG to write; None to write nothing.

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        ImportError: Matplotlib is not installed.
    """
    figure = new_figure((6.4, 4.4))
    axes = figure.subplots()
    classes = sorted(answers.figures.classes, key=lambda c: -c.truths)
    known = [c for c in classes if c.truths]
    for each in known[:DRAWN]:
        ap = f"{100 * (each.ap50 or 0):.0f}"
        curve = answers.figures.curves[each.name]
        (line,) = axes.plot(RECALLS, curve, label=f"{each.name}: {ap}", linewidth=1.4)
        if each.recall is not None:
            axes.plot(each.recall, each.precision, "o", color=line.get_color(), markersize=5)
    if len(known) > 1:
        mean = np.mean([answers.figures.curves[c.name] for c in known], axis=0)
        label = f"mean of {len(known)}: {100 * mean.mean():.0f}"
        axes.plot(RECALLS, mean, "k", label=label, linewidth=2)
    axes.set(xlabel="recall", ylabel="precision at IoU 0.5", xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    if known:
        axes.legend(title="class: AP50 (%)", fontsize=8, loc="lower left")
    if path is not None:
        save_figure(figure, path)
    return figure


@checked("answers", "path")
def draw_worst(answers: Answers, path: str | os.PathLike | None = None, *, count: int = 12) -> Any:
    """A contact sheet of the pictures with the most mistakes: boxes wrongly found or missed.

    Args:
        answers: What `gather` made.
        path: PNG to write; None to write nothing.
        count: How many pictures at most.

    Returns:
        The sheet, a `PIL.Image.Image`; only its title where nothing is wrong.
    """
    check_int("count", count)
    judged = [answers.judged(row) for row in range(answers.count)]
    mistakes = np.array([(~right).sum() + missed.sum() for _, right, missed in judged])
    order = np.argsort(-mistakes, kind="stable")
    rows = [int(row) for row in order[:count] if mistakes[row]]
    pictures, captions = [], []
    for row, picture in zip(rows, pictures_at(answers.source, answers.indices[rows]), strict=True):
        shown, right, missed = judged[row]
        pictures.append(sheets.framed(_drawn(picture, answers, row, shown, right, missed)))
        wrong = int((~right).sum())
        captions.append([(f"{int(missed.sum())} missed, {wrong} wrong, {right.sum()} right", None)])
    total = int((mistakes > 0).sum())
    looked_at = counted(answers.count, "picture")
    title = f"{total} of {looked_at} with a box missed (yellow) or wrong (red)"
    sheet = sheets.contact_sheet(title, pictures, captions)
    if path is not None:
        sheets.save_sheet(sheet, Path(path))
    return sheet


def _drawn(picture: Any, answers: Answers, row: int, shown: Any, right: Any, missed: Any) -> Any:
    boxes = answers.boxes.pictures[row]
    names = answers.classes.names
    found = [
        (boxes["boxes"][i], RIGHT if good else WRONG, names[boxes["classes"][i]])
        for i, good in zip(shown, right, strict=True)
    ]
    lost = [(boxes["truths"][i], MISSED, names[boxes["labels"][i]]) for i in np.flatnonzero(missed)]
    # Mistakes on top, the right ones without words.
    order = [*(f for f in found if f[1] == RIGHT), *lost, *(f for f in found if f[1] == WRONG)]
    frames = [(box, colour, "" if colour == RIGHT else name) for box, colour, name in order]
    return draw_boxes(picture, frames)


def draw_boxes(picture: Any, boxes: list[tuple[Any, str, str]]) -> Any:
    """A copy of a PIL picture in RGB with frames.

    Args:
        picture: The picture.
        boxes: x1, y1, x2, y2 in pixels; colour; a word at the corner, or none.
    """
    from PIL import ImageDraw

    picture = picture.convert("RGB")
    width = max(1, round(max(picture.size) / 250))
    size = max(10, round(max(picture.size) / 40))
    drawing, font = ImageDraw.Draw(picture), font_for((word for *_, word in boxes), size)
    for corners, colour, word in boxes:
        x1, y1, x2, y2 = (float(v) for v in corners)
        drawing.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=colour, width=width)
        if word:
            drawing.text(
                (x1 + width + 1, y1 + width),
                lettered(word, font),
                fill=colour,
                font=font,
                stroke_width=2,
                stroke_fill="white",
            )
    return picture


def show(
    picture: Any, target: Mapping[str, Any], classes: Sequence[str]
) -> tuple[Any, list[tuple[str, None]]]:
    """See `Task.show`: boxes in colours by class, grey where they are neither right nor wrong."""
    there = [
        (corners, int(number), bool(crowd))
        for corners, number, crowd in zip(
            target["boxes"], target["classes"], target["crowd"], strict=True
        )
        if number > EMPTY
    ]
    frames = [(b, IGNORED if crowd else COLOURS[n % len(COLOURS)], "") for b, n, crowd in there]
    counts = Counter(number for _, number, crowd in there if not crowd)
    ignored, rest = sum(crowd for _, _, crowd in there), len(counts) - LISTED
    # The classes with most boxes; where there are more of them, how many.
    words = [f"{count} {classes[n]}" for n, count in counts.most_common(LISTED)]
    words += [f"and {counted(rest, 'class', 'classes')}"] if rest > 0 else []
    words += [f"({ignored} ignored)"] if ignored else []
    return draw_boxes(picture, frames), [("; ".join(words) or "no boxes", None)]
