"""`kerazoo train`: run a recipe."""

import argparse
import os
from typing import Any

from kerazoo._errors import counted
from kerazoo.cli._output import say
from kerazoo.cli._quiet import import_keras
from kerazoo.cli._run import (
    DATA,
    add_changes,
    add_data_dir,
    add_numbers,
    add_session_options,
    session_options,
)

SUMMARY = "train a model from a recipe, resuming where it was killed"
EPILOG = """\
A recipe is a small TOML file; those that come with kerazoo are known by name. The same command
with the same --output goes on with a run that was stopped or killed. Options and --set replace
what the recipe says.

In OUTPUT: model.weights.h5 (the last weights), best.weights.h5, result.json, log.csv, curves.png
(extra "plot"), and run.json with everything that is needed to run it again.

examples:
  kerazoo train mixnet_s_cifar10 --data-dir data --output runs/mixnet_s
  kerazoo train my_recipe.toml --data pets/ --output runs/mine --epochs 40
  kerazoo train ssdlite_mobilenet_v2_bccd --data bccd/ --output runs/bccd
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
    parser.add_argument("--output", required=True, help="folder for log, weights and result")
    add_data_dir(parser)
    keys = parser.add_argument_group("in place of what the recipe says")
    keys.add_argument("--model", help="id from `kerazoo list`")
    keys.add_argument(
        "--weights", "--start", help="to start from: imagenet, a weights id, hf://user/repo, a file"
    )
    keys.add_argument("--data", help=DATA)
    add_numbers(keys)
    keys.add_argument("--dtype", help="float32, mixed_float16 or mixed_bfloat16")
    keys.add_argument("--strategy", help="none, mirrored or data_parallel")
    keys.add_argument(
        "--freeze",
        action="append",
        metavar="LAYERS",
        help="backbone (all but the head), or a pattern of layer names; repeatable",
    )
    keys.add_argument(
        "--freeze-until", metavar="LAYERS", help="freeze these layers and all before: stage3"
    )
    keys.add_argument(
        "--layer-decay", type=float, help="factor of the rate from each block to the one before"
    )
    add_changes(keys, "optimizer.ema=0.999")
    add_session_options(parser)


def run(args: argparse.Namespace) -> int:
    from kerazoo.training.recipe import load_recipe

    recipe = load_recipe(args.recipe, recipe_changes(args))
    result = run_recipe(recipe, args)
    from kerazoo.training.inputs import recipe_task

    figure = recipe_task(recipe).monitor
    say(
        f"{recipe.model}: {figure.label} {figure.shown(result[f'test_{figure.name}'])} on "
        f"{counted(result['test_pictures'], 'test picture')}; see {args.output}"
    )
    return int(result.get("skipped_pictures", 0) > 0)


def run_recipe(recipe: Any, args: argparse.Namespace) -> dict[str, Any]:
    """`train` with the options of the session."""
    from kerazoo.training import distribution

    if recipe.strategy in distribution.BACKENDS:
        os.environ.setdefault("KERAS_BACKEND", distribution.BACKENDS[recipe.strategy])
    import_keras("tensorflow", first=lambda: distribution.start(recipe.strategy))
    from kerazoo.training.run import train

    return train(recipe, args.output, args.data_dir, **session_options(args))


def recipe_changes(args: argparse.Namespace) -> dict[str, Any]:
    """What options and `--set` replace, by key of the recipe; `--set` counts last."""
    given = {key: getattr(args, name) for name, key in _KEYS.items()}
    return {k: v for k, v in given.items() if v is not None} | dict(args.changes)
