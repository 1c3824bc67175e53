"""`kerazoo predict`: what is on these pictures."""

import argparse
import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kerazoo._progress import Progress
from kerazoo.cli._model import add_model_options
from kerazoo.cli._output import complain, print_json, print_table
from kerazoo.cli._scoring import add_scoring, check_left_out, score_many
from kerazoo.cli._task import (
    add_runtime,
    add_task_options,
    add_tiles,
    load_predictor,
    task_options,
)

SUMMARY = "find what is on pictures: names, boxes or masks"
EPILOG = """\
Folders are searched through. Pictures are turned as their EXIF data says; transparency is laid on
white. A picture that cannot be read is reported on stderr and skipped, and the exit status is 1.
MODEL may also be what `kerazoo export` wrote; `detection` and `segmentation` are the networks that
come with the package.

examples:
  kerazoo predict mixnet_m cat.jpg
  kerazoo predict mixnet_s photographs/ '*.png' --top 3
  kerazoo predict mixnet_s cat.jpg --weights cifar10
  kerazoo predict mobilenet_v2_100 photographs/ --json > result.json
  kerazoo predict hf://user/my-mixnet photographs/ --csv
  kerazoo predict mixnet_s photographs/ --runtime openvino
  kerazoo predict mixnet_s.tflite photographs/
  kerazoo predict mixnet_s photographs/ --sheet sheet.png
  kerazoo predict detection street.jpg --threshold 0.3 --save drawn/
  kerazoo predict detection aerial.jpg --tiles 600
  kerazoo predict segmentation street.jpg --save drawn/
  kerazoo predict mixnet_s archive/ --output scores/ --engine ray
"""

MOST = 60  # pictures on a sheet


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_options(parser)
    parser.add_argument("pictures", metavar="IMAGE", nargs="+", help="file, folder or glob")
    add_task_options(parser)
    add_tiles(parser)
    add_runtime(parser)
    parser.add_argument(
        "--sheet", metavar="FILE.png", help="also draw the pictures with what was found on them"
    )
    parser.add_argument(
        "--save",
        metavar="FOLDER",
        help="also draw what was found onto a copy of each picture; masks also as PNGs",
    )
    parser.add_argument("--force", action="store_true", help="overwrite FILE.png, and in FOLDER")
    parser.add_argument(
        "--exact",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="decode every pixel of JPEGs (default); without, large ones are read sooner",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="JSON instead of a table")
    form.add_argument("--csv", action="store_true", help="CSV instead of a table")
    add_scoring(parser)


def run(args: argparse.Namespace) -> int:
    from kerazoo._errors import invalid
    from kerazoo.picture_lists import find_pictures

    if args.output:
        return score_many(args)
    check_left_out(args)
    paths = find_pictures(args.pictures)  # before the model: a typo should not cost its loading
    if args.sheet:
        check_sheet(Path(args.sheet), args.force)
    copies = drawn_paths(paths, Path(args.save), args.force) if args.save else {}
    predictor = load_predictor(args)
    predictor.exact = args.exact
    if copies and not predictor.task.placed:
        raise invalid("save", args.save, f"left out: {predictor.task.name} finds nothing to draw")
    beside = further_paths(predictor.task, copies, args.force)
    results, skipped = [], []

    def skip(error: Exception) -> None:
        skipped.append(error)
        complain(error)

    with Progress(len(paths), "picture") as progress:
        for path, found in predictor.predictions(paths, skip, args.tiles, **task_options(args)):
            results.append((path, found))
            if copies:
                _save_copy(predictor.task, path, found, copies[path])
                for method, place in beside[path].items():
                    getattr(found, method)(place)
            progress.at(len(results) + len(skipped), len(paths))
    show = _print_json if args.json else _print_csv if args.csv else print_predictions
    show(predictor.task, results)
    if args.sheet and results:
        draw_sheet([Shown(predictor.task, predictor.name, results)], Path(args.sheet))
        complain(f"contact sheet: {args.sheet}")  # on stderr: stdout is for the answers
    if copies and results:
        complain(f"drawn pictures: {args.save}")
    return 0 if len(results) == len(paths) else 1


def drawn_paths(paths: Sequence[Path], folder: Path, force: bool) -> dict[Path, Path]:
    """Where the copy of each picture goes: under its own name, numbered where two have the same.

    Raises:
        ValueError: A file of that name is there, and may not be overwritten.
    """
    from kerazoo._files import check_output

    found: dict[Path, Path] = {}
    taken: set[Path] = set()
    for path in paths:
        suffix = ".jpg" if path.suffix.lower() in (".jpg", ".jpeg") else ".png"
        place, number = folder / f"{path.stem}{suffix}", 2
        while place in taken:
            place, number = folder / f"{path.stem}_{number}{suffix}", number + 1
        found[path] = place
        taken.add(place)
    if found:
        check_output(folder, [*taken], force)
    return found


def further_paths(
    task: Any, copies: Mapping[Path, Path], force: bool
) -> dict[Path, dict[str, Path]]:
    """What else is left of each picture: the prediction's method that writes it -> its path.

    Raises:
        ValueError: A file of that name is there, and may not be overwritten.
    """
    from kerazoo._files import check_output

    found = {
        picture: {
            method: copy.with_name(copy.stem + ending) for ending, method in task.files.items()
        }
        for picture, copy in copies.items()
    }
    places = [place for each in found.values() for place in each.values()]
    if places:
        check_output(places[0].parent, places, force)
    return found


def _save_copy(task: Any, picture: Path, prediction: Any, path: Path) -> None:
    """A copy of a picture with what was found on it."""
    from kerazoo.pictures import open_picture
    from kerazoo.report.drawn import save_drawn

    path.parent.mkdir(parents=True, exist_ok=True)
    save_drawn(path, lambda: task.draw(open_picture(picture), prediction))


def check_sheet(path: Path, force: bool) -> None:
    """Raises `ValueError` where a sheet cannot be written there."""
    from kerazoo._errors import invalid
    from kerazoo._files import check_output

    if path.suffix.lower() != ".png":
        raise invalid("sheet", str(path), "a file name in .png")
    check_output(path, [path], force)


class Shown(NamedTuple):
    """What a network said of pictures.

    Attributes:
        task: Of the network.
        name: Of the network.
        results: Paths of pictures with their predictions.
    """

    task: Any
    name: str
    results: Sequence[tuple[Path, Any]]


def draw_sheet(networks: Sequence[Shown], path: Path) -> None:
    """The first `MOST` pictures with their predictions, as a contact sheet in a file.

    Args:
        networks: One or several, of the same pictures: what they say of one is side by side.
        path: A PNG, which is replaced.
    """
    from kerazoo.pictures import open_picture
    from kerazoo.report.contact_sheet import contact_sheet, framed, save_sheet

    count = len(networks[0].results)
    more = f", the first {MOST} of {count} pictures" if count > MOST else ""
    drawn, captions = [], []
    for number in range(min(MOST, count)):
        for network in networks:
            picture, prediction = network.results[number]
            each = network.task.draw(open_picture(picture), prediction)
            # Nothing that was found is cut off; pictures of a row have one shape.
            placed = network.task.placed or len(networks) > 1
            drawn.append(framed(each) if placed else each)
            captions.append([(picture.name, None), *network.task.captions(prediction)])
    title = ", ".join(network.name for network in networks)
    save_sheet(contact_sheet(f"{title}{more}", drawn, captions), path)


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
