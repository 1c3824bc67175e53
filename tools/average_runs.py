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

import kerazoo
from kerazoo.checkpoints.read.tensors import read_tensors
from kerazoo.training.inputs import fit_batches
from kerazoo.training.recipe import load_recipe
from kerazoo.training.run import Run
from kerazoo.training.transfer.batch_norm import settle_batch_norm


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--data-dir", required=True)
    args = parser.parse_args()
    recipe = load_recipe(json.loads((args.runs[-1] / "recipe.json").read_text()))
    words = shlex.join(["python", "tools/average_runs.py", *sys.argv[1:]])
    run = Run(recipe, args.output, args.data_dir, command=words)
    run.open()
    run.load()
    run.build()
    run.begin()
    average(run.model, [read_tensors(folder / "model.weights.h5") for folder in args.runs])
    data = fit_batches(recipe, run.inputs)
    settle_batch_norm(run.model, data.batches.take(data.steps))
    print(run.finish())


def average(model, runs: list[dict[str, np.ndarray]]) -> None:
    """Load the mean of the runs' weights."""
    kerazoo.load_weights(model, {name: np.mean([run[name] for run in runs], 0) for name in runs[0]})


if __name__ == "__main__":
    main()
