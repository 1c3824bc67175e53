"""What commands that predict have in common: options of the tasks, and the network that is run."""

import argparse
from collections.abc import Callable
from typing import Any

from kerazoo.cli._model import given, positive
from kerazoo.cli._quiet import import_keras, native_held_back
from kerazoo.tasks import TASKS, get_task
from kerazoo.tasks.description import Option


def add_task_options(parser: argparse.ArgumentParser, about: str = "") -> None:
    """The options that tasks have for predictions, such as `--top`.

    Args:
        parser: Of a command.
        about: What each help text begins with.
    """
    options = {option.name: option for task in TASKS for option in get_task(task).options}
    for name, option in options.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=_reader(option),
            help=f"{about}{option.help} (default: {option.default})",
        )


def _reader(option: Option) -> Callable[[str], Any]:
    """For argparse: what was typed -> the value, or its complaint."""

    def read(text: str) -> Any:
        try:
            value = option.read(text)
        except ValueError:
            value = text
        if not option.rule.accepts(value):
            raise argparse.ArgumentTypeError(f"must be {option.rule.wants}, not {text!r}")
        return value

    return read


def task_options(args: argparse.Namespace) -> dict[str, Any]:
    """Those that were given; the network's task refuses what is not its own."""
    names = {option.name for task in TASKS for option in get_task(task).options}
    return given(args, names)


def load_predictor(args: argparse.Namespace) -> Any:
    """The `kerazoo.predictor.Predictor` of MODEL under the options of the command."""
    if needs_keras(args.model, args.runtime):
        import_keras("tensorflow")
    from kerazoo.prediction import open_predictor

    with native_held_back():  # runtimes say which of their parts they use
        return open_predictor(
            args.model,
            weights=args.weights,
            size=args.size,
            runtime=args.runtime,
            batch_size=args.batch_size,
            like=args.like,
            **dict(args.settings),
        )


def needs_keras(model: str, runtime: str | None) -> bool:
    """Whether running MODEL takes Keras: of what was exported the file's own runtime is enough."""
    from kerazoo.open import EXPORTED, find_exported

    exported = find_exported(model)
    return exported is None or exported.format not in EXPORTED.values() or runtime == "tensorflow"


def add_runtime(parser: argparse.ArgumentParser) -> None:
    """`--runtime`."""
    parser.add_argument(
        "--runtime",
        help="auto, tensorflow, openvino, onnx or litert: the network is fused and exported for it "
        "first (default: Keras as it is built; for an exported MODEL its own)",
    )


def add_tiles(parser: argparse.ArgumentParser) -> None:
    """`--tiles`."""
    parser.add_argument(
        "--tiles",
        metavar="SIDE",
        type=positive,
        help="look at each picture in overlapping tiles too, their longer side so many pixels of "
        "it: for things that are small in large pictures (detectors, segmenters)",
    )
