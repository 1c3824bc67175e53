"""Average the weights of successive runs ("stochastic weight averaging", UAI 2018).

    python tools/average_runs.py OUTPUT RUN RUN [...] --data-dir DIR

Every RUN is a folder that `kerazoo train` left, a later one started from the weights of the one
before. The mean of their weights gets batch-norm statistics of its own, from one pass over the
augmented training pictures, and is left in OUTPUT as `kerazoo train` leaves a run.
"""

import argparse
import json
import shlex
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

import kerazoo
from kerazoo.checkpoints.load import variables_by_path
from kerazoo.checkpoints.readers import read_tensors
from kerazoo.training import cifar
from kerazoo.training.recipe import load_recipe
from kerazoo.training.run import CIFAR, finish


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--data-dir", required=True)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    words = shlex.join(["python", "tools/average_runs.py", *sys.argv[1:]])
    (args.output / "command.txt").write_text(words + "\n")
    stored = json.loads((args.runs[-1] / "recipe.json").read_text())
    (args.output / "recipe.json").write_text(json.dumps(stored, indent=1) + "\n")
    recipe = load_recipe(stored)
    data = cifar.load(recipe.data.name, recipe.data.train, args.data_dir)
    model = kerazoo.create_model(
        recipe.model,
        weights=None,
        classes=10,
        input_shape=data[0].shape[1:],
        **recipe.arguments,
    )
    average(model, [read_tensors(run / "model.weights.h5") for run in args.runs])
    batches = cifar.batches(*data, CIFAR, recipe.batch_size, train=True, seed=recipe.seed)
    settle(model, batches)
    test = cifar.load(recipe.data.name, recipe.data.test, args.data_dir)
    print(finish(model, recipe, args.output, test, 0.0))


def average(model, runs: list[dict[str, np.ndarray]]) -> None:
    """Load the mean of the runs' weights."""
    kerazoo.load_weights(model, {name: np.mean([run[name] for run in runs], 0) for name in runs[0]})


def settle(model, batches) -> None:
    """Give every batch normalisation the statistics of the network as it now is."""
    before = {path: variable.numpy() for path, variable in variables_by_path(model).items()}

    @tf.function
    def forward(pictures):
        return model(pictures, training=True)

    for pictures, _ in batches:
        forward(pictures)
    for path, variable in variables_by_path(model).items():
        if variable.trainable:  # a forward pass changes statistics alone
            np.testing.assert_array_equal(variable.numpy(), before[path])


if __name__ == "__main__":
    main()
