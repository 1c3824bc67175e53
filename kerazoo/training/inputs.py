"""The data of a recipe: opened, checked, and made into batches for `fit`."""

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kerazoo._errors import invalid, unknown
from kerazoo.data.memory import fits_in_memory, in_memory
from kerazoo.data.open import open_source
from kerazoo.data.pipeline import TrainingData, evaluation_batches, training_data
from kerazoo.data.source import Source
from kerazoo.preprocessing import Preprocessing
from kerazoo.training.distillation import Teacher, find_teacher
from kerazoo.training.recipe import Recipe

# The usual constants of CIFAR-10 (mean and standard deviation of the training pixels), and
# TensorFlow's way to decode and round, which is how TFDS reads the pictures for training.
CIFAR = Preprocessing(
    size=(32, 32),
    crop_fraction=1.0,
    interpolation="bilinear",
    rounding="round",
    mean=(0.4914, 0.4822, 0.4465),
    std=(0.247, 0.2435, 0.2616),
)
SOURCES = ("train", "test", "validation")


@dataclass(frozen=True)
class Inputs:
    """What a run reads.

    Attributes:
        train, validation, test: The splits; `validation` may be `test`.
        preprocessing: How pictures are prepared, normalisation included.
        normalise: Whether that is done here, not by the network itself.
        classes: Names of the classes.
        steps: Batches in an epoch.
        teacher: A network that has a say in the labels of the training pictures.
    """

    train: Source
    validation: Source
    test: Source
    preprocessing: Preprocessing
    normalise: bool
    classes: tuple[str, ...]
    steps: int
    teacher: Teacher | None = None

    @property
    def pictures(self) -> Preprocessing:
        """How pictures become what the network takes."""
        record = self.preprocessing
        return record if self.normalise else record.without_normalisation()

    def describe(self) -> dict[str, Any]:
        """Name, split and count of each, for `run.json`: what makes two runs see the same data."""
        return {
            split: {"name": source.name, "split": source.split, "count": source.count}
            for split in SOURCES
            for source in [getattr(self, split)]
        }


def open_inputs(
    recipe: Recipe,
    data_dir: str | os.PathLike | None = None,
    sources: Mapping[str, Source] | None = None,
) -> Inputs:
    """Opens and checks all splits of a recipe.

    Args:
        recipe: What to do.
        data_dir: Where TFDS finds prepared data.
        sources: Data of your own instead: `"train"`, `"test"` and maybe `"validation"`.

    Raises:
        ValueError: No such data or split, a split without pictures of some class, splits whose
            classes differ, fewer training pictures than a batch holds.
        PictureError: A picture of a set that is kept in memory cannot be decoded.
    """
    found = dict(sources or {}) or _opened(recipe, data_dir)
    for split in found:
        if split not in SOURCES:
            raise unknown("sources", split, SOURCES)
    for split in ("train", "test"):
        if split not in found:
            raise invalid("sources", sorted(found), f"a mapping that has {split!r}")
    train, test = found["train"], found["test"]
    validation = found.get("validation", test)
    for split in (validation, test):
        if split.classes != train.classes:
            rule = f"of the {len(train.classes)} classes of {train.split!r}, in the same order"
            raise invalid("data", f"{split.split!r} with {len(split.classes)} classes", rule)
    preprocessing = recipe_preprocessing(recipe)
    kept = [_kept(recipe, each, preprocessing) for each in (train, validation, test)]
    if validation is test:
        kept[1] = kept[2]
    _check_train(recipe, kept[0])
    normalise = not recipe.arguments.get("include_preprocessing")
    steps = train.count // recipe.batch_size
    inputs = Inputs(*kept, preprocessing, normalise, train.classes, steps)
    wanted = recipe.distillation
    if wanted.teacher is None:
        return inputs
    teacher = find_teacher(wanted.teacher, wanted.weight, inputs.pictures, train.classes)
    return dataclasses.replace(inputs, teacher=teacher)


def recipe_preprocessing(recipe: Recipe) -> Preprocessing:
    """That of the start weights, else of the data set, with the recipe's own keys on top."""
    record = {"preprocessing": recipe.preprocessing}
    for key in recipe.preprocessing:
        known = [f.name for f in dataclasses.fields(Preprocessing)]
        if key not in known:
            raise unknown(
                "recipe key", f"preprocessing.{key}", [f"preprocessing.{n}" for n in known]
            )
    size = record["preprocessing"].get("size")
    if isinstance(size, int) and not isinstance(size, bool):
        record["preprocessing"] = record["preprocessing"] | {"size": (size, size)}
    base = _weights_preprocessing(recipe, size) or _data_preprocessing(recipe)
    return Preprocessing.from_dict(base.to_dict() | record["preprocessing"])


