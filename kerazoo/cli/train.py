"""`kerazoo train`: run a recipe."""

import argparse
import logging
import shlex
from pathlib import Path

from kerazoo.cli._model import positive
from kerazoo.cli._quiet import import_keras

SUMMARY = "train a model from a recipe, resuming where it was killed"
EPILOG = """\
A recipe is a small TOML file; those that come with kerazoo are known by name. The same command
with the same --output goes on with a run that was stopped.

examples:
  kerazoo train mixnet_s_cifar10 --data-dir data --output runs/mixnet_s
  kerazoo train my_recipe.toml --data-dir data --output runs/mine --epochs 40
  kerazoo train mixnet_s_cifar10_second --data-dir data --output runs/second \
      --start runs/mixnet_s/model.weights.h5
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", metavar="RECIPE", help="name, or path of a .toml file")
    parser.add_argument("--output", required=True, help="folder for log, weights and result")
    parser.add_argument("--data-dir", required=True, help="folder that holds <name>/<version>")
    parser.add_argument("--start", metavar="FILE", help="weights to start from (default: random)")
    parser.add_argument("--epochs", type=positive, help="instead of the recipe's")
    parser.add_argument("--batch-size", type=positive, help="instead of the recipe's")
    parser.add_argument("--seed", type=positive, help="instead of the recipe's")


def run(args: argparse.Namespace) -> int:
    from kerazoo.training.recipe import load_recipe

    recipe = load_recipe(
        args.recipe,
        epochs=args.epochs,
        batch_size=args.batch_size,
        seed=args.seed,
        weights=args.start,
    )
    import_keras("tensorflow")
    logging.basicConfig(level=logging.WARNING)
    from kerazoo.training.run import train

    output = Path(args.output)
    output.mkdir(parents=True, exist_ok=True)
    (output / "command.txt").write_text(shlex.join(["kerazoo", *args.words]) + "\n")
    result = train(recipe, args.output, args.data_dir)
    print(
        f"{recipe.model}: {100 * result['test_accuracy']:.2f} % of {result['test_pictures']} "
        f"test pictures; see {args.output}"
    )
    return 0
