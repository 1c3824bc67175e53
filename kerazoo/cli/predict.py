"""`kerazoo predict`: what is on these pictures."""

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerazoo.cli._model import add_model_options
from kerazoo.cli._output import Progress, complain, print_json, print_table
from kerazoo.cli._task import add_runtime, add_task_options, load_predictor, task_options

SUMMARY = "name what is on pictures"
EPILOG = """\
Folders are searched through. Pictures are turned as their EXIF data says; transparency is laid on
white. A picture that cannot be read is reported on stderr and skipped, and the exit status is 1.
MODEL may also be what `kerazoo export` wrote.

examples:
  kerazoo predict mixnet_m cat.jpg
  kerazoo predict mixnet_s photographs/ '*.png' --top 3
  kerazoo predict mixnet_s cat.jpg --weights cifar10
  kerazoo predict mobilenet_v2_100 photographs/ --json > result.json
  kerazoo predict hf://user/my-mixnet photographs/ --csv
  kerazoo predict mixnet_s photographs/ --runtime openvino
  kerazoo predict mixnet_s.tflite photographs/
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_options(parser)
    parser.add_argument("pictures", metavar="IMAGE", nargs="+", help="file, folder or glob")
    add_task_options(parser)
    add_runtime(parser)
    parser.add_argument(
        "--exact", action="store_true", help="decode every pixel of large JPEGs (slower)"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="JSON instead of a table")
    form.add_argument("--csv", action="store_true", help="CSV instead of a table")


def run(args: argparse.Namespace) -> int:
    from kerazoo.pictures import find_pictures

    paths = find_pictures(args.pictures)  # before the model: a typo should not cost its loading
    predictor = load_predictor(args)
    predictor.exact = args.exact
    results, skipped = [], []

    def skip(error: Exception) -> None:
        skipped.append(error)
        complain(error)

    with Progress(len(paths), "picture") as progress:
        for found in predictor.predictions(paths, skip, **task_options(args)):
            results.append(found)
            progress.at(len(results) + len(skipped), len(paths))
    show = _print_json if args.json else _print_csv if args.csv else print_predictions
    show(predictor.task, results)
    return 0 if len(results) == len(paths) else 1


def print_predictions(task: Any, results: Sequence[tuple[Path, Any]]) -> None:
    """A table with a line for each thing that was found, the picture's name on the first of them.

    Args:
        task: Of the network.
        results: Pictures with their predictions.
    """
    rows = [
        ("" if rank else str(path), *row)
        for path, prediction in results
        for rank, row in enumerate(task.rows(prediction))
    ]
    if rows:
        print_table(("picture", *task.columns), rows, right=(1,))


def _print_json(task: Any, results: Sequence[tuple[Path, Any]]) -> None:
    print_json(
        [
            {"picture": str(path), "predictions": task.json(prediction)}
            for path, prediction in results
        ]
    )


def _print_csv(task: Any, results: Sequence[tuple[Path, Any]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("picture", "rank", *task.fields))
    for path, prediction in results:
        for rank, found in enumerate(task.json(prediction), start=1):
            writer.writerow((path, rank, *(found[name] for name in task.fields)))
