"""The options that the commands which train have in common, and what they mean."""

import argparse
import shlex
import tomllib
from typing import Any

from kerazoo.cli._model import positive

DATA = "TFDS name, folder, or a .csv, .json (COCO) or .yaml (YOLO) file"
_NUMBERS = {"epochs": positive, "batch_size": positive, "learning_rate": float, "seed": int}


def add_data_dir(parser: argparse._ActionsContainer) -> None:
    """`--data-dir`, beside a data set that may be TFDS'."""
    parser.add_argument("--data-dir", help="for TFDS sets: folder that holds <name>/<version>")


def add_numbers(parser: argparse._ActionsContainer, **about: str) -> None:
    """`--epochs`, `--batch-size`, `--learning-rate` and `--seed`.

    Args:
        parser: Or a group of one.
        **about: What the help says of some of them.
    """
    for name, type in _NUMBERS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type, help=about.get(name))


def add_changes(parser: argparse._ActionsContainer, example: str) -> None:
    """`--set`, as `args.changes`: pairs of a recipe's key and value."""
    parser.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        type=change,
        metavar="SECTION.KEY=VALUE",
        help=f"any key of the recipe, as in {example} (TOML, or plain text); repeatable",
    )


def add_session_options(parser: argparse.ArgumentParser) -> None:
    """What changes nothing in the result; see `session_options`."""
    session = parser.add_argument_group("this session")
    session.add_argument(
        "--backup-every", type=positive, metavar="STEPS", help="also within epochs (default: no)"
    )
    session.add_argument("--force", action="store_true", help="throw away another run in OUTPUT")
    session.add_argument("--tensorboard", action="store_true", help="also write TensorBoard logs")


def session_options(args: argparse.Namespace) -> dict[str, Any]:
    """Arguments of `train` and `finetune` in `kerazoo.training`."""
    return {
        "backup_every": args.backup_every,
        "force": args.force,
        "tensorboard": args.tensorboard,
        "command": shlex.join(["kerazoo", *args.words]),
    }


def change(text: str) -> tuple[str, Any]:
    """`section.key=value` for argparse, the value as TOML or plain text."""
    key, equals, value = text.partition("=")
    if not equals or not all(part.isidentifier() for part in key.split(".")):
        raise argparse.ArgumentTypeError(f"must be SECTION.KEY=VALUE, not {text!r}")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):  # ValueError: a number of thousands of digits too
        return key, value
