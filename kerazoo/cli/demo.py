"""`kerazoo demo`: a pretrained network on real photographs, nothing to prepare."""

import argparse
import importlib.util
from pathlib import Path
from typing import Any

from kerazoo.cli._output import complain, say
from kerazoo.cli._quiet import import_keras

SUMMARY = "name what is on scikit-image's photographs and draw a contact sheet"
EPILOG = """\
Needs scikit-image, for its photographs alone (pip install "kerazoo[demo]"). MixNet-M with its
ImageNet weights is tried first. Where they cannot be downloaded, MixNet-S with the CIFAR-10
weights that come with kerazoo is used; it knows ten classes, among them cat and automobile.

examples:
  kerazoo demo
  kerazoo demo --output sheet.png
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
    parser.add_argument(
        "--weights", choices=("imagenet", "cifar10"), help="only these, with no second choice"
    )


def run(args: argparse.Namespace) -> int:
    import_keras()
    from kerazoo.cli.predict import print_predictions
    from kerazoo.pictures import open_picture
    from kerazoo.prediction import open_predictor
    from kerazoo.report.contact_sheet import contact_sheet, save_sheet

    paths = _photographs()
    model = _model(args.weights)
    predictor = open_predictor(model)
    results = list(predictor.predictions(paths, top=3))
    task = predictor.task
    print_predictions(task, [(Path(path.name), prediction) for path, prediction in results])
    sheet = contact_sheet(
        f"{model.name}, weights {model.info.checkpoint}",
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


def _model(weights: str | None) -> Any:
    from kerazoo import DownloadError, create_model

    if weights != "cifar10":
        try:
            return create_model("mixnet_m", weights="imagenet")
        except DownloadError as error:
            if weights:
                raise
            complain(
                f"no ImageNet weights ({_gist(error)}): "
                "using the CIFAR-10 weights that come with kerazoo, which know ten classes."
            )
    return create_model("mixnet_s", weights="cifar10")


def _gist(error: Exception) -> str:
    """What went wrong without the causes and remedies that follow."""
    gist = " ".join(str(error).split()).partition(" (")[0].partition(". ")[0]
    return gist[:1].lower() + gist[1:].rstrip(".:")
