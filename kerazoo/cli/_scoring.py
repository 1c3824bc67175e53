"""`kerazoo predict --output`: many pictures, to files of answers."""

import argparse
from typing import Any

from kerazoo._errors import counted
from kerazoo.cli._model import given, positive
from kerazoo.cli._output import complain
from kerazoo.cli._quiet import import_keras
from kerazoo.cli._task import task_options

NAMED = 20  # unreadable pictures that are told; all are in the files
# Options of `predict` that mean the same to `score`.
_SAME = ("weights", "size", "like", "runtime", "batch_size", "exact", "force")
# Options that mean something with --output alone, and those that do not go with it.
_WITH = ("engine", "form", "part_size", "column", "workers", "cpus", "gpus", "address")
_WITHOUT = ("sheet", "save", "json", "csv", "tiles")


def add_scoring(parser: argparse.ArgumentParser) -> None:
    """`--output`, and what goes with it."""
    group = parser.add_argument_group(
        "many pictures, to files",
        "IMAGE may also be a .txt file with a path a line, a Parquet file with paths or bytes, a "
        "tar file (WebDataset), or a folder of such. The same command goes on where it was left.",
    )
    add = group.add_argument
    add("--output", metavar="FOLDER", help="leave the answers in files there, a row a picture")
    add("--engine", choices=("process", "ray"), help="this process (default), or Ray's workers")
    add("--form", choices=("parquet", "jsonl"), help="of the files (default: parquet)")
    add("--part-size", type=positive, help="pictures of a file (default: 1024)")
    add("--column", help="of Parquet files: with the paths or bytes")
    add("--workers", type=positive, help="of Ray (default: as many as there is room for)")
    add("--cpus", type=positive, help="cores of each worker (default: 2)")
    add("--gpus", type=float, help="graphics cards of each worker, or a share of one (default: 0)")
    add("--address", help="of a Ray cluster (default: RAY_ADDRESS, else one is started here)")


def check_left_out(args: argparse.Namespace) -> None:
    """Raises `ValueError` where an option would mean nothing without `--output`."""
    from kerazoo._errors import invalid

    for name in _WITH:
        if getattr(args, name) is not None:
            raise invalid(name, getattr(args, name), "left out without --output")


def score_many(args: argparse.Namespace) -> int:
    """Runs `kerazoo.scoring.score`, tells how far it is, and what could not be read."""
    from kerazoo._errors import invalid
    from kerazoo._progress import Progress

    for name in _WITHOUT:
        if getattr(args, name):
            raise invalid(name, getattr(args, name), "left out with --output")
    if args.engine != "ray":
        import_keras("tensorflow")
    from kerazoo.scoring import score

    with Progress(0, "part") as progress:
        scored = score(
            args.model,
            args.pictures,
            args.output,
            settings=dict(args.settings),
            tell=lambda done, number, total: progress.at(number, total),
            **given(args, (*_SAME, *_WITH)),
            **task_options(args),
        )
    tell_of(scored)
    return 1 if scored.unreadable else 0


def tell_of(scored: Any) -> None:
    """The first unreadable pictures, and a summary, on stderr."""
    for number, line in enumerate(scored.complaints):
        if number == NAMED:
            complain(f"… and {scored.unreadable - NAMED} more: {scored.folder}/*.unreadable.txt")
            break
        complain(line)
    resumed = f", {scored.resumed} of them there before" if scored.resumed else ""
    complain(
        f"{counted(scored.pictures, 'picture')}, {scored.unreadable} unreadable, "
        f"in {counted(scored.parts, 'file')}"
        f"{resumed}: {scored.folder}"
    )
