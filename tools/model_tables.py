"""Tables of networks: those of families for README.md, and of every network for the site.

    python -m tools.model_tables        # writes README.md's anew: `make catalogue`

Everything comes from the catalogue, the records of weights and the docstrings of the family files.
"""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from kerazoo import list_models
from kerazoo._files import write_text
from kerazoo.checkpoints.records import Checkpoint, checkpoints_for, usual_dataset
from kerazoo.registry import Entry, get_entry
from kerazoo.tasks import TASKS, get_task, task_of

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
START, END = "<!-- families: make catalogue -->", "<!-- /families -->"


@dataclass(frozen=True)
class Family:
    """The networks of one file of `kerazoo/models`.

    Attributes:
        name: Of the file.
        title: What people call it: `"MixNet"`.
        about: The rest of the first line of the file's docstring.
        source: The rest of that docstring: paper, tables, where it departs.
        ids: Without shorter names.
    """

    name: str
    title: str
    about: str
    source: str
    ids: tuple[str, ...]

    @property
    def entries(self) -> list[Entry]:
        return [get_entry(id) for id in self.ids]

    @property
    def papers(self) -> list[str]:
        """Addresses on arXiv, in their order."""
        return re.findall(r"https://arxiv\.org/abs/[\d.]+\d", self.source)


def families() -> list[Family]:
    """All of them, in the order of the catalogue's tasks and of their names."""
    ids: dict[str, list[str]] = {}
    for id in list_models():
        if not get_entry(id).same_as:
            ids.setdefault(get_entry(id).family, []).append(id)
    found = [_family(name, tuple(members)) for name, members in sorted(ids.items())]
    return sorted(found, key=lambda f: TASKS.index(f.entries[0].task))


def _family(name: str, ids: tuple[str, ...]) -> Family:
    path = ROOT / "kerazoo" / "models" / f"{name}.py"
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first, _, source = text.partition("\n\n")
    title, _, about = first.rstrip(".").partition(": ")
    if not about:
        raise SystemExit(f"{path.name}: the docstring has to begin with `Name: what it is.`")
    return Family(name, title, about, source, ids)


def best(id: str) -> Checkpoint | None:
    """The weights that a network has by default; None without any."""
    entry = get_entry(id)
    dataset = usual_dataset(entry.weights_of)
    known = [c for c in checkpoints_for(entry.weights_of) if c.dataset == dataset]
    return min(known, key=lambda c: (not c.default, c.size != entry.input_size), default=None)


def figure(entry: Entry, checkpoint: Checkpoint | None) -> float | None:
    """What the task is judged by, as it was published for these weights, in percent."""
    return checkpoint.metrics.get(task_of(entry).monitor.metric) if checkpoint else None


def number(value: float | None, digits: int = 1) -> str:
    """For a cell of a table."""
    return "–" if value is None else f"{value:.{digits}f}"


def models_table() -> str:
    """A line a network: size, cost, the figure published for its default weights, licence."""
    label = ", ".join(get_task(task).monitor.label for task in TASKS)
    lines = [
        f"| network | parameters (M) | multiply-adds (M) | {label} (%) | weights | licence |",
        "|---|---:|---:|---:|---|---|",
    ]
    short = {}
    for id in list_models():
        entry = get_entry(id)
        if entry.same_as:
            short[id] = entry.same_as
            continue
        known = best(id)
        lines.append(
            f"| `{id}` | {entry.params / 1e6:.2f} | {entry.macs / 1e6:.1f} "
            f"| {number(figure(entry, known))} "
            f"| {f'`{known.id}`' if known else '–'} | {known.licence if known else '–'} |"
        )
    names = ", ".join(f"`{name}` is `{id}`" for name, id in short.items())
    return "\n".join([*lines, "", f"Shorter names: {names}."])


def families_table() -> str:
    """A line a family: what for, how many networks, their sizes, and the best published figure."""
    label = ", ".join(get_task(task).monitor.label for task in TASKS)
    lines = [
        "| family | task | networks | parameters (M) | multiply-adds (M) "
        f"| best {label} (%) | paper |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for family in families():
        entries = family.entries
        figures = [figure(e, best(id)) for id, e in zip(family.ids, entries, strict=True)]
        top = max((f for f in figures if f is not None), default=None)
        papers = ", ".join(f"[{paper.rsplit('/', 1)[1]}]({paper})" for paper in family.papers)
        lines.append(
            f"| [{family.title}](kerazoo/models/{family.name}.py) | {entries[0].task} "
            f"| {len(entries)} | {_range([e.params for e in entries], 2)} "
            f"| {_range([e.macs for e in entries], 0)} | {number(top)} | {papers} |"
        )
    return "\n".join(lines)


def _range(values: list[int], digits: int) -> str:
    """From the least to the most, in millions."""
    ends = [f"{value / 1e6:,.{digits}f}" for value in (min(values), max(values))]
    return " to ".join(dict.fromkeys(ends))


def with_table(text: str) -> str:
    """README.md with a fresh table between the marks."""
    before, rest = text.split(START)
    return f"{before}{START}\n{families_table()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    write_text(README, with_table(README.read_text(encoding="utf-8")))
