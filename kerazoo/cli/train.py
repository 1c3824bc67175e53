"""`kerazoo train`: run a recipe."""

import argparse
import os
import shlex
import tomllib
from typing import Any

from kerazoo.cli._model import positive
from kerazoo.cli._quiet import import_keras

SUMMARY = "train a model from a recipe, resuming where it was killed"
EPILOG = """\
A recipe is a small TOML file; those that come with kerazoo are known by name. The same command
with the same --output goes on with a run that was stopped or killed. Options and --set replace
what the recipe says.

In OUTPUT: model.weights.h5 (the last weights), best.weights.h5, result.json, log.csv, curves.png,
and run.json with everything that is needed to run it again.

examples:
  kerazoo train mixnet_s_cifar10 --data-dir data --output runs/mixnet_s
  kerazoo train my_recipe.toml --data pets/ --output runs/mine --epochs 40
  kerazoo train mixnet_s_cifar10 --data-dir data --output runs/adamw \\
      --set optimizer.name=adamw --set optimizer.learning_rate=0.002 --set augmentation.mixup=0.2
  kerazoo train mixnet_s_cifar10_second --data-dir data --output runs/second \\
      --weights runs/mixnet_s/model.weights.h5
"""

# Option -> key of the recipe.
_KEYS = {
    "model": "model",
    "weights": "weights",
    "epochs": "epochs",
    "batch_size": "batch_size",
    "learning_rate": "optimizer.learning_rate",
    "seed": "seed",
    "dtype": "dtype",
    "strategy": "strategy",
    "freeze": "transfer.freeze",
    "freeze_until": "transfer.freeze_until",
    "layer_decay": "transfer.layer_decay",
    "data": "data.name",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", metavar="RECIPE", help="name, or path of a .toml file")
    add_run_options(parser)


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """What `train` and commands built on it share."""
    parser.add_argument("--output", required=True, help="folder for log, weights and result")
    parser.add_argument("--data-dir", help="for TFDS sets: folder that holds <name>/<version>")
    keys = parser.add_argument_group("in place of what the recipe says")
    keys.add_argument("--model", help="id from `kerazoo list`")
    keys.add_argument(
        "--weights", "--start", help="to start from: imagenet, a weights id, hf://user/repo, a file"
    )
    keys.add_argument("--data", help="TFDS name, folder or .csv file")
    keys.add_argument("--epochs", type=positive)
    keys.add_argument("--batch-size", type=positive)
    keys.add_argument("--learning-rate", type=float)
    keys.add_argument("--seed", type=int)
    keys.add_argument("--dtype", help="float32, mixed_float16 or mixed_bfloat16")
    keys.add_argument("--strategy", help="none, mirrored or data_parallel")
    keys.add_argument(
        "--freeze",
        action="append",
        metavar="LAYERS",
        help="backbone (all but the classifier), or a pattern of layer names; repeatable",
    )
    keys.add_argument(
        "--freeze-until", metavar="LAYERS", help="freeze these layers and all before: stage3"
    )
    keys.add_argument(
        "--layer-decay", type=float, help="factor of the rate from each block to the one before"
    )
    keys.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        type=change,
        metavar="SECTION.KEY=VALUE",
        help="any key, as in optimizer.ema=0.999 (TOML, or plain text); repeatable",
    )
    session = parser.add_argument_group("this session")
    session.add_argument(
        "--backup-every", type=positive, metavar="STEPS", help="also within epochs (default: no)"
    )
    session.add_argument("--force", action="store_true", help="throw away another run in OUTPUT")
    session.add_argument("--tensorboard", action="store_true", help="also write TensorBoard logs")


def run(args: argparse.Namespace) -> int:
    from kerazoo.training.recipe import load_recipe

    recipe = load_recipe(args.recipe, recipe_changes(args))
    result = run_recipe(recipe, args)
    print(
        f"{recipe.model}: {100 * result['test_accuracy']:.2f} % of "
        f"{result['test_pictures']} test pictures; see {args.output}"
    )
    return 0


def run_recipe(recipe: Any, args: argparse.Namespace) -> dict[str, Any]:
    """`train` with the options of the session."""
    from kerazoo.training import distribution

    if recipe.strategy in distribution.BACKENDS:
        os.environ.setdefault("KERAS_BACKEND", distribution.BACKENDS[recipe.strategy])
    import_keras("tensorflow", first=lambda: distribution.start(recipe.strategy))
    from kerazoo.training.run import train

    return train(
        recipe,
        args.output,
        args.data_dir,
        backup_every=args.backup_every,
        force=args.force,
        tensorboard=args.tensorboard,
        command=shlex.join(["kerazoo", *args.words]),
    )


def recipe_changes(args: argparse.Namespace) -> dict[str, Any]:
    """What options and `--set` replace, by key of the recipe; `--set` counts last."""
    given = {key: getattr(args, name) for name, key in _KEYS.items()}
    return {k: v for k, v in given.items() if v is not None} | dict(args.changes)


def change(text: str) -> tuple[str, Any]:
    """`section.key=value` for argparse, the value as TOML or plain text."""
    key, equals, value = text.partition("=")
    if not equals or not all(part.isidentifier() for part in key.split(".")):
        raise argparse.ArgumentTypeError(f"must be SECTION.KEY=VALUE, not {text!r}")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value
