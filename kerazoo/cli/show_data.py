"""`kerazoo show-data`: look at training pictures before training."""

import argparse
import tomllib
from pathlib import Path
from typing import Any

from kerazoo._errors import counted
from kerazoo._files import read_utf8
from kerazoo.cli._model import positive
from kerazoo.cli._output import complain, say
from kerazoo.cli._quiet import import_keras
from kerazoo.cli._run import DATA, add_data_dir
from kerazoo.tasks import TASKS

SUMMARY = "draw a contact sheet of augmented training pictures"
EPILOG = """\
DATA is a TFDS name (with --data-dir), a folder with a sub-folder for each class, or a CSV file
with the columns path and label; or pictures with boxes, as COCO, Pascal VOC or YOLO have them, or
with masks. Pictures are those of the first batches of training with the same seed; under each are
its classes, and their shares where MixUp or CutMix are on, in it its boxes or its mask.

examples:
  kerazoo show-data pets/
  kerazoo show-data cifar10 --data-dir ~/tensorflow_datasets --augmentation cifar --size 32
  kerazoo show-data pets.csv --set rand_augment=2 --set mixup=0.2 --set 'area=[0.2, 1]'
  kerazoo show-data pets/ --augmentation my_recipe.toml --output sheet.png
  kerazoo show-data bccd/ --augmentation objects --size 320
  kerazoo show-data coco/ --task segmentation
  kerazoo show-data ~/imagenet/train --augmentation mixnet_s_imagenet

exit status:
  0 success, 1 some pictures could not be decoded, 2 error
"""

PRESETS = ("imagenet", "cifar", "objects", "none")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", metavar="DATA", help=DATA)
    add_data_dir(parser)
    parser.add_argument("--split", help="with or without a slice (default: train, or all)")
    parser.add_argument(
        "--task", choices=TASKS, help="what the data are for, where they hold boxes and masks"
    )
    parser.add_argument(
        "--augmentation",
        default="imagenet",
        metavar="NAME",
        help=f"{', '.join(PRESETS)}, a recipe, or a TOML file whose table [augmentation] counts",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="one value of it; repeat"
    )
    parser.add_argument("--size", type=positive, default=224, help="side in pixels (default: 224)")
    parser.add_argument("--count", type=positive, default=12, help="pictures (default: 12)")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument(
        "--output", default="show-data.png", help="contact sheet (default: show-data.png)"
    )


def run(args: argparse.Namespace) -> int:
    import_keras("tensorflow")
    from kerazoo.data.corrupt import picture_error
    from kerazoo.data.open import open_source
    from kerazoo.report.contact_sheet import contact_sheet, save_sheet

    augmentation = _augmentation(args.augmentation, args.set)
    options = {"data_dir": args.data_dir, "task": args.task}
    source = open_source(args.data, args.split, shards=4, **options)
    pictures, captions, corrupt = _pictures(args, source, augmentation)
    if not pictures:
        raise picture_error(corrupt)
    classes = counted(len(source.classes), "class", "classes")
    title = f"{source.name} {source.split}: {counted(source.count, 'picture')}, {classes}"
    heading = f"What training sees of {title}"
    save_sheet(contact_sheet(heading, pictures, captions), args.output)
    say(title, f"Contact sheet: {args.output}")
    for each in corrupt:
        complain(f"skipped {each.name}: {each.reason}")
    return 1 if corrupt else 0


def _pictures(args: argparse.Namespace, source: Any, augmentation: Any) -> tuple[list, list, list]:
    """Pictures for the sheet, their captions, and what could not be decoded."""
    from keras import tree

    from kerazoo.data.pipeline import training_data
    from kerazoo.labels import label_names
    from kerazoo.preprocessing import Preprocessing
    from kerazoo.report.contact_sheet import framed, pil_picture
    from kerazoo.tasks import get_task

    task, size = get_task(source.task), (args.size, args.size)
    if task.placed:
        shape = Preprocessing(size=size, fit="stretch")  # nothing that there is is cut off
    else:
        # A padded crop starts from the whole picture.
        fraction = 1.0 if augmentation.crop == "pad" else 0.875
        shape = Preprocessing(size=size, crop_fraction=fraction)
    data = training_data(
        source,
        shape.without_normalisation(),
        augmentation,
        batch_size=min(args.count, source.count),
        seed=args.seed,
        shuffle_buffer=1024,  # for a look, not for training
    )
    # Names that mean something to a person; TFDS has n01440764 for a tench.
    names = label_names("imagenet") if source.name == "imagenet2012" else source.classes
    shown = []
    for batch, targets in data.batches.take(-(-args.count // min(args.count, source.count))):
        arrays = tree.map_structure(lambda y: y.numpy(), targets)
        for i, x in enumerate(batch.numpy()):
            own = tree.map_structure(lambda y, i=i: y[i], arrays)
            shown.append(task.show(pil_picture(x), own, names))
    shown = shown[: args.count]
    pictures = [framed(picture) for picture, _ in shown]
    return pictures, [caption for _, caption in shown], data.corrupt()


def _augmentation(name: str, changes: list[str]) -> Any:
    from kerazoo._errors import invalid, unknown
    from kerazoo.data import augmentation
    from kerazoo.training.recipe import load_recipe, recipe_names

    if name.endswith(".toml"):
        record = _toml_augmentation(name)
    elif name in PRESETS:
        record = getattr(augmentation, name.upper()).to_dict()
    elif name in recipe_names():
        record = load_recipe(name).augmentation.to_dict()
    else:
        raise unknown("augmentation", name, [*PRESETS, *recipe_names(), "a path ending in .toml"])
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals:
            raise invalid("set", change, "KEY=VALUE, as in mixup=0.2")
        record = record | {key.strip(): _value(text.strip())}
    return augmentation.Augmentation.from_dict(record)


def _toml_augmentation(path: str) -> dict[str, Any]:
    """That of a recipe as training takes it; otherwise the table [augmentation] alone."""
    from kerazoo._errors import invalid
    from kerazoo.training.recipe import load_recipe

    if not Path(path).is_file():
        raise invalid("augmentation", path, "an existing TOML file")
    try:
        content = tomllib.loads(read_utf8(path, "augmentation"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise invalid("augmentation", path, f"a TOML file: {error}") from None
    if "model" in content:
        return load_recipe(path).augmentation.to_dict()
    if "augmentation" not in content:
        raise invalid(
            "augmentation", path, "a recipe, or a TOML file with the table [augmentation]"
        )
    return content["augmentation"]


def _value(text: str) -> Any:
    """As TOML reads it; words need no quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text
