"""The data of a recipe: opened, checked, and made into batches for `fit`."""

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kerazoo._checks import check_choice
from kerazoo._errors import invalid, unknown
from kerazoo._rules import is_int
from kerazoo.checkpoints.local import default_preprocessing
from kerazoo.checkpoints.resolve import resolve
from kerazoo.checkpoints.weights import Weights
from kerazoo.data.balance import picture_shares
from kerazoo.data.classes import with_classes
from kerazoo.data.memory import fits_in_memory, in_memory
from kerazoo.data.open import open_source
from kerazoo.data.pipeline import TrainingData, evaluation_batches, training_data
from kerazoo.data.source import Source
from kerazoo.preprocessing import Preprocessing
from kerazoo.registry import get_entry
from kerazoo.tasks import get_task
from kerazoo.tasks.task import Task
from kerazoo.training.distillation import Teacher
from kerazoo.training.recipe import Recipe
from kerazoo.training.recipe_sections import Loss

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
        task: What is learned.
        train, validation, test: The splits; `validation` may be `test`.
        preprocessing: How pictures are prepared, normalisation included.
        normalise: Whether that is done here, not by the network itself.
        classes: Names of the classes.
        steps: Batches in an epoch.
        teacher: A network that has a say in the targets of the training pictures.
    """

    task: Task
    train: Source
    validation: Source
    test: Source
    preprocessing: Preprocessing
    normalise: bool
    classes: tuple[str, ...]
    steps: int
    teacher: Teacher | None = None
    shares: Any = None

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
    weights: Weights | None = None,
) -> Inputs:
    """Opens and checks all splits of a recipe; pictures are not looked at yet, see `load_inputs`.

    Args:
        recipe: What to do.
        data_dir: Where TFDS finds prepared data.
        sources: Data of your own instead: `"train"`, `"test"` and maybe `"validation"`.
        weights: Those to start from, which `start_weights` found, with their preprocessing.

    Raises:
        ValueError: No such data or split, data of another task, a split with classes that are
            not learned (fewer are matched by name), fewer training pictures than a batch holds.
    """
    found = dict(sources or {}) or _opened(recipe, data_dir)
    for split in found:
        if split not in SOURCES:
            raise unknown("sources", split, SOURCES)
    for split in ("train", "test"):
        if split not in found:
            raise invalid("sources", sorted(found), f"a mapping that has {split!r}")
    train, test = found["train"], with_classes(found["test"], found["train"].classes)
    given = found.get("validation", found["test"])
    validation = test if given is found["test"] else with_classes(given, train.classes)
    task = recipe_task(recipe)
    for split in (train, validation, test):
        if split.task != task.name:
            raise invalid("data", f"{split.name!r} for {split.task}", f"a data set for {task.name}")
    _check_loss(recipe, task)
    if recipe.batch_size > train.count:
        rule = f"at most the number of pictures, {train.count} in {train.name!r} {train.split!r}"
        raise invalid("batch_size", recipe.batch_size, rule)
    preprocessing = recipe_preprocessing(recipe, weights)
    normalise = not recipe.arguments.get("include_preprocessing")
    steps = train.count // recipe.batch_size
    return Inputs(task, train, validation, test, preprocessing, normalise, train.classes, steps)


def load_inputs(recipe: Recipe, inputs: Inputs) -> Inputs:
    """The same, with what fits kept in memory, and its targets checked.

    Raises:
        ValueError: Targets that there are not, a training split without pictures of some class.
        PictureError: A picture of a set that is kept in memory cannot be decoded.
    """
    kept = {name: _kept(recipe, inputs, name) for name in ("train", "validation")}
    same = inputs.validation is inputs.test
    kept["test"] = kept["validation"] if same else _kept(recipe, inputs, "test")
    train = kept["train"]
    # Folders and CSV files are checked when they are opened; a stream is not read twice.
    if train.fetch and not train.encoded:
        targets = [y for _, y in train.pictures.batch(4096).as_numpy_iterator()]
        whole = tf.nest.map_structure(lambda *each: np.concatenate(each), *targets)
        inputs.task.check_targets(whole, train, complete=True)
    balance = recipe.data.balance
    shares = picture_shares(train, balance) if balance else None
    return dataclasses.replace(inputs, shares=shares, **kept)


def _check_loss(recipe: Recipe, task: Task) -> None:
    """A choice that the task has not is refused before anything is built."""
    if recipe.loss == Loss():
        return
    if not task.losses:
        raise invalid("loss", recipe.loss.to_dict(), f"left out: {task.name} has one loss")
    if recipe.loss.name is not None:
        check_choice("loss.name", recipe.loss.name, task.losses)


def recipe_task(recipe: Recipe) -> Task:
    """The task of a recipe, by default that of its model."""
    return get_task(recipe.task or get_entry(recipe.model).task)


def start_weights(recipe: Recipe) -> Weights | None:
    """What a recipe starts from, where it is not random weights."""
    if recipe.weights is None:
        return None
    size = recipe.preprocessing.get("size")
    side = size[0] if isinstance(size, list | tuple) else size
    found = resolve(recipe.weights, get_entry(recipe.model).weights_of, size=side)
    if os.path.isfile(found.id) and found.model is None:
        # A stranger's file: whatever it was trained on, the pictures to learn from decide.
        found = dataclasses.replace(found, preprocessing=None)
    return found


def recipe_preprocessing(recipe: Recipe, weights: Weights | None = None) -> Preprocessing:
    """That of the start weights, else of the data set, with the recipe's own keys on top."""
    own = dict(recipe.preprocessing)
    if is_int(size := own.get("size")):
        own["size"] = (size, size)
    base = weights.preprocessing if weights else None
    known = (base or _data_preprocessing(recipe)).to_dict()
    return Preprocessing.from_dict(known | own, section="preprocessing", keys="recipe key")


