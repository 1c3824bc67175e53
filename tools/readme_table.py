"""Writes the table of models in README.md from the catalogue and the weights registry.

python tools/readme_table.py
"""

from pathlib import Path

from kerazoo import list_models
from kerazoo._files import write_text
from kerazoo.checkpoints.records import checkpoints_for, usual_dataset
from kerazoo.registry import get_entry
from kerazoo.tasks import TASKS, get_task, task_of

README = Path(__file__).parents[1] / "README.md"
START, END = "<!-- models: make catalogue -->", "<!-- /models -->"


def table() -> str:
    """One line a model: size, cost, the accuracy published for its default weights, licence."""
    label = ", ".join(get_task(task).monitor.label for task in TASKS)
    lines = [
        f"| model | parameters (M) | multiply-adds (M) | {label} (%) | weights | licence |",
        "|---|---:|---:|---:|---|---|",
    ]
    short = {}
    for id in list_models():
        entry = get_entry(id)
        if entry.same_as:
            short[id] = entry.same_as
            continue
        dataset = usual_dataset(entry.weights_of)
        known = [c for c in checkpoints_for(entry.weights_of) if c.dataset == dataset]
        known.sort(key=lambda c: (not c.default, c.size != entry.input_size))
        best = known[0] if known else None
        figure = best.metrics.get(task_of(entry).monitor.metric) if best else None
        lines.append(
            f"| `{id}` | {entry.params / 1e6:.2f} | {entry.macs / 1e6:.1f} "
            f"| {'–' if figure is None else f'{figure:.1f}'} "
            f"| {f'`{best.id}`' if best else '–'} | {best.licence if best else '–'} |"
        )
    names = ", ".join(f"`{name}` is `{id}`" for name, id in short.items())
    return "\n".join([*lines, "", f"Shorter names: {names}."])


def with_table(text: str) -> str:
    """README.md with a fresh table between the marks."""
    before, rest = text.split(START)
    return f"{before}{START}\n{table()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    write_text(README, with_table(README.read_text(encoding="utf-8")))
