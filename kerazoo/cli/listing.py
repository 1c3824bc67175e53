"""`kerazoo list`: what there is."""

import argparse
import fnmatch
from typing import Any

from kerazoo.cli._output import complain, licence, millions, percent, print_json, print_table, say

SUMMARY = "list the models"
EPILOG = """\
Parameters and multiply-adds are in millions, for one picture of the default size. The share in
percent is what the publisher of the default weights states, for the data set beside it. (+n): n
more weights, see `kerazoo info`. Shorter names of the same networks stand below the table. A column
says what models are for where that differs.

examples:
  kerazoo list
  kerazoo list 'mobilenet_v2*' --pretrained
  kerazoo list --weights 'timm/*'
  kerazoo list --weights cifar10 --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("filter", nargs="?", metavar="PATTERN", help="shell pattern of model ids")
    parser.add_argument("--task", help="only models for this task, such as classification")
    parser.add_argument("--pretrained", action="store_true", help="only models with weights")
    parser.add_argument(
        "--weights",
        metavar="PATTERN",
        help="only models with weights whose id or data set matches the pattern",
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    from kerazoo.registry import list_models

    ids = list_models(args.filter, task=args.task, pretrained=args.pretrained)
    models = [record for id in ids if (record := _describe(id, args.weights))]
    if args.json:
        print_json(models)
    elif models:
        _print(models)
    else:
        complain("no model matches; `kerazoo list` shows all")
    return 0


def _print(models: list[dict[str, Any]]) -> None:
    from kerazoo.tasks import get_task

    ids = {model["id"] for model in models}
    short = {m["id"]: m["same_as"] for m in models if m["same_as"] in ids}
    models = [model for model in models if model["id"] not in short]
    tasks = dict.fromkeys(model["task"] for model in models)
    label = " / ".join(get_task(task).monitor.label for task in tasks)
    header = ("model", "params (M)", "mult-adds (M)", f"{label} (%)")
    header = (*header, "data set", "weights", "licence")
    rows = [_row(model) for model in models]
    if len(tasks) > 1:
        header = (*header, "task")
        rows = [(*row, model["task"]) for row, model in zip(rows, models, strict=True)]
    print_table(header, rows, right=(1, 2, 3))
    if short:
        say("", "Shorter names: " + ", ".join(f"{a} = {b}" for a, b in short.items()))


def _describe(id: str, pattern: str | None) -> dict[str, Any] | None:
    """One model as plain values, or None where no weights of it match."""
    from kerazoo.checkpoints.records import checkpoints_for
    from kerazoo.registry import get_entry
    from kerazoo.tasks import task_of

    entry = get_entry(id)
    metric = task_of(entry).monitor.metric
    found = [c for c in checkpoints_for(entry.weights_of) if _matches(c, pattern)]
    if pattern and not found:
        return None
    # The default for the size in the table, so that its accuracy belongs to the same row.
    found.sort(key=lambda c: (not c.default, c.dataset != "imagenet", c.size != entry.input_size))
    return {
        "id": id,
        "task": entry.task,
        "family": entry.family,
        "params": entry.params,
        "multiply_adds": entry.macs,
        "input_size": list(entry.input_size),
        "same_as": entry.same_as,
        metric: found[0].metrics.get(metric) if found else None,
        "dataset": found[0].dataset if found else None,
        "licence": licence(found[0]) if found else None,
        "weights": [c.id for c in found],
    }


def _matches(checkpoint: Any, pattern: str | None) -> bool:
    names = (checkpoint.id, checkpoint.dataset)
    return pattern is None or any(fnmatch.fnmatchcase(name, pattern) for name in names)


def _row(model: dict[str, Any]) -> tuple[str, ...]:
    from kerazoo.tasks import get_task

    weights = model["weights"]
    more = f" (+{len(weights) - 1})" if len(weights) > 1 else ""
    return (
        model["id"],
        millions(model["params"]),
        millions(model["multiply_adds"]),
        percent(model[get_task(model["task"]).monitor.metric]),
        model["dataset"] or "–",
        f"{weights[0]}{more}" if weights else "–",
        model["licence"] or "–",
    )
