"""`kerazoo demo`: pretrained networks on real photographs, nothing to prepare."""

import argparse
from pathlib import Path
from typing import Any

from kerazoo._photographs import photographs
from kerazoo.cli._model import MODEL
from kerazoo.cli._output import say
from kerazoo.cli._quiet import import_keras

SUMMARY = "find names, boxes and masks on scikit-image's photographs, and draw a contact sheet"
EPILOG = """\
Needs scikit-image, for its photographs alone (pip install "kerazoo[demo]"). The networks come with
kerazoo, one for each task, nothing is downloaded. MODEL takes the place of all of them.

examples:
  kerazoo demo
  kerazoo demo --output sheet.png
  kerazoo demo --model mixnet_m
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", default="demo.png", help="contact sheet (default: demo.png)")
    parser.add_argument("--model", metavar="MODEL", help=f"{MODEL} (default: those of the package)")


def run(args: argparse.Namespace) -> int:
    import_keras()
    from kerazoo.checkpoints.shipped import default_model
    from kerazoo.cli.predict import Shown, draw_sheet, print_predictions
    from kerazoo.prediction import open_predictor
    from kerazoo.tasks import TASKS

    paths = photographs()
    if not paths:
        raise ImportError('the demo needs scikit-image: pip install "kerazoo[demo]"')
    shown = []
    for name in [args.model] if args.model else [default_model(task) for task in TASKS]:
        predictor = open_predictor(name)
        task = predictor.task
        few: dict[str, Any] = (
            {"top": 3} if "top" in {option.name for option in task.options} else {}
        )
        results = list(predictor.predictions(paths, **few))
        say(f"{task.name}: {predictor.name}", "")
        print_predictions(task, [(Path(path.name), prediction) for path, prediction in results])
        say("")
        shown.append(Shown(task, predictor.name, results))
    draw_sheet(shown, Path(args.output))
    say(f"Contact sheet: {args.output}")
    return 0
