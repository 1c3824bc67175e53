"""The confusion of a segmenter's pixels as a figure."""

from pathlib import Path

import numpy as np

from kerazoo._errors import counted
from kerazoo.report.figure import new_figure, save_figure
from kerazoo.tasks.segmentation.confusion import Confusion

NUMBERED = 25  # classes up to which cells hold numbers
_INK = "#1c2430"


def draw_confusion(confusion: Confusion, count: int, folder: Path) -> None:
    """Leaves `confusion.png` in a folder: shares of each true class, and the IoU beside them.

    Args:
        confusion: Of all pictures.
        count: How many these are.
        folder: Where to.
    """
    names, seen = confusion.names, confusion.matrix[:, : len(confusion.names)]
    with np.errstate(invalid="ignore"):
        shares = np.nan_to_num(seen / confusion.matrix.sum(1, keepdims=True))
    side = 2.6 + 0.42 * len(names)
    figure = new_figure((max(side, 4.5), max(side, 4.0)))
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ious = ["-" if np.isnan(v) else f"{100 * v:.0f}" for v in confusion.iou]
    labels = [f"{name}, {iou}" for name, iou in zip(names, ious, strict=True)]
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), labels)
    axes.set(xlabel="predicted", ylabel="true, IoU %")
    if len(names) <= NUMBERED:
        for y, x in zip(*np.nonzero(shares >= 0.005), strict=True):
            colour = "white" if shares[y, x] > 0.5 else _INK
            text = f"{100 * shares[y, x]:.0f}"
            axes.text(x, y, text, ha="center", va="center", color=colour, fontsize=8)
    title = f"mIoU {100 * confusion.mean_iou:.1f} %, {counted(count, 'picture')}"
    figure.suptitle(f"{title}; % of the true class's pixels", color=_INK)
    save_figure(figure, folder / "confusion.png")
