"""`kerazoo check`: look at a data set before training on it."""

import argparse
from pathlib import Path

from kerazoo._errors import counted
from kerazoo._files import write_text
from kerazoo._progress import Progress
from kerazoo.cli._output import say
from kerazoo.cli._quiet import import_keras
from kerazoo.cli._run import DATA, add_data_dir
from kerazoo.tasks import TASKS

SUMMARY = "report on a data set before training"
EPILOG = """\
Every picture is decoded once. Told are pictures that cannot be read, the same picture twice or in
two splits, shares of the classes; of boxes also those that are degenerate, outside or of unknown
pictures (with file and line), their sizes, and how many of them anchors can reach.

examples:
  kerazoo check pets/
  kerazoo check bccd/ --html report.html
  kerazoo check coco/ --task segmentation
  kerazoo check cifar10 --data-dir ~/tensorflow_datasets
  kerazoo check bccd/ --recipe my_recipe.toml

exit status:
  0 nothing to look at, 1 something to look at, 2 error: nothing can be learned from it
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", metavar="DATA", help=DATA)
    add_data_dir(parser)
    parser.add_argument(
        "--task", choices=TASKS, help="what the data are for, where they hold boxes and masks"
    )
    parser.add_argument("--html", metavar="FILE", help="also write a page, with whole tables")
    parser.add_argument(
        "--recipe", help="a recipe, by name or path: minutes to expect of it on this machine"
    )


def run(args: argparse.Namespace) -> int:
    import_keras("tensorflow")
    from kerazoo.checking import check_data

    with Progress(0, "split", "checking") as progress:
        options = {"data_dir": args.data_dir, "task": args.task}
        report = check_data(args.data, **options, progress=progress.at)
    if args.recipe:
        from kerazoo.training.estimate import expected_minutes
        from kerazoo.training.recipe import load_recipe

        recipe = load_recipe(args.recipe, {"data.name": args.data})
        minutes = expected_minutes(recipe, args.data_dir)
        about = counted(max(1, round(minutes)), "minute")
        report.remarks.append(f"{args.recipe}: about {about} on this machine")
    say(*report.text().split("\n"))
    if args.html:
        write_text(Path(args.html), report.html())
        say("", f"Report: {args.html}")
    return report.exit_code
