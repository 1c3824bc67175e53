"""`kerazoo export`: a network for a server, a phone or another runtime."""

import argparse
from pathlib import Path
from typing import Any

from kerazoo._errors import invalid
from kerazoo._files import check_output, read_utf8
from kerazoo._machine import is_installed
from kerazoo._progress import Progress
from kerazoo.cli._model import add_model_options, load_network, named_preprocessing, positive
from kerazoo.cli._output import say
from kerazoo.cli._quiet import import_keras, native_held_back
from kerazoo.cli._run import DATA, add_data_dir
from kerazoo.cli._task import add_task_options, task_options

SUMMARY = "write a network for TF Serving, LiteRT, ONNX, OpenVINO or Keras"
EPILOG = """\
The network is fused for the format first. Labels and preprocessing go into a JSON file beside the
output (in a SavedModel: assets.extra/kerazoo.json), so that `kerazoo predict OUTPUT` needs nothing
else. int8 needs some hundred real pictures, from --representative or --data. At the end the file is
run beside the original, on those or on scikit-image's photographs.

examples:
  kerazoo export mixnet_m --format savedmodel --output models/mixnet_m
  kerazoo export runs/pets --format onnx --compare 'pets/test/*/*.jpg'
  kerazoo export mixnet_s --format litert --precision float16
  kerazoo export mobilenet_v2 --format openvino --precision int8 --representative photographs/
  kerazoo export mixnet_s --weights cifar10 --format litert --precision int8 \\
      --data cifar10 --data-dir ~/tensorflow_datasets
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_options(parser, batch_size=False)
    parser.add_argument(
        "--format", required=True, help="savedmodel, litert, onnx, openvino or keras"
    )
    parser.add_argument(
        "--precision",
        default="float32",
        help="float32 (default); litert: float16, dynamic, int8; openvino: int8",
    )
    parser.add_argument(
        "--output",
        help="file, or folder for savedmodel (default: MODEL, the precision and the suffix or "
        "_savedmodel)",
    )
    parser.add_argument("--force", action="store_true", help="overwrite what exists")
    parser.add_argument(
        "--target",
        help="fuse for tensorflow, openvino, onnx, litert or litert_int8 (default: the format's)",
    )
    parser.add_argument("--no-fuse", action="store_true", help="keep the network as it was built")
    parser.add_argument(
        "--labels", help="imagenet, cifar10, coco, voc, …, or a text file with a name a line"
    )
    add_task_options(parser, "of answers: ")
    parser.add_argument("--version", type=positive, default=1, help="savedmodel: its number (1)")
    parser.add_argument("--opset", type=positive, default=17, help="onnx: operations (17)")
    compare = parser.add_mutually_exclusive_group()
    compare.add_argument(
        "--compare", metavar="IMAGE", nargs="+", help="pictures to run file and original on"
    )
    compare.add_argument("--no-compare", action="store_true", help="do not run the file")
    data = parser.add_argument_group("pictures for int8")
    data.add_argument("--representative", metavar="IMAGE", nargs="+", help="files, folders, globs")
    data.add_argument(
        "--float-layers",
        metavar="NAME",
        nargs="+",
        default=(),
        help="litert: layers that stay in float, the beginnings of their names: stem stage1",
    )
    data.add_argument("--data", help=DATA)
    add_data_dir(data)
    data.add_argument("--split", help="of --data (default: train, or all where there are none)")


def run(args: argparse.Namespace) -> int:
    representative = _representative(args)
    if args.output:  # before all that takes seconds
        check_output(Path(args.output), (), args.force)
    import_keras()
    from kerazoo.deploy.exporting import FORMATS
    from kerazoo.deploy.exporting.writing import check_arguments

    check_arguments(args.format, args.precision, args.target, not args.no_fuse, args.opset)
    pictures = representative() if representative else None  # a typo should not cost a model
    if args.compare:
        from kerazoo.picture_lists import find_pictures

        for path in find_pictures(args.compare):
            if not path.is_file():
                raise FileNotFoundError(f"There is no picture `{path}`.")
    model = load_network(args)
    with native_held_back():  # converters and runtimes chatter
        with Progress(0, "picture", "calibrating", show=None if pictures else False) as progress:
            path = _export(args, model, pictures, progress.at)
        compared = "" if args.no_compare else f"; {_compared(args, model, path, pictures)}"
    say(path, f"{_size(path, FORMATS[args.format]) / 1e6:.2f} MB{compared}")
    return 0


def _export(args: argparse.Namespace, model: Any, pictures: Any, progress: Any) -> Path:
    from kerazoo.deploy import export
    from kerazoo.deploy.exporting import FORMATS

    return export(
        model,
        args.output or _default_output(args, FORMATS[args.format].suffix),
        args.format,
        precision=args.precision,
        fused=not args.no_fuse,
        target=args.target,
        representative=pictures,
        float_layers=args.float_layers,
        preprocessing=named_preprocessing(args),
        labels=_labels(args.labels),
        version=args.version,
        opset=args.opset,
        force=args.force,
        progress=progress,
        **task_options(args),
    )


def _size(path: Path, kind: Any) -> int:
    files = path.rglob("*") if path.is_dir() else [path, *map(path.with_suffix, kind.beside)]
    return sum(file.stat().st_size for file in files if file.is_file())


def _compared(args: argparse.Namespace, model: Any, path: Path, given: Any) -> str:
    """What is said of the file beside the original."""
    from kerazoo._photographs import photographs
    from kerazoo.deploy import compare
    from kerazoo.deploy.runtimes import OPENERS

    pictures = args.compare or given or photographs()
    missing = [extra for module, extra in OPENERS[args.format].needs if not is_installed(module)]
    if not pictures:
        return 'no pictures to compare with: --compare, or pip install "kerazoo[demo]" for some'
    if missing:
        return f'not compared with the original: pip install "kerazoo[{missing[0]}]" runs it'
    try:
        return str(compare(model, path, pictures))
    except ValueError as error:
        if args.compare:
            raise
        return f"not compared with the original: {error}"


def _default_output(args: argparse.Namespace, suffix: str) -> str:
    """In the folder one is in, by a name that no model or run has: `mixnet_s_int8.tflite`."""
    from kerazoo.checkpoints.read.tensors import READERS

    name = Path(args.model).name
    ending = next((each for each in READERS if name.lower().endswith(each)), "")
    name = name[: len(name) - len(ending)]
    precision = "" if args.precision == "float32" else f"_{args.precision}"
    output = f"{name}{precision}{suffix or '_savedmodel'}"
    return output if output != args.model else f"{name}_exported{suffix}"


def _representative(args: argparse.Namespace) -> Any:
    """A function that opens the pictures: after the arguments are checked; None without any."""
    if args.representative and args.data:
        raise invalid("data", args.data, "left out with --representative")
    if args.representative:
        return lambda: args.representative
    if not args.data:
        return None

    def load() -> Any:
        from kerazoo.data.open import open_source

        return open_source(args.data, args.split, data_dir=args.data_dir)

    return load


def _labels(given: str | None) -> Any:
    if given is None or not Path(given).is_file():
        return given
    return tuple(read_utf8(given, "labels").splitlines())
