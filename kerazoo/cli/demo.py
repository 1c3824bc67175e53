"""`kerazoo demo`: a pretrained network on real photographs, nothing to prepare."""

import argparse
import importlib.util
from pathlib import Path

from kerazoo.cli._model import MODEL
from kerazoo.cli._output import say
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

# Photographs that are inside the scikit-image package: none of these is ever downloaded.
PHOTOGRAPHS = (
    "chelsea.png",
    "coffee.png",
    "rocket.jpg",
    "motorcycle_left.png",
    "astronaut.png",
    "camera.png",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", default="demo.png", help="contact sheet (default: demo.png)")
    parser.add_argument("--model", metavar="MODEL", help=f"{MODEL} (default: one of the package)")


def run(args: argparse.Namespace) -> int:
    import_keras()
    from kerazoo.checkpoints.shipped import default_model
    from kerazoo.cli.predict import print_predictions
    from kerazoo.pictures import open_picture
    from kerazoo.prediction import open_predictor
    from kerazoo.report.contact_sheet import contact_sheet, save_sheet

    paths = _photographs()
    predictor = open_predictor(args.model or default_model())
    results = list(predictor.predictions(paths, top=3))
    task = predictor.task
    print_predictions(task, [(Path(path.name), prediction) for path, prediction in results])
    sheet = contact_sheet(
        f"{predictor.name}, weights {getattr(predictor.record, 'checkpoint', None)}",
        [task.draw(open_picture(path), prediction) for path, prediction in results],
        [task.captions(prediction) for _, prediction in results],
    )
    save_sheet(sheet, args.output)
    say("", f"Contact sheet: {args.output}")
    return 0


def _photographs() -> list[Path]:
    spec = importlib.util.find_spec("skimage")  # finds the folder without importing the package
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError('the demo needs scikit-image: pip install "kerazoo[demo]"')
    folder = Path(spec.submodule_search_locations[0]) / "data"
    return [folder / name for name in PHOTOGRAPHS]
