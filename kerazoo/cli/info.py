"""`kerazoo info`: one model and its weights, one set of weights, or what a name stands for."""

import argparse
import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from kerazoo.cli._model import MODEL, add_weights_options
from kerazoo.cli._output import licence, millions, percent, print_json, print_table, say

SUMMARY = "describe a model and its weights, or any trained network"
EPILOG = """\
examples:
  kerazoo info mixnet_m
  kerazoo info timm/tf_mixnet_m.in1k
  kerazoo info mobilenet_v2_100 --json
  kerazoo info runs/pets
  kerazoo info mobilenet_v3_small --weights mine.weights.h5
  kerazoo info mixnet_s.tflite
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help=f"{MODEL}, or an exported file")
    add_weights_options(parser)
    parser.add_argument("--json", action="store_true", help="JSON instead of text")


def run(args: argparse.Namespace) -> int:
    from kerazoo.checkpoints.records import all_checkpoints, get_checkpoint
    from kerazoo.open import find_exported
    from kerazoo.registry import catalogue

    if args.model in catalogue() and args.weights is None:
        _refuse(args, ("like",), "it is for weights in a file (--weights)")
        return _show_model(args.model, args.json)
    if any(c.id == args.model for c in all_checkpoints()):
        _refuse(args, ("weights", "like"), f"{args.model} says itself what it is")
        facts = _plain(get_checkpoint(args.model))
    elif (exported := find_exported(args.model)) is not None:
        _refuse(args, ("weights", "like"), f"{args.model} was exported")
        facts = _exported(exported)
    else:
        facts = _found(args)
    if args.json:
        print_json(facts)
    else:
        _print_facts(facts)
    return 0


def _refuse(args: argparse.Namespace, options: Sequence[str], why: str) -> None:
    from kerazoo._errors import invalid

    for option in options:
        if value := getattr(args, option):
            raise invalid(option, value, f"left out: {why}")


def _found(args: argparse.Namespace) -> dict[str, Any]:
    """What is known of a network, by the name in which `open_model` would open it."""
    from kerazoo.checkpoints.local import is_bare
    from kerazoo.open import find
    from kerazoo.recognition import check_size, describe_file

    file = args.weights or args.model
    bare = is_bare(file)
    if bare and args.weights is None and args.like is None:
        return describe_file(file)
    start = find(args.model, args.weights, like=args.like)
    if bare:
        check_size(file, start.model)
    facts = dataclasses.asdict(start)
    return {**facts, "preprocessing": start.preprocessing.to_dict()}


def _exported(exported: Any) -> dict[str, Any]:
    """What an exported network carries beside it."""
    from kerazoo.deploy.exporting import read_record
    from kerazoo.deploy.runner import located

    path, _ = located(exported)
    record = read_record(path)
    facts = {"path": str(exported.path), "format": exported.format}
    return {**facts, **(json.loads(record.to_json()) if record else {})}


def _show_model(id: str, as_json: bool) -> int:
    from kerazoo.checkpoints.records import checkpoints_for
    from kerazoo.registry import get_entry
    from kerazoo.tasks import task_of

    entry = get_entry(id)
    figures = task_of(entry).figures
    checkpoints = checkpoints_for(entry.weights_of)
    facts = {
        "id": entry.id,
        "task": entry.task,
        "family": entry.family,
        "constructor": f"kerazoo.{entry.constructor}",
        "arguments": dict(entry.arguments),
        "input_size": list(entry.input_size),
        "params": entry.params,
        "multiply_adds": entry.macs,
    }
    if as_json:
        print_json({**facts, "weights": [_plain(c) for c in checkpoints]})
        return 0
    shown = {**facts, "arguments": facts["arguments"] or None}
    shown["params"] = f"{millions(entry.params)} M"
    shown["multiply_adds"] = f"{millions(entry.macs)} M"
    _print_facts(shown)
    print()
    if not checkpoints:
        print("No pretrained weights.")
        return 0
    print_table(
        ("weights", "data set", "size", *(f.label for f in figures), "licence", "default"),
        [_row(c, figures) for c in checkpoints],
        right=range(2, 3 + len(figures)),
    )
    return 0


def _row(checkpoint: Any, figures: Sequence[Any]) -> tuple[str, ...]:
    height, width = checkpoint.size
    return (
        checkpoint.id,
        checkpoint.dataset,
        str(height) if height == width else f"{height}x{width}",
        *(percent(checkpoint.metrics.get(figure.metric)) for figure in figures),
        licence(checkpoint),
        "yes" if checkpoint.default else "",
    )


def _plain(checkpoint: Any) -> dict[str, Any]:
    fields = {f.name: getattr(checkpoint, f.name) for f in dataclasses.fields(checkpoint)}
    fields["integrity"] = [f"{d.kind}:{d.value}" for d in checkpoint.integrity]
    fields["preprocessing"] = checkpoint.preprocessing.to_dict()
    return {**fields, "metrics": dict(checkpoint.metrics), "arguments": dict(checkpoint.arguments)}


def _print_facts(facts: dict[str, Any]) -> None:
    width = max(map(len, facts))
    for name, value in facts.items():
        if value is None or value in ("", [], {}):
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{k}={_text(v)}" for k, v in value.items())
        say(f"{name.replace('_', ' ').ljust(width)}  {_text(value)}")


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
