"""Fine-tuning: a trained network, someone's pictures, and a folder that can be published."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerazoo._checks import check_choice, check_int, checked
from kerazoo._errors import invalid
from kerazoo.checkpoints.weights import tell
from kerazoo.data.open import open_source
from kerazoo.data.source import Source
from kerazoo.open import Start, find
from kerazoo.publish.hub import check_licence
from kerazoo.registry import create_model, get_entry
from kerazoo.training import distribution
from kerazoo.training.finetuning.folder import FinetuneFolder
from kerazoo.training.finetuning.recipes import Wishes, make_recipes, unfrozen_epochs
from kerazoo.training.finetuning.size import choose_size
from kerazoo.training.finetuning.splits import choose_splits, is_held_out
from kerazoo.training.inputs import open_inputs, recipe_preprocessing
from kerazoo.training.recipe import Recipe
from kerazoo.training.run import check_session, train
from kerazoo.training.transfer.layers import prepare, rate_factors

log = logging.getLogger("kerazoo")

# Recipe keys that an argument of `finetune` decides, for each phase in its own way.
_DECIDED = {
    "model": "model",
    "weights": "weights",
    "epochs": "epochs",
    "batch_size": "batch_size",
    "seed": "seed",
    "optimizer.learning_rate": "learning_rate",
    "data.name": "data",
    "preprocessing.size": "size",
}


@checked(
    *("data", "output", "data_dir", "weights", "splits", "learning_rate", "unfreeze_rate"),
    *("batch_size", "like", "seed", "changes", "licence", "force", "command"),
)
def finetune(
    model: str | os.PathLike,
    data: str | os.PathLike | Mapping[str, Source],
    output: str | os.PathLike,
    *,
    data_dir: str | os.PathLike | None = None,
    weights: str | os.PathLike | None = None,
    splits: Mapping[str, Any] | None = None,
    epochs: int | None = None,
    learning_rate: float | None = None,
    unfreeze_epochs: int | None = None,
    unfreeze_rate: float | None = None,
    batch_size: int | None = None,
    size: int | None = None,
    like: str | None = None,
    seed: int = 0,
    changes: Mapping[str, Any] | None = None,
    keep: str = "best",
    licence: str | None = None,
    mistakes: int = 12,
    force: bool = False,
    command: str | None = None,
    **session: Any,
) -> dict[str, Any]:
    """Teach a trained network the classes of other pictures.

    First a linear probe: the network stays as it is, its batch-norm statistics included, and runs
    once over the pictures; a classifier is then fitted to what it gave until it has converged. Its
    regularisation is what held-out pictures choose, and where they were taken from the training
    pictures, it learns from them too in the end. Sets whose features do not fit into memory, and a
    probe with `epochs` or `learning_rate`, learn in steps of Adam instead.

    Then all layers go on learning, batch-norm statistics still frozen, from random crops and flips
    of the pictures, until the held-out ones no longer gain. `kerazoo.training.finetuning.plan` has
    a table of how, by the number of pictures; with fewer than ten a class this is left out. Of the
    two, that is kept which names more of the held-out pictures rightly; of equals, the probe.

    Detectors and segmenters have no probe: all their layers learn in one phase, from what they know
    of classes of the same name (`Task.plan` says how).

    Phases are runs of `kerazoo.training.run.train`, in folders of their own, and go on where they
    were killed when `finetune` is called again. In the end the scores are calibrated on held-out
    pictures: see `kerazoo.confidence`.

    `output` ends with `model.keras`; `model.safetensors`, `config.json` and `README.md`, which
    `kerazoo push` publishes; `curves.png` and the task's figures of the test split (without
    Matplotlib they are left out); and `run.json` with all that was decided. The class names are in
    all of them.

    Args:
        model: Model id, registered weights, `hf://user/repo`, a `.keras` file, or the folder of a
            run: see `kerazoo.open.find`.
        data: A TFDS name with `data_dir`, the path of a folder or file as
            `kerazoo.data.open.open_source` takes them, or sources of your own by split:
            `"train"`, `"validation"` and, if there is one, `"test"`.
        output: Folder for the results; made if needed.
        data_dir: The TFDS folder that holds `<name>/<version>`.
        weights: Of a model given by its id: `"imagenet"` by default.
        splits: `train`, `validation`, `test` and `held_out` for `choose_splits`.
        epochs: Of a linear probe that learns in steps.
        learning_rate: At its start; 0.001 by default.
        unfreeze_epochs: Of training all layers after it, at most; 0 leaves it out.
        unfreeze_rate: Highest learning rate of these; a tenth of `learning_rate` where that is
            given.
        batch_size: Pictures in a batch; by default 32, or all where they are fewer.
        size: Side of the pictures in pixels. By default that of the weights; pictures of up to 160
            pixels are enlarged to 160 at most, or to fewer where that would take longer than
            `kerazoo.training.finetuning.size.BUDGET`.
        like: For weights in a file that does not say how it was trained: the id of registered
            weights with the same conventions.
        seed: Of the head, order, augmentation and dropout.
        changes: Other keys of the recipe, `{"augmentation.flip": False}`, for both phases; those
            of `[transfer]` for the last one.
        keep: `"best"` for the weights of the epoch with the best validation, or `"last"`.
        licence: Of the result, as an id such as `"apache-2.0"`; by default that of the weights.
        mistakes: How many of them the contact sheet shows.
        force: Throw away another run in `output`.
        command: What the user typed, for `run.json`.
        **session: For `train`: `progress`, `backup_every`, `tensorboard`, `callbacks`.

    Returns:
        The task's figure by its name, on `pictures` pictures of `split`, `interval`: where it is
        with 95 % confidence, `classes`, `kept` and `epoch`: the phase and the epoch whose weights
        they are (0 for those that the phase started from, where no epoch was better), `phases`:
        the same figure at the end of each, and `skipped_pictures`, how many could not be decoded.
        Of several processes only the first gets more than `{}`.

    Raises:
        ValueError: Before the first step: a wrong argument, no such model, weights or data, or an
            `output` that holds something else or that another process trains in.
        PictureError, ArithmeticError: As `train`.

    >>> finetune("mixnet_s", "pets/", "runs/pets", unfreeze_epochs=3)  # doctest: +SKIP
    """
    wishes = Wishes(epochs, learning_rate, unfreeze_epochs, unfreeze_rate, batch_size)
    _check(wishes, keep, mistakes, licence, changes or {})
    check_session(**session)
    start = find(model, weights, size=size, like=like)
    sources = None
    if isinstance(data, Mapping):
        sources, record = _own_sources(data, splits)
        train_source, held_out = sources["train"], False
    else:
        for name in splits or {}:
            check_choice("splits", name, ("train", "validation", "test", "held_out"))
        task = get_entry(start.model).task
        record = choose_splits(data, data_dir=data_dir, task=task, **(splits or {}))
        options = {"fractions": record["fractions"]} if "fractions" in record else {}
        options["task"] = task
        train_source = open_source(data, record["train"], data_dir=data_dir, **options)
        held_out = is_held_out(record, (splits or {}).get("validation"))
    size = size or _size(start, train_source, wishes)
    start = find(model, weights, size=size, like=like, needed=True)
    tell(start.doubt)
    recipes = make_recipes(start, train_source, record, held_out, wishes, seed, changes or {})
    for recipe in recipes.values():  # what is wrong is told before anything is written
        inputs = open_inputs(recipe, data_dir, sources)
        if any(key.startswith("transfer.") for key in changes or {}):
            _check_patterns(recipe, len(inputs.classes))
    settings = {"keep": keep, "licence": licence, "mistakes": mistakes}
    folder = FinetuneFolder(Path(output), start, recipes, settings, command)
    distribution.start(next(iter(recipes.values())).strategy)
    with distribution.chief_holds(folder.path):
        distribution.chief_does(lambda: folder.check(force))
        result = folder.result
        distribution.check_same("output", [result is not None])
        if result is not None:
            log.warning("The run in %s has ended already; its result is returned.", output)
            return result
        if distribution.is_chief():
            folder.begin()
        for name, recipe in folder.chained():
            train(recipe, folder.path / name, data_dir, sources=sources, force=force, **session)
        return folder.finish(data_dir, sources) if distribution.is_chief() else {}


def _check(wishes: Wishes, keep, mistakes, licence, changes) -> None:
    check_int("mistakes", mistakes)
    for name, least in (("epochs", 1), ("unfreeze_epochs", 0), ("batch_size", 1)):
        check_int(name, getattr(wishes, name), least, optional=True)
    check_choice("keep", keep, ("last", "best"))
    for key in changes:
        if key in _DECIDED:
            raise invalid(f"changes[{key!r}]", changes[key], f"the argument `{_DECIDED[key]}`")
    if licence is not None:
        check_licence(licence)


def _check_patterns(recipe: Recipe, classes: int) -> None:
    """Raises where a pattern of layer names fits none, before an earlier phase has begun."""
    size = recipe_preprocessing(recipe).size
    model = create_model(
        recipe.model, weights=None, input_shape=(*size, 3), classes=classes, **recipe.arguments
    )
    prepare(model, recipe.transfer)
    rate_factors(model, recipe.transfer)


def _size(start: Start, train_source: Source, wishes: Wishes) -> int | None:
    """Side of the pictures, where it is not that of the weights."""
    entry, own = get_entry(start.model), max(start.preprocessing.size)
    macs = entry.macs and round(entry.macs * (own / max(entry.input_size)) ** 2)
    chosen = choose_size(own, macs, train_source, unfrozen_epochs(wishes, train_source))
    return None if chosen == own else chosen


def _own_sources(data: Mapping[str, Source], splits: Any) -> tuple[dict[str, Source], dict]:
    if splits:
        raise invalid("splits", splits, "left out where `data` are sources already")
    for split in ("train", "validation"):
        if split not in data:
            raise invalid("data", sorted(data), f"a mapping of sources that has {split!r}")
    sources = {"test": data["validation"], **data}
    record = {name: source.split for name, source in sources.items()}
    return sources, {"name": data["train"].name, **record}
