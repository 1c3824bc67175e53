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
from kerazoo.training.folder import RunRecord
from kerazoo.training.inputs import fit_batches, open_inputs
from kerazoo.training.recipe import load_recipe
from kerazoo.training.run import build, finish, network_facts, run_facts
from kerazoo.training.transfer.batch_norm import settle_batch_norm


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--data-dir", required=True)
    args = parser.parse_args()
    recipe = load_recipe(json.loads((args.runs[-1] / "recipe.json").read_text()))
    inputs = open_inputs(recipe, args.data_dir)
    words = shlex.join(["python", "tools/average_runs.py", *sys.argv[1:]])
    record = RunRecord(args.output, run_facts(recipe, inputs), words)
    record.check(force=False)
    model = build(recipe, inputs)
    record.begin()
    record.note(model=network_facts(model))
    average(model, [read_tensors(run / "model.weights.h5") for run in args.runs])
    data = fit_batches(recipe, inputs)
    settle_batch_norm(model, data.batches.take(data.steps))
    print(finish(model, recipe, inputs, record))


def average(model, runs: list[dict[str, np.ndarray]]) -> None:
    """Load the mean of the runs' weights."""
    kerazoo.load_weights(model, {name: np.mean([run[name] for run in runs], 0) for name in runs[0]})


if __name__ == "__main__":
    main()
