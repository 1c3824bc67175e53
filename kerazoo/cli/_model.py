"""The options that choose a model and its weights, and what they mean."""

import argparse
import json
from pathlib import Path
from typing import Any

from kerazoo._errors import invalid
from kerazoo.cli._quiet import import_keras


def add_model_options(parser: argparse.ArgumentParser, batch_size: bool = True) -> None:
    """`MODEL`, `--weights`, `--size`, `--set`, `--preprocessing` and, if wanted, `--batch-size`."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="id from `kerazoo list`, hf://user/repo, or a .keras file",
    )
    parser.add_argument(
        "--weights",
        help="imagenet (default), cifar10, a weights id from `kerazoo info MODEL`, or a file",
    )
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
    parser.add_argument(
        "--preprocessing",
        metavar="WEIGHTS_ID",
        help="prepare pictures as these registered weights want them (for files of your own)",
    )
    if batch_size:
        parser.add_argument(
            "--batch-size", type=positive, default=32, help="pictures at a time (default: 32)"
        )


def load_model(args: argparse.Namespace) -> Any:
    """The model that the options describe; Keras is imported here."""
    name = args.model
    stored = name.startswith("hf://") or name.endswith(".keras")
    if stored:
        _refuse_options(args, "a stored model")
    import_keras()
    if name.startswith("hf://"):
        from kerazoo import from_pretrained

        return from_pretrained(name)
    if stored:
        from kerazoo.models._stored import load_stored

        return load_stored(name)
    from kerazoo.registry import create_model

    settings = dict(args.settings)
    if args.size:
        settings["input_shape"] = (args.size, args.size, 3)
    return create_model(name, weights=args.weights or "imagenet", **settings)


def is_exported(name: str) -> bool:
    """Whether MODEL is what `kerazoo export` writes for another runtime."""
    return Path(name).suffix in (".tflite", ".onnx", ".xml") or Path(name).is_dir()


def load_runner(args: argparse.Namespace) -> Any:
    """The `kerazoo.deploy.Runner` that the options and `--runtime` describe."""
    exported = is_exported(args.model)
    if exported:
        _refuse_options(args, "an exported model")
    model = args.model if exported else load_model(args)
    import_keras()
    from kerazoo.deploy import Runner

    return Runner(
        model,
        args.runtime or "auto",
        batch_size=args.batch_size,
        preprocessing=named_preprocessing(args),
    )


def _refuse_options(args: argparse.Namespace, what: str) -> None:
    for option in ("weights", "size", "settings"):
        if getattr(args, option):
            raise invalid(option, getattr(args, option), f"left out for {what} {args.model}")


def load_preprocessing(args: argparse.Namespace, model: Any) -> Any:
    """How pictures are prepared for `model`, `--preprocessing` and `--size` considered."""
    from kerazoo.inference import picture_preprocessing

    return picture_preprocessing(model, named_preprocessing(args))


def named_preprocessing(args: argparse.Namespace) -> Any:
    """The record that `--preprocessing` names; None without it."""
    if not args.preprocessing:
        return None
    from kerazoo.checkpoints.records import get_checkpoint

    return get_checkpoint(args.preprocessing).preprocessing


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
