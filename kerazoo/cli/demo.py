"""`kerazoo demo`: a pretrained network on real photographs, nothing to prepare."""

import argparse
from pathlib import Path

from kerazoo.cli._model import MODEL
from kerazoo.cli._output import say
from kerazoo.cli._photographs import photographs
from kerazoo.cli._quiet import import_keras

SUMMARY = "name what is on scikit-image's photographs and draw a contact sheet"
EPILOG = """\
Needs scikit-image, for its photographs alone (pip install "kerazoo[demo]"). The network comes with
kerazoo, nothing is downloaded: MobileNetV2, which knows the thousand classes of ImageNet.

examples:
  kerazoo demo
  kerazoo demo --output sheet.png
  kerazoo demo --model mixnet_m
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", default="demo.png", help="contact sheet (default: demo.png)")
    parser.add_argument("--model", metavar="MODEL", help=f"{MODEL} (default: one of the package)")


def run(args: argparse.Namespace) -> int:
    import_keras()
    from kerazoo.checkpoints.shipped import default_model
    from kerazoo.cli.predict import draw_sheet, print_predictions
    from kerazoo.prediction import open_predictor

    paths = photographs()
    if not paths:
        raise ImportError('the demo needs scikit-image: pip install "kerazoo[demo]"')
    predictor = open_predictor(args.model or default_model())
    results = list(predictor.predictions(paths, top=3))
    task = predictor.task
    print_predictions(task, [(Path(path.name), prediction) for path, prediction in results])
    title = f"{predictor.name}, weights {getattr(predictor.record, 'checkpoint', None)}"
    draw_sheet(task, title, results, Path(args.output))
    say("", f"Contact sheet: {args.output}")
    return 0
