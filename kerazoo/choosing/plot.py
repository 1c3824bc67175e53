"""Time and score of the candidates, as letters and as a picture."""

import math
import os

from kerazoo.choosing.choice import Choice, Timed

WIDTH, HEIGHT = 64, 16  # letters


def text_plot(choice: Choice) -> str:
    """Score over time: `#` the pick, `o` the frontier, `.` the others, `|` the budget."""
    shown = [each for each in choice.timed if each.score is not None]
    times = [each.ms for each in shown] + [choice.budget]
    scores = [_score(each) for each in shown]
    low, high = math.log(min(times) * 0.9), math.log(max(times) * 1.1)
    least, most = min(scores) - 0.5, max(scores) + 0.5
    cells = [[" "] * WIDTH for _ in range(HEIGHT)]
    column = _place(math.log(choice.budget), low, high, WIDTH)
    for row in cells:
        row[column] = "|"
    best = {each.candidate.weights for each in choice.frontier}
    order = sorted(shown, key=lambda each: (each is choice.pick, each.candidate.weights in best))
    for each in order:
        sign = "#" if each is choice.pick else "o" if each.candidate.weights in best else "."
        y = HEIGHT - 1 - _place(_score(each), least, most, HEIGHT)
        cells[y][_place(math.log(each.ms), low, high, WIDTH)] = sign
    lines = [f"{choice.figure.label} (%)"]
    for number, row in enumerate(cells):
        mark = {0: most, HEIGHT - 1: least}.get(number)
        lines.append(f"{'' if mark is None else f'{mark:.1f}':>6} {''.join(row)}".rstrip())
    ends = f"{math.exp(low):.1f}", f"{math.exp(high):.1f} ms"
    lines.append(" " * 7 + ends[0] + ends[1].rjust(WIDTH - len(ends[0])))
    return "\n".join(lines)


def save_plot(choice: Choice, path: str | os.PathLike) -> None:
    """The same as a PNG, with names.

    Raises:
        ImportError: Matplotlib is not installed; the extra is named.
    """
    from kerazoo.report.figure import new_figure, save_figure

    figure = new_figure((9, 6))  # says what is missing, before the next line does
    from matplotlib.ticker import LogFormatter

    axes = figure.subplots()
    shown = [each for each in choice.timed if each.score is not None]
    axes.plot([each.ms for each in shown], [_score(each) for each in shown], "o", color="0.7")
    best = choice.frontier
    axes.plot([each.ms for each in best], [_score(each) for each in best], "o--", color="C0")
    axes.plot([choice.pick.ms], [_score(choice.pick)], "o", color="C3", markersize=10)
    axes.axvline(choice.budget, color="C3", linewidth=1)
    for each in best:
        axes.annotate(
            each.candidate.weights, (each.ms, _score(each)), (5, -11), textcoords="offset points"
        )
    axes.set_xscale("log")
    for side in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        side(LogFormatter(minor_thresholds=(2, 0.4)))  # 20, not 2 × 10¹
    axes.set_xlabel(f"median time of one picture, {choice.runtime} (ms)")
    axes.set_ylabel(f"{choice.figure.label} on {choice.dataset} (%)")
    axes.grid(alpha=0.3)
    save_figure(figure, path)


def _score(each: Timed) -> float:
    assert each.score is not None  # of those that are drawn
    return each.score


def _place(value: float, low: float, high: float, cells: int) -> int:
    return min(int((value - low) / (high - low) * cells), cells - 1)
