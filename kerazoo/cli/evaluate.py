"""`kerazoo evaluate`: accuracy on a data set that is on disk."""

import argparse

from kerazoo.cli._model import add_model_options, load_network, load_preprocessing, positive
from kerazoo.cli._output import Progress, print_json
from kerazoo.cli._quiet import import_keras

SUMMARY = "measure a classifier's accuracy on a data set"
EPILOG = """\
Data sets are read in TFDS format from --data-dir; nothing is downloaded. The pictures are scaled
and cropped as the weights want them.

examples:
  kerazoo evaluate mixnet_m --data imagenet2012 --data-dir ~/tensorflow_datasets
  kerazoo evaluate mixnet_s --weights cifar10 --data cifar10 --data-dir data --split 'test[:1000]'
  kerazoo evaluate mobilenet_v1_050 --size 160 --weights my.weights.h5 \\
      --data imagenet2012 --data-dir data --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_options(parser)
    parser.add_argument("--data", required=True, help="TFDS name, such as imagenet2012 or cifar10")
    parser.add_argument("--data-dir", required=True, help="folder that holds <name>/<version>")
    parser.add_argument("--split", help="default: validation, or test where there is none")
    parser.add_argument("--limit", type=positive, help="only the first pictures, this many")
    parser.add_argument("--json", action="store_true", help="JSON instead of a line of text")


def run(args: argparse.Namespace) -> int:
    import_keras("tensorflow")  # for reading the data, whatever the backend
    from kerazoo.data.tfds import tfds_source
    from kerazoo.evaluation import evaluate

    tfds_source(args.data, args.split, data_dir=args.data_dir)  # a typo should not cost a model
    model = load_network(args)
    with Progress(0, "picture") as progress:
        result = evaluate(
            model,
            args.data,
            args.split,
            data_dir=args.data_dir,
            batch_size=args.batch_size,
            limit=args.limit,
            preprocessing=load_preprocessing(args, model),
            progress=progress.at,
        )
    if args.json:
        print_json({"model": args.model, "data": args.data, **result.to_dict()})
    else:
        print(
            f"{args.model} on {args.data}: top-1 {result.top1:.2f} %, top-5 {result.top5:.2f} %, "
            f"{result.count} pictures in {result.seconds:.1f} s"
        )
    return 0