def _data_preprocessing(recipe: Recipe) -> Preprocessing:
    if recipe.data.name.startswith("cifar"):
        return CIFAR
    entry = get_entry(recipe.model)
    return default_preprocessing(entry.weights_of) or Preprocessing().with_size(entry.input_size)


def _opened(recipe: Recipe, data_dir: str | os.PathLike | None) -> dict[str, Source]:
    data = recipe.data
    options: dict[str, Any] = {"fractions": data.fractions} if data.fractions else {}
    options |= {**data.options, "task": recipe_task(recipe).name}
    splits = {"train": data.train, "test": data.test, "validation": data.validation}
    return {
        name: open_source(
            data.name, split, data_dir=data_dir, shards=4 if name == "train" else 1, **options
        )
        for name, split in splits.items()
        if split is not None
    }


def _kept(recipe: Recipe, inputs: Inputs, split: str) -> Source:
    """In memory where the recipe says so, or all pictures are small and of one size."""
    source, wanted = getattr(inputs, split), recipe.data.memory
    if wanted == "auto":
        wanted = fits_in_memory(source)
    return in_memory(source, inputs.preprocessing.rounding) if wanted else source


def fit_batches(
    recipe: Recipe,
    inputs: Inputs,
    epoch: int = 0,
    step: int = 0,
    size: int | None = None,
    *,
    model: Any = None,
) -> TrainingData:
    """Training batches from a step of an epoch on, targets as the loss takes them.

    Args:
        recipe: Batch size, seed, augmentation.
        inputs: The data.
        epoch, step: Where to start, counted from 0.
        size: Of the pictures, where that is not the preprocessing's.
        model: The network that learns, for tasks whose targets depend on it.
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
        encode=True,
        model=model,
        shares=inputs.shares,
    )
    if inputs.teacher is None:
        return data
    return dataclasses.replace(data, batches=inputs.teacher.teach(data.batches))


def validation_batches(
    recipe: Recipe, inputs: Inputs, model: Any = None, beside: bool = False
) -> tf.data.Dataset:
    """The validation split exactly as the preprocessing says, targets as the loss takes them.

    Args:
        recipe: Batch size.
        inputs: The data.
        model: As for `fit_batches`.
        beside: Whether the targets themselves come beside these, see `evaluation_batches`.
    """
    return evaluation_batches(
        inputs.validation,
        inputs.pictures,
        recipe.batch_size,
        on_corrupt=recipe.data.on_corrupt,
        encode=True,
        model=model,
        beside=beside,
    )
