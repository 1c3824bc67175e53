"""Fine-tuning: a trained network, someone's pictures, and a folder that can be published."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerazoo._checks import check_choice, check_int, checked
from kerazoo._errors import invalid
from kerazoo.checkpoints.weights import tell
from kerazoo.data.source import Source
from kerazoo.open import Start, find
from kerazoo.publish.hub import check_licence
from kerazoo.report.figure import check_matplotlib
from kerazoo.training import distribution
from kerazoo.training.finetuning.folder import FinetuneFolder
from kerazoo.training.finetuning.splits import choose_splits
from kerazoo.training.recipe import Recipe, load_recipe
from kerazoo.training.run import check_session, train

log = logging.getLogger("kerazoo")

PROBE, UNFROZEN = "1_probe", "2_unfrozen"
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
    epochs: int = 5,
    learning_rate: float = 1e-3,
    unfreeze_epochs: int = 0,
    unfreeze_rate: float | None = None,
    batch_size: int = 32,
    size: int | None = None,
    like: str | None = None,
    seed: int = 0,
    changes: Mapping[str, Any] | None = None,
    keep: str = "last",
    licence: str | None = None,
    mistakes: int = 12,
    force: bool = False,
    command: str | None = None,
    **session: Any,
) -> dict[str, Any]:
    """Teach a trained network the classes of other pictures.

    First a linear probe: a new head learns on top of the network, which stays as it is, its
    batch-norm statistics included. With `unfreeze_epochs` all of it then goes on learning at a
    lower rate, batch-norm statistics still frozen. Both are runs of `kerazoo.training.run.train`
    (Adam under a cosine, moderate random crops and flips), in folders of their own, and go on
    where they were killed when `finetune` is called again.

    `output` ends with `model.keras`; `model.safetensors`, `config.json` and `README.md`, which
    `kerazoo push` publishes; `curves.png` and the task's figures of the test split; and `run.json`
    with all that was decided. The class names are in all of them.

    Args:
        model: Model id, registered weights, `hf://user/repo`, a `.keras` file, or the folder of a
            run: see `kerazoo.open.find`.
        data: A TFDS name with `data_dir`, the path of a folder or CSV file, or sources of your
            own by split: `"train"`, `"validation"` and, if there is one, `"test"`.
        output: Folder for the results; made if needed.
        data_dir: The TFDS folder that holds `<name>/<version>`.
        weights: Of a model given by its id: `"imagenet"` by default.
        splits: `train`, `validation`, `test` and `held_out` for `choose_splits`.
        epochs: Of the linear probe.
        learning_rate: At its start.
        unfreeze_epochs: Of training all layers after that; 0 leaves it out.
        unfreeze_rate: Learning rate of these; a tenth of `learning_rate` by default.
        batch_size: Pictures in a batch.
        size: Side of the pictures in pixels; by default that of the weights.
        like: For weights in a file that does not say how it was trained: the id of registered
            weights with the same conventions.
        seed: Of the head, order, augmentation and dropout.
        changes: Other keys of the recipe, `{"augmentation.flip": False}`, for both phases; those
            of `[transfer]` for the last one.
        keep: `"last"`, or `"best"` for the weights of the epoch with the best validation.
        licence: Of the result, as an id such as `"apache-2.0"`; by default that of the weights.
        mistakes: How many of them the contact sheet shows.
        force: Throw away another run in `output`.
        command: What the user typed, for `run.json`.
        **session: For `train`: `progress`, `backup_every`, `tensorboard`, `callbacks`.

    Returns:
        The task's figure by its name, on `pictures` pictures of `split`, `classes`, `phases`: the
        same figure at the end of each, and `skipped_pictures`, how many could not be decoded. Of
        several processes only the first gets more than `{}`.

    Raises:
        ValueError: Before the first step: a wrong argument, no such model, weights or data, or an
            `output` that holds something else or that another process trains in.
        ImportError: A package that the figures need is missing; the message names the extra.
        PictureError, ArithmeticError: As `train`.

    >>> finetune("mixnet_s", "pets/", "runs/pets", unfreeze_epochs=3)  # doctest: +SKIP
    """
    _check(epochs, unfreeze_epochs, keep, mistakes, licence, changes or {})
    check_session(**session)
    start = find(model, weights, size=size, like=like)
    tell(start.doubt)
    sources = None
    if isinstance(data, Mapping):
        sources, record = _own_sources(data, splits)
    else:
        for name in splits or {}:
            check_choice("splits", name, ("train", "validation", "test", "held_out"))
        record = choose_splits(data, data_dir=data_dir, **(splits or {}))
    common = _common(start, record, batch_size=batch_size, seed=seed)
    lower = learning_rate / 10 if unfreeze_rate is None else unfreeze_rate
    recipes = _recipes(common, (epochs, learning_rate), (unfreeze_epochs, lower), changes or {})
    settings = {"keep": keep, "licence": licence, "mistakes": mistakes}
    folder = FinetuneFolder(Path(output), start, recipes, settings, command)
    distribution.start(recipes[PROBE].strategy)
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


def _check(epochs, unfreeze_epochs, keep, mistakes, licence, changes) -> None:
    for name, value, least in (
        ("epochs", epochs, 1),
        ("unfreeze_epochs", unfreeze_epochs, 0),
        ("mistakes", mistakes, 1),
    ):
        check_int(name, value, least)
    if keep not in ("last", "best"):
        raise invalid("keep", keep, '"last" or "best"')
    for key in changes:
        if key in _DECIDED:
            raise invalid(f"changes[{key!r}]", changes[key], f"the argument `{_DECIDED[key]}`")
    if licence is not None:
        check_licence(licence)
    check_matplotlib()  # now, not after an hour of training


def _own_sources(data: Mapping[str, Source], splits: Any) -> tuple[dict[str, Source], dict]:
    if splits:
        raise invalid("splits", splits, "left out where `data` are sources already")
    for split in ("train", "validation"):
        if split not in data:
            raise invalid("data", sorted(data), f"a mapping of sources that has {split!r}")
    sources = {"test": data["validation"], **data}
    record = {name: source.split for name, source in sources.items()}
    return sources, {"name": data["train"].name, **record}


def _common(start: Start, data: dict[str, Any], **given: Any) -> dict[str, Any]:
    """What both phases share, as the values of a recipe."""
    return {
        "model": start.model,
        "weights": start.weights,
        "arguments": start.arguments,
        "preprocessing": start.preprocessing.to_dict(),
        "data": data,
        # Of a small data set a crop of 8 %, as for ImageNet, often leaves out what it shows.
        "augmentation": {"crop": "random", "area": [0.35, 1.0]},
        "optimizer": {"name": "adam", "warmup_epochs": 0.0},
        **given,
    }


def _recipes(
    common: Mapping[str, Any],
    probe: tuple[int, float],
    unfrozen: tuple[int, float],
    changes: Mapping[str, Any],
) -> dict[str, Recipe]:
    """Folder name -> recipe of each phase, in order."""
    frozen = {"freeze": "backbone", "batch_norm": "frozen"}
    phases = [(PROBE, probe, frozen)]
    if unfrozen[0]:
        phases.append((UNFROZEN, unfrozen, {"batch_norm": "frozen"}))
    recipes = {}
    for name, (epochs, rate), transfer in phases:
        last = name == phases[-1][0]
        wanted = {k: v for k, v in changes.items() if last or not k.startswith("transfer.")}
        decided = {"epochs": epochs, "optimizer.learning_rate": rate}
        recipes[name] = load_recipe({**common, "transfer": transfer}, {**decided, **wanted})
    return recipes
