"""Writes the table and the figure of each study anew, from its log alone.

    python benchmarks/studies/report.py [STUDY ...]

In the folder of a study it leaves `results.md` and `accuracy.png`.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from study import HERE, Study

from kerazoo._files import write_bytes
from kerazoo.report.figure import new_figure, save_figure

SEED = "seed"


@dataclass(frozen=True)
class Row:
    """A place of the grid, over its seeds.

    Attributes:
        place: Axis -> value, without the seed.
        tests: Accuracy on the test split, of each seed that has ended.
        seeds: How many there are to be.
        parameters, multiply_adds: Of the network; None where no seed has ended.
        minutes: Of CPU, on average.
        further: What the study measures beside, on average: of what it watched, the last epoch's.
    """

    place: Mapping[str, Any]
    tests: tuple[float, ...]
    seeds: int
    parameters: int | None = None
    multiply_adds: int | None = None
    minutes: float | None = None
    further: Mapping[str, float] = field(default_factory=dict)

    @property
    def mean(self) -> float | None:
        """Of the seeds that have ended."""
        return sum(self.tests) / len(self.tests) if self.tests else None

    @property
    def spread(self) -> float | None:
        """Best less worst seed; None of a single one."""
        return max(self.tests) - min(self.tests) if len(self.tests) > 1 else None


def summarise(study: Study) -> list[Row]:
    """A row for each place, in the order of the grid; places that are open included."""
    ended = defaultdict(list)
    for entry in study.lines():
        ended[_without_seed(entry["place"])].append(entry)
    seeds: dict[tuple, int] = defaultdict(int)
    for cell in study.cells():
        seeds[_without_seed(cell.place)] += 1
    rows = []
    for place, count in seeds.items():
        entries = sorted(ended[place], key=lambda entry: entry["place"][SEED])
        facts: dict[str, Any] = {}
        if entries:
            facts = {name: entries[0][name] for name in ("parameters", "multiply_adds")}
            facts["minutes"] = sum(entry["seconds"] for entry in entries) / len(entries) / 60
            found = [_further(entry) for entry in entries]
            facts["further"] = {
                name: sum(each[name] for each in found) / len(found) for name in found[0]
            }
        tests = tuple(entry["test"] for entry in entries)
        rows.append(Row(dict(place), tests, count, **facts))
    return sorted(rows, key=lambda row: tuple(row.place.values()))


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown; a dash where nothing has ended."""
    axes = list(rows[0].place)
    further = list(dict.fromkeys(name for row in rows for name in row.further))
    heads = [*axes, "M parameters", "M multiply-adds", "test, %", "spread", *further, "seeds"]
    heads.append("CPU minutes")
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in rows:
        figures = [
            _shown(row.parameters, 1e-6, 3),
            _shown(row.multiply_adds, 1e-6, 1),
            _shown(row.mean, 100, 2),
            _shown(row.spread, 100, 2),
            *(_shown(row.further.get(name), 1, 3) for name in further),
            f"{len(row.tests)} of {row.seeds}",
            _shown(row.minutes, 1, 1),
        ]
        lines.append("| " + " | ".join([*map(str, row.place.values()), *figures]) + " |")
    return "\n".join(lines) + "\n"


def draw(rows: Iterable[Row], path: Path) -> None:
    """Accuracy against multiply-adds: a panel for each value of the first axis, a line for each of
    the second, a point for each of the third; bars reach from the worst seed to the best."""
    ended = [row for row in rows if row.tests]
    panels = sorted({next(iter(row.place.values())) for row in ended})
    figure = new_figure((5.2 * len(panels), 4.2))
    for place, name in enumerate(panels, 1):
        axes = figure.add_subplot(1, len(panels), place)
        within = [row for row in ended if next(iter(row.place.values())) == name]
        kinds = sorted({list(row.place.values())[1] for row in within})
        for kind in kinds:
            line = sorted(
                (row for row in within if list(row.place.values())[1] == kind),
                key=lambda row: row.multiply_adds or 0,
            )
            x = [(row.multiply_adds or 0) / 1e6 for row in line]
            y = [100 * (row.mean or 0) for row in line]
            low = [100 * ((row.mean or 0) - min(row.tests)) for row in line]
            high = [100 * (max(row.tests) - (row.mean or 0)) for row in line]
            axes.errorbar(x, y, yerr=[low, high], marker="o", capsize=3, label=str(kind))
            for row, *at in zip(line, x, y, strict=True):
                text = str(list(row.place.values())[2])
                axes.annotate(text, at, textcoords="offset points", xytext=(4, 4), fontsize=8)
        axes.set(title=str(name), xlabel="multiply-adds, millions", ylabel="test accuracy, %")
        axes.grid(alpha=0.3)
        axes.legend()
    save_figure(figure, path)


def report(study: Study) -> list[Row]:
    """Writes `results.md`, and `accuracy.png` if any cell has ended."""
    rows = summarise(study)
    done, wanted = sum(len(row.tests) for row in rows), sum(row.seeds for row in rows)
    head = f"# {study.folder.name}: {done} of {wanted} cells\n\n"
    head += "Written by `make studies-report` from `log.jsonl`.\n\n"
    picture = "\n![Accuracy against multiply-adds](accuracy.png)\n" if done else ""
    write_bytes(study.folder / "results.md", (head + table(rows) + picture).encode())
    if done:
        draw(rows, study.folder / "accuracy.png")
    return rows


def _further(entry: Mapping[str, Any]) -> dict[str, float]:
    """Numbers of a line that only this study has."""
    last = (entry.get("watched") or [{}])[-1]
    return {**last, **{name: entry[name] for name in ("frozen_time",) if name in entry}}


def _without_seed(place: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple((axis, value) for axis, value in place.items() if axis != SEED)


def _shown(value: float | None, factor: float, places: int) -> str:
    return "–" if value is None else f"{factor * value:.{places}f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    known = sorted(path.parent.name for path in HERE.glob("*/cells.py"))
    parser.add_argument("study", nargs="*", default=known)
    for name in parser.parse_args().study:
        rows = report(Study.named(name))
        done = sum(len(row.tests) for row in rows)
        print(f"{name}: {done} cells have ended, {sum(row.seeds for row in rows) - done} are open")


if __name__ == "__main__":
    main()
