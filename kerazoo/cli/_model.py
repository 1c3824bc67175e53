"""The options that choose a model and its weights, and what they mean."""

import argparse
import json
from typing import Any

from kerazoo.cli._quiet import import_keras

MODEL = "model id, weights id, hf://user/repo, folder of a run, .keras or .h5 file"


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
        help="of a model id: imagenet (default), cifar10, a weights id, hf://user/repo or a file",
    )
    parser.add_argument(
        "--like",
        metavar="WEIGHTS_ID",
        help="of weights that do not say how they were trained: as these registered ones",
    )


def load_model(args: argparse.Namespace) -> Any:
    """The network that the options describe, or an `Exported`; Keras is imported here."""
    from kerazoo.open import find_exported, is_stored, open_model

    exported = find_exported(args.model)
    if exported is None:
        import_keras()
    # Such a network is there already: `--like` can but say how its pictures are prepared.
    made = exported is not None or is_stored(args.model)
    return open_model(
        args.model,
        args.weights,
        size=args.size,
        like=None if made else args.like,
        **dict(args.settings),
    )


def load_network(args: argparse.Namespace) -> Any:
    """The same for what cannot do with an exported one."""
    from kerazoo.open import Exported, not_buildable

    model = load_model(args)
    if isinstance(model, Exported):
        raise not_buildable(model)
    return model


def is_exported(name: str) -> bool:
    """Whether MODEL is what `kerazoo export` writes for another runtime."""
    from kerazoo.open import find_exported

    return find_exported(name) is not None


def load_runner(args: argparse.Namespace) -> Any:
    """The `kerazoo.deploy.Runner` that the options and `--runtime` describe."""
    from kerazoo.open import Exported

    model = load_model(args)
    import_keras()
    from kerazoo.deploy import Runner

    return Runner(
        model.path if isinstance(model, Exported) else model,
        args.runtime or "auto",
        batch_size=args.batch_size,
        preprocessing=named_preprocessing(args),
    )


def load_preprocessing(args: argparse.Namespace, model: Any) -> Any:
    """How pictures are prepared for `model`, `--like` and `--size` considered."""
    from kerazoo.inference import picture_preprocessing

    return picture_preprocessing(model, named_preprocessing(args))


def named_preprocessing(args: argparse.Namespace) -> Any:
    """The record of the weights that `--like` names; None without it."""
    if not args.like:
        return None
    from kerazoo.checkpoints.records import get_checkpoint

    return get_checkpoint(args.like).preprocessing


def positive(text: str) -> int:
    """An int of at least 1, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a positive integer, not {text!r}")
    return int(text)


def setting(text: str) -> tuple[str, Any]:
    """`name=value` with a JSON value, or plain text where it is no JSON."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, not {text!r}")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value
