"""From what was asked for, and the table of `plan`, to the recipe of each phase."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kerazoo._errors import invalid
from kerazoo.data.source import Source
from kerazoo.open import Start
from kerazoo.registry import get_entry
from kerazoo.tasks import get_task
from kerazoo.training.finetuning import plan
from kerazoo.training.recipe import Recipe, load_recipe
from kerazoo.training.recipe_sections import STORED, WITH_HELD_OUT
from kerazoo.training.transfer.stored import fits_in_memory

PROBE, UNFROZEN = "1_probe", "2_unfrozen"


@dataclass(frozen=True)
class Wishes:
    """Arguments of `finetune` that the table decides where they are None.

    Attributes:
        epochs, learning_rate: Of the probe; where one is given it learns in steps.
        unfreeze_epochs, unfreeze_rate: Of all layers.
        batch_size: Of both.
    """

    epochs: int | None = None
    learning_rate: float | None = None
    unfreeze_epochs: int | None = None
    unfreeze_rate: float | None = None
    batch_size: int | None = None

    @property
    def in_steps(self) -> bool:
        """Whether the probe was asked to learn in steps."""
        return self.epochs is not None or self.learning_rate is not None


def unfrozen_epochs(wishes: Wishes, train: Source) -> int:
    """Epochs of all layers, as wished or as the table says."""
    if wishes.unfreeze_epochs is not None:
        return wishes.unfreeze_epochs
    return plan.unfreeze_epochs(train.count, len(train.classes))


def make_recipes(
    start: Start,
    train: Source,
    data: Mapping[str, Any],
    held_out: bool,
    wishes: Wishes,
    seed: int,
    changes: Mapping[str, Any],
) -> dict[str, Recipe]:
    """Folder name -> recipe of each phase, in order.

    Args:
        start: What is started from.
        train: The training pictures.
        data: Of the recipes.
        held_out: Whether the validation split is a part of the training pictures.
        wishes: What was asked for.
        seed: Of both.
        changes: Other keys, for both phases; those of `[transfer]` for the last one.
    """
    common = {
        "model": start.model,
        "weights": start.weights,
        "arguments": start.arguments,
        "preprocessing": start.preprocessing.to_dict(),
        "data": data,
        "batch_size": wishes.batch_size or plan.batch_size(train.count),
        "seed": seed,
    }
    own = get_task(get_entry(start.model).task).plan(train.count)
    if own is not None:
        phases = {name: _wished(keys, wishes) for name, keys in own.items()}
    else:
        phases = {PROBE: _probe(start, train, held_out, wishes, changes)}
        if epochs := unfrozen_epochs(wishes, train):
            phases[UNFROZEN] = _unfrozen(train, wishes, epochs)
    last, recipes = [*phases][-1], {}
    for name, own in phases.items():
        wanted = {
            key: value
            for key, value in changes.items()
            if name == last or not key.startswith("transfer.")
        }
        recipes[name] = load_recipe({**common, **own}, wanted)
    return recipes


def _wished(keys: dict[str, Any], wishes: Wishes) -> dict[str, Any]:
    """Keys of a phase in which all layers learn, with what was asked for in their place."""
    for name, value in (
        ("unfreeze_epochs", wishes.unfreeze_epochs),
        ("unfreeze_rate", wishes.unfreeze_rate),
    ):
        if value is not None:
            raise invalid(name, value, "left out: all layers learn at once, see `epochs`")
    optimizer, found = dict(keys["optimizer"]), dict(keys)
    if wishes.epochs is not None:
        found["epochs"] = wishes.epochs
        optimizer["warmup_epochs"] = min(optimizer["warmup_epochs"], wishes.epochs / 4)
    if wishes.learning_rate is not None:
        optimizer["learning_rate"] = wishes.learning_rate
    if wishes.batch_size is not None:
        found["batch_size"] = wishes.batch_size
    return {**found, "optimizer": optimizer}


def _probe(
    start: Start, train: Source, held_out: bool, wishes: Wishes, changes: Mapping[str, Any]
) -> dict[str, Any]:
    frozen = {"freeze": "backbone", "batch_norm": "frozen"}
    stored = (
        get_task(get_entry(start.model).task).fits_head
        and not wishes.in_steps
        and fits_in_memory(train.count)
        and changes.get("strategy", "none") == "none"
    )
    if stored:
        head = {"head": WITH_HELD_OUT if held_out else STORED}
        # One look at each picture; no step is taken.
        return {"epochs": 1, "optimizer": {"warmup_epochs": 0.0}, "transfer": frozen | head}
    return {
        "epochs": wishes.epochs or plan.STEPS_EPOCHS,
        # Of a small data set a crop of 8 %, as for ImageNet, often leaves out what it shows.
        "augmentation": {"crop": "random", "area": [0.35, 1.0]},
        "optimizer": {
            "name": "adam",
            "warmup_epochs": 0.0,
            "learning_rate": wishes.learning_rate or plan.STEPS_RATE,
        },
        "transfer": frozen,
    }


def _unfrozen(train: Source, wishes: Wishes, epochs: int) -> dict[str, Any]:
    rate = wishes.unfreeze_rate
    if rate is None and wishes.learning_rate is not None:
        rate = wishes.learning_rate / 10
    values = plan.unfrozen(train.count, epochs)
    if rate is not None:
        values["optimizer"]["learning_rate"] = rate
    return {**values, "transfer": {"batch_norm": "frozen"}}