def _weights_preprocessing(recipe: Recipe, size: Any) -> Preprocessing | None:
    from kerazoo.checkpoints.resolve import resolve
    from kerazoo.checkpoints.run_record import read_run
    from kerazoo.registry import get_entry

    if recipe.weights is None:
        return None
    if os.path.isfile(recipe.weights):
        # A file says nothing of its pictures, but the run that left it does.
        run = read_run(Path(recipe.weights).parent)
        return Preprocessing.from_dict(run["preprocessing"]) if run else None
    side = size[0] if isinstance(size, list | tuple) else size
    return resolve(recipe.weights, get_entry(recipe.model).weights_of, size=side).preprocessing


def _data_preprocessing(recipe: Recipe) -> Preprocessing:
    from kerazoo.checkpoints.local import default_preprocessing
    from kerazoo.registry import get_entry

    if recipe.data.name.startswith("cifar"):
        return CIFAR
    entry = get_entry(recipe.model)
    return default_preprocessing(entry.weights_of) or Preprocessing().with_size(entry.input_size)


def _opened(recipe: Recipe, data_dir: str | os.PathLike | None) -> dict[str, Source]:
    data = recipe.data
    options: dict[str, Any] = {"fractions": data.fractions} if data.fractions else {}
    is_path = os.sep in data.name or data.name.lower().endswith(".csv")
    options["data_dir"] = None if is_path else data_dir
    splits = {"train": data.train, "test": data.test, "validation": data.validation}
    return {
        split: open_source(data.name, text, shards=4 if split == "train" else 1, **options)
        for split, text in splits.items()
        if text is not None
    }


def _kept(recipe: Recipe, source: Source, preprocessing: Preprocessing) -> Source:
    """In memory where the recipe says so, or all pictures are small and of one size."""
    wanted = recipe.data.memory
    if wanted == "auto":
        wanted = fits_in_memory(source)
    return in_memory(source, preprocessing.rounding) if wanted else source


def _check_train(recipe: Recipe, train: Source) -> None:
    if recipe.batch_size > train.count:
        rule = f"at most the number of pictures, {train.count} in {train.name!r} {train.split!r}"
        raise invalid("batch_size", recipe.batch_size, rule)
    if train.encoded or not train.fetch:
        return  # folders and CSV files are checked when they are opened; a stream is not read twice
    labels = np.concatenate([y.numpy() for _, y in train.pictures.batch(4096)])
    counts = np.bincount(labels, minlength=len(train.classes))
    empty = [name for name, count in zip(train.classes, counts, strict=True) if not count]
    if empty:
        rule = f"a split with pictures of every class; none of {', '.join(map(repr, empty[:5]))}"
        raise invalid("data.train", train.split, rule)


def fit_batches(
    recipe: Recipe, inputs: Inputs, epoch: int = 0, step: int = 0, size: int | None = None
) -> TrainingData:
    """Training batches from a step of an epoch on, labels as shares of the classes.

    Args:
        recipe: Batch size, seed, augmentation.
        inputs: The data.
        epoch, step: Where to start, counted from 0.
        size: Of the pictures, where that is not the preprocessing's.
    """
    data = training_data(
        inputs.train,
        inputs.pictures,
        recipe.augmentation,
        batch_size=recipe.batch_size,
        seed=recipe.seed,
        epoch=epoch,
        step=step,
        size=size,
        on_corrupt=recipe.data.on_corrupt,
        cache=recipe.data.cache,
        shuffle_buffer=recipe.data.shuffle_buffer,
    )
    batches = data.batches if data.soft else one_hot(data.batches, len(inputs.classes))
    if inputs.teacher is not None:
        batches = inputs.teacher.teach(batches)
    return dataclasses.replace(data, batches=batches, soft=True)


def validation_batches(recipe: Recipe, inputs: Inputs) -> tf.data.Dataset:
    """The validation split exactly as the preprocessing says, labels as shares of the classes."""
    batches = evaluation_batches(
        inputs.validation,
        inputs.pictures,
        recipe.batch_size,
        on_corrupt=recipe.data.on_corrupt,
    )
    return one_hot(batches, len(inputs.classes))


def one_hot(batches: tf.data.Dataset, classes: int) -> tf.data.Dataset:
    """Class indices -> shares of the classes, which is what the loss takes."""
    options = tf.data.Options()
    options.deterministic = True
    batches = batches.map(lambda x, y: (x, tf.one_hot(y, classes)), tf.data.AUTOTUNE)
    return batches.prefetch(tf.data.AUTOTUNE).with_options(options)
