"""`kerazoo finetune`: teach a trained network other classes."""

import argparse
from pathlib import Path

from kerazoo._errors import counted
from kerazoo.cli._model import MODEL, add_weights_options, given, positive
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

SUMMARY = "fine-tune a trained classifier, detector or segmenter on pictures of your own"
EPILOG = """\
Classifiers, detectors and segmenters learn what DATA holds: a class for each picture, boxes, or a
class for each pixel.

Of a classifier first a new head is fitted to what the frozen network makes of the pictures (a
linear probe), which takes one look at each; then all layers go on learning at a low rate, as long
as held-out pictures gain from it; batch-norm statistics stay as they are. The better of the two is
kept. Detectors and segmenters learn with all layers from the start, and begin with what they know
of classes of the same name. How long, at what rate and with which pictures follows from how many
there are. The same command with the same --output goes on with a run that was stopped or killed.

DATA is a TFDS name (with --data-dir); a folder with a sub-folder for each class, or a CSV file with
the columns path and label; boxes as COCO, Pascal VOC or YOLO have them; or masks: folders side by
side, list files, Pascal VOC's folders, COCO's outlines. Without a validation split a tenth of the
training pictures (of classes with few a fifth) is held out, the same each time.

In OUTPUT: model.keras, model.safetensors with config.json and README.md (for `kerazoo push`),
curves.png, the task's figures (confusion.png, mistakes.png, precision.png), run.json, and a folder
for each phase.

examples:
  kerazoo finetune mixnet_s --data pets/ --output runs/pets
  kerazoo finetune mixnet_s --data pets/ --output runs/probe --unfreeze-epochs 0
  kerazoo finetune timm/mixnet_m.ft_in1k --data flowers.csv --output runs/flowers --size 192
  kerazoo finetune mobilenet_v2 --data cifar10 --data-dir ~/tensorflow_datasets \\
      --train 'train[:5000]' --size 96 --output runs/cifar10
  kerazoo finetune ssdlite_mobilenet_v2 --data bccd/ --output runs/cells
  kerazoo finetune segmentation --data camvid/ --output runs/streets
  kerazoo predict runs/pets/model.keras cat.jpg
  kerazoo push runs/pets user/pets --dry-run
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help=MODEL)
    parser.add_argument("--data", required=True, help=DATA)
    parser.add_argument("--output", required=True, help="folder for the results")
    add_data_dir(parser)
    add_weights_options(parser)
    parser.add_argument(
        "--size",
        type=positive,
        help="side of the pictures in pixels (default: the weights', of small ones 160 at most)",
    )
    add_numbers(
        parser,
        epochs="let the linear probe learn in steps, for so many epochs",
        learning_rate="of these steps (default: 0.001)",
        batch_size="default: 32, or all pictures where they are fewer",
        seed="default: 0",
    )
    parser.add_argument(
        "--unfreeze-epochs",
        type=int,
        metavar="N",
        help="of all layers, at most; 0 leaves them alone (default: by the number of pictures)",
    )
    parser.add_argument(
        "--unfreeze-rate", type=float, metavar="RATE", help="default: by the number of pictures"
    )
    _add_splits(parser)
    add_changes(parser, "augmentation.flip=false")
    parser.add_argument("--keep", choices=("best", "last"), help="epoch (default: best)")
    parser.add_argument("--licence", help="of the result, as an id (default: that of the weights)")
    parser.add_argument("--mistakes", type=positive, help="shown in mistakes.png (default: 12)")
    add_session_options(parser)


def _add_splits(parser: argparse.ArgumentParser) -> None:
    splits = parser.add_argument_group("splits, with or without a slice")
    splits.add_argument("--train", help="to learn from (default: train)")
    splits.add_argument("--validation", help="to watch (default: the data's, or held out)")
    splits.add_argument("--test", help="to measure (default: the data's, or the validation split)")
    splits.add_argument(
        "--held-out",
        type=float,
        metavar="SHARE",
        help="for validation (default: 0.1, of few pictures more)",
    )


def run(args: argparse.Namespace) -> int:
    import_keras("tensorflow")
    from kerazoo.training.finetuning.run import finetune

    options = (
        *("weights", "size", "like", "epochs", "learning_rate", "unfreeze_epochs", "unfreeze_rate"),
        *("batch_size", "seed", "keep", "licence", "mistakes"),
    )
    splits = ("train", "validation", "test", "held_out")
    result = finetune(
        args.model,
        args.data,
        args.output,
        data_dir=args.data_dir,
        splits=given(args, splits),
        changes=dict(args.changes),
        **session_options(args),
        **given(args, options),
    )
    if result:  # of several processes one writes and tells
        from kerazoo.tasks import get_task

        figure = get_task(result["task"]).monitor
        say(
            f"{Path(args.model).name} on {Path(args.data).name}: {figure.label} "
            f"{figure.shown(result[figure.name])}{_within(result['interval'])} of "
            f"{counted(result['pictures'], 'picture')} of {result['split']}; see {args.output}"
        )
    return int(result.get("skipped_pictures", 0) > 0)


def _within(interval: list[float] | None) -> str:
    if interval is None:
        return ""
    low, high = (100 * share for share in interval)
    return f" (95 % interval {low:.1f} to {high:.1f} %)"
