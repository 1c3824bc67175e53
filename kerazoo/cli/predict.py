"""`kerazoo predict`: what is on these pictures."""

import argparse
import csv
import sys
from pathlib import Path
from typing import Any

from kerazoo.cli._model import (
    add_model_options,
    is_exported,
    load_model,
    load_preprocessing,
    load_runner,
    positive,
)
from kerazoo.cli._output import Progress, complain, print_json, print_table

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
    parser.add_argument("--top", type=positive, default=5, help="classes a picture (default: 5)")
    parser.add_argument(
        "--runtime",
        help="auto, tensorflow, openvino, onnx or litert: the network is fused and exported for it "
        "first (default: Keras as it is built; for an exported MODEL its own)",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="JSON instead of a table")
    form.add_argument("--csv", action="store_true", help="CSV instead of a table")


def run(args: argparse.Namespace) -> int:
    from kerazoo.pictures import find_pictures

    paths = find_pictures(args.pictures)  # before the model: a typo should not cost its loading
    if args.runtime or is_exported(args.model):
        results = _through_runtime(args, paths)
    else:
        model = load_model(args)
        preprocessing, top, batch = load_preprocessing(args, model), args.top, args.batch_size
        with Progress(len(paths), "picture") as progress:
            results = predict_files(model, preprocessing, paths, top, batch, progress.at)
    show = _print_json if args.json else _print_csv if args.csv else print_predictions
    show(results)
    return 0 if len(results) == len(paths) else 1


def _through_runtime(args: argparse.Namespace, paths: list[Path]) -> list[tuple[Path, list[Any]]]:
    runner, results, skipped = load_runner(args), [], []

    def skip(error: Exception) -> None:
        skipped.append(error)
        complain(error)

    with Progress(len(paths), "picture") as progress:
        for path, scores in runner.stream(paths, skip):
            results.append((path, runner.decode(scores[None], args.top)[0]))
            progress.at(len(results) + len(skipped), len(paths))
    return results


def predict_files(
    model: Any, preprocessing: Any, paths: list[Path], top: int, batch: int, progress: Any = None
) -> list[tuple[Path, list[Any]]]:
    """`(path, predictions)` of every picture that can be read; the others are complained of."""
    import numpy as np

    from kerazoo.inference import inference_function
    from kerazoo.labels import decode_predictions

    run_batch, results = inference_function(model), []
    # A model with random or fresh weights carries no labels: the number of classes decides.
    labelled = {"model": model} if getattr(getattr(model, "info", None), "labels", None) else {}
    for start in range(0, len(paths), batch):
        read = _read(paths[start : start + batch], preprocessing)
        if read:
            scores = run_batch(np.stack(list(read.values())))
            results += zip(read, decode_predictions(scores, top, **labelled), strict=True)
        if progress:
            progress(min(start + batch, len(paths)), len(paths))
    return results


def print_predictions(results: list[tuple[Path, list[Any]]]) -> None:
    """A table with a line for each class, the picture's name on the first of them."""
    rows = [
        ("" if rank else str(path), f"{100 * each.score:.1f}", each.name)
        for path, predictions in results
        for rank, each in enumerate(predictions)
    ]
    if rows:
        print_table(("picture", "score (%)", "class"), rows, right=(1,))


def _read(paths: list[Path], preprocessing: Any) -> dict[Path, Any]:
    from kerazoo.pictures import PictureError, open_picture

    read = {}
    for path in paths:
        try:
            read[path] = preprocessing.from_pil(open_picture(path))
        except PictureError as error:
            complain(error)
    return read


def _print_json(results: list[tuple[Path, list[Any]]]) -> None:
    print_json(
        [
            {"picture": str(path), "predictions": [each._asdict() for each in predictions]}
            for path, predictions in results
        ]
    )


def _print_csv(results: list[tuple[Path, list[Any]]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("picture", "rank", "index", "name", "score"))
    for path, predictions in results:
        for rank, each in enumerate(predictions, start=1):
            writer.writerow((path, rank, *each))
