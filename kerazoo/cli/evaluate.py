"""`kerazoo evaluate`: how good a network is on a data set that is on disk."""

import argparse

from kerazoo._progress import Progress
from kerazoo.cli._model import add_model_options, positive
from kerazoo.cli._output import print_json, say
from kerazoo.cli._quiet import import_keras
from kerazoo.cli._run import DATA, add_data_dir
from kerazoo.cli._task import add_runtime, add_tiles, load_predictor

SUMMARY = "measure how good a network is on a data set"
EPILOG = """\
DATA is a TFDS set in --data-dir, a folder with a folder for each class, or a CSV file; for
detectors pictures with boxes, as COCO, Pascal VOC or YOLO have them, for segmenters pictures with
masks. Nothing is downloaded. The pictures are scaled and cropped as the weights want them. MODEL
may also be what `kerazoo export` wrote. Detectors need the extra "detection".

examples:
  kerazoo evaluate mixnet_m --data imagenet2012 --data-dir ~/tensorflow_datasets
  kerazoo evaluate mixnet_s --weights cifar10 --data cifar10 --data-dir data --split 'test[:1000]'
  kerazoo evaluate mixnet_s_pets.tflite --data pets/
  kerazoo evaluate detection --data coco/ --split val --limit 500
  kerazoo evaluate mobilenet_v1_050 --size 160 --weights my.weights.h5 \\
      --data imagenet2012 --data-dir data --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_options(parser)
    parser.add_argument("--data", required=True, help=DATA)
    add_data_dir(parser)
    parser.add_argument("--split", help="default: validation, or test where there is none")
    add_tiles(parser)
    add_runtime(parser)
    parser.add_argument("--limit", type=positive, help="only the first pictures, this many")
    parser.add_argument("--json", action="store_true", help="JSON instead of a line of text")


def run(args: argparse.Namespace) -> int:
    import_keras("tensorflow")  # for reading the data, whatever the backend
    from kerazoo.data.open import open_source
    from kerazoo.evaluation import evaluate

    # A typo should not cost a model.
    source = open_source(args.data, args.split, data_dir=args.data_dir, purpose="evaluate")
    predictor = load_predictor(args)
    if source.task != predictor.task.name:  # a folder may hold what either needs
        options = {"purpose": "evaluate", "task": predictor.task.name}
        source = open_source(args.data, args.split, data_dir=args.data_dir, **options)
    with Progress(0, "picture", "evaluating") as progress:
        result = evaluate(
            predictor,
            source,
            batch_size=args.batch_size,
            limit=args.limit,
            tiles=args.tiles,
            progress=progress.at,
        )
    if args.json:
        print_json({"model": args.model, "data": args.data, **result.to_dict()})
    else:
        say(*f"{args.model} on {args.data}: {result}".split("\n"))
    return 0
