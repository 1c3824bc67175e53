"""`kerazoo optimize`: quantisation-aware training, pruning, clustering."""

import argparse
import shlex
from pathlib import Path

from kerazoo._errors import counted
from kerazoo.cli._model import add_model_options, given, load_network, named_preprocessing, positive
from kerazoo.cli._output import say
from kerazoo.cli._quiet import import_keras
from kerazoo.cli._run import DATA, add_data_dir

SUMMARY = "make a trained classifier smaller while it learns a little more"
EPILOG = """\
qat      int8 for LiteRT, after training with the rounding of int8
prune    a share of the weights is zero: files get small when they are compressed
cluster  each kernel has a few different values: the same

In OUTPUT: model.tflite (with model.tflite.json, for `kerazoo predict`), model.keras (prune and
cluster), result.json with the figures before and after, and report.json with what happened to each
layer. Needs the extra: pip install "kerazoo[tfmot,litert]"

examples:
  kerazoo optimize mixnet_s --weights cifar10 --method qat --steps 200 \\
      --data cifar10 --data-dir ~/tensorflow_datasets --output runs/mixnet_s_int8
  kerazoo optimize runs/pets/model.keras --method prune --sparsity 0.5 --epochs 2 \\
      --data pets/ --output runs/pets_pruned
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_options(parser, batch_size=False)
    parser.add_argument("--method", required=True, help="qat, prune or cluster")
    parser.add_argument("--data", required=True, help=DATA)
    parser.add_argument("--output", required=True, help="folder for the results")
    add_data_dir(parser)
    parser.add_argument("--train", help="split to learn from (default: train)")
    parser.add_argument("--test", help="split to measure (default: test)")
    parser.add_argument("--calibration", help="qat: split to find ranges with (default: --train)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, help="batches to learn from")
    length.add_argument("--epochs", type=positive, help="all of --train so often (default: 1)")
    parser.add_argument("--learning-rate", type=float, help="of Adam (default: 0.00001)")
    parser.add_argument("--batch-size", type=positive, help="default: 64")
    parser.add_argument("--seed", type=int, help="default: 0")
    parser.add_argument("--sparsity", type=float, help="prune: share of zeros (default: 0.5)")
    parser.add_argument("--clusters", type=positive, help="cluster: values of a kernel (16)")
    parser.add_argument("--limit", type=positive, help="test pictures (default: all)")
    parser.add_argument("--force", action="store_true", help="overwrite OUTPUT")


def run(args: argparse.Namespace) -> int:
    import_keras("tensorflow")
    from kerazoo.optimize import optimize
    from kerazoo.tasks import task_of

    options = (
        *("train", "test", "calibration", "steps", "epochs", "learning_rate", "batch_size"),
        *("seed", "sparsity", "clusters", "limit"),
    )
    model = load_network(args)
    result = optimize(
        model,
        args.data,
        args.output,
        args.method,
        data_dir=args.data_dir,
        preprocessing=named_preprocessing(args),
        force=args.force,
        command=shlex.join(["kerazoo", *args.words]),
        progress=None,
        **given(args, options),
    )
    monitor = task_of(model.info).monitor
    before, after = (result[f"{form}{monitor.metric}"] for form in ("float_", ""))
    unit = " %" if monitor.percent else ""
    say(
        f"{Path(args.model).name}: {monitor.label} {before:.2f}{unit} in float, "
        f"{after:.2f}{unit} after {args.method}, {counted(result['pictures'], 'picture')}; "
        f"{result['file_size'] / 1e6:.2f} MB, compressed {result['gzip_size'] / 1e6:.2f} MB; "
        f"see {args.output}"
    )
    return 0
