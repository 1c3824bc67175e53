"""The options that choose a model and its weights, and what they mean."""

import argparse
import json
from collections.abc import Iterable
from typing import Any

from kerazoo.cli._quiet import import_keras

MODEL = "model id, task, weights id, hf://user/repo, folder of a run, .keras or .h5 file"


def add_model_options(parser: argparse.ArgumentParser, batch_size: bool = True) -> None:
    """`MODEL`, `--weights`, `--size`, `--set`, `--like` and, if wanted, `--batch-size`."""
    parser.add_argument("model", metavar="MODEL", help=MODEL)
    add_weights_options(parser)
    parser.add_argument(
        "--size", type=positive, help="side of the pictures in pixels, where not the weights' own"
    )
    parser.add_argument(
        "--set",
        dest="settings",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        type=setting,
        help="further argument of the model's constructor, as JSON or plain text; repeatable",
    )
    if batch_size:
        parser.add_argument(
            "--batch-size", type=positive, default=32, help="pictures at a time (default: 32)"
        )


def add_weights_options(parser: argparse.ArgumentParser) -> None:
    """`--weights` and `--like`."""
    parser.add_argument(
        "--weights",
        help="of a model id: a data set (default: imagenet, coco or voc), a weights id, "
        "hf://user/repo or a file",
    )
    parser.add_argument(
        "--like",
        metavar="WEIGHTS_ID",
        help="of weights that do not say how they were trained: as these registered ones",
    )


def load_network(args: argparse.Namespace) -> Any:
    """The Keras network that the options describe; Keras is imported here.

    Raises:
        ValueError: There is none, or an exported one, of which nothing can be made.
    """
    from kerazoo.open import find_exported, is_stored, not_buildable, open_model

    if (exported := find_exported(args.model)) is not None:
        raise not_buildable(exported)
    import_keras()
    # A stored model is built already: `--like` can but say how its pictures are prepared.
    like = None if is_stored(args.model) else args.like
    return open_model(args.model, args.weights, size=args.size, like=like, **dict(args.settings))


def named_preprocessing(args: argparse.Namespace) -> Any:
    """The record of the weights that `--like` names; None without it."""
    if not args.like:
        return None
    from kerazoo.checkpoints.records import get_checkpoint

    return get_checkpoint(args.like).preprocessing


def given(args: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """Of these options those that were given, as arguments of a function."""
    return {name: getattr(args, name) for name in names if getattr(args, name) is not None}


def positive(text: str) -> int:
    """An int of at least 1, for argparse."""
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a positive integer, not {text!r}")
    return int(text)


def setting(text: str) -> tuple[str, Any]:
    """`name=value` with a JSON value, or plain text where it is no JSON."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, not {text!r}")
    try:
        return name, json.loads(value, parse_constant=_no_number)
    except (ValueError, RecursionError):  # ValueError: a number of thousands of digits too
        return name, value


def _no_number(text: str) -> None:
    raise argparse.ArgumentTypeError(f"must be a finite number, not {text}")
