"""What a training run is made of: a small TOML file, checked before the first step."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from kerazoo._checks import checked
from kerazoo._errors import invalid, unknown
from kerazoo._fields import Record, field, record
from kerazoo._files import read_utf8
from kerazoo._rules import (
    Rule,
    auto_or,
    choice,
    flag,
    integer,
    is_int,
    number,
    optional,
    row,
    table,
    text,
)
from kerazoo.data.augmentation import CIFAR, Augmentation
from kerazoo.tasks import TASKS
from kerazoo.training.distribution import STRATEGIES, check_strategy
from kerazoo.training.recipe_sections import (
    Data,
    Distillation,
    Loss,
    Optimizer,
    Transfer,
)

_RESOLUTION = "a list of [until, size], `until` rising: epochs (int) or shares of them (float)"
_STRATEGY = Rule("text", text().accepts, {"enum": list(STRATEGIES)})  # `check_strategy` says more
_STAGE = row(number(above=0), "[until, size]", count=2)


def _schedule() -> Rule:
    def accepts(value: Any) -> bool:
        return table().accepts(value) and text().accepts(value.get("name"))

    schema = {"type": "object", "properties": {"name": dict(text().schema)}}
    return Rule("a table with a name", accepts, schema, write=table().write)


@dataclass(frozen=True)
class Recipe(Record, keys="recipe key"):
    """A training run, as `kerazoo/training/recipes/*.toml` writes it.

    Args:
        model: Id of `kerazoo list`.
        epochs: How often all training pictures are seen.
        batch_size: Pictures in a batch, over all devices.
        seed: For weights, order, augmentation and dropout.
        weights: Where to start: None (random), `"imagenet"`, a registered id, `hf://user/repo` or
            a file. A head for another number of classes starts fresh.
        task: What is learned (`kerazoo.tasks`); by default what the model is for.
        dtype: `"float32"`, `"mixed_float16"` (with loss scaling) or `"mixed_bfloat16"`.
        jit: Whether XLA compiles the step; `"auto"` does so on GPU and TPU alone, for on CPU it is
            several times slower.
        strategy: `"none"`, `"mirrored"` (all devices of this machine) or `"data_parallel"` (JAX,
            also over several machines); see `kerazoo.training.distribution`.
        resolution: Smaller pictures for the first epochs: a list of `[until, size]`, `until` being
            an epoch (int) or a share of the epochs (float below 1). `[[0.4, 20], [0.7, 26]]` takes
            20 pixels for 40 % of the epochs, 26 up to 70 %, and the full size for the rest.
        patience: Epochs without a better validation after which training ends; None for never.
        best_by: What makes an epoch's validation better: the task's `"figure"`, or the `"loss"`,
            which says more where few pictures are watched.
        arguments: Of the model's constructor.
        data: Where pictures come from.
        preprocessing: Keys of `kerazoo.Preprocessing` that replace those of the start weights, or
            of the data set where those say nothing.
        augmentation: How training pictures are varied. A recipe that does not say how to crop
            pads and crops CIFAR (`"pad"`) and crops others at random (`"random"`).
        optimizer: Optimizer, clipping, smoothing of the targets, average of the weights.
        schedule: `name` of a schedule and its arguments, see `kerazoo.training.optim.optimizers`.
        transfer: Freezing and rates of layers.
        loss: What is minimised, where the task leaves a choice.
        distillation: A trained network to learn from, beside the targets.
    """

    model: str = field(text("the id of a model"))
    epochs: int = field(integer())
    batch_size: int = field(integer(), 128)
    seed: int = field(integer(0), 0)
    weights: str | None = field(optional(text()), None)
    task: str | None = field(optional(choice(*TASKS)), None)
    dtype: str = field(choice("float32", "mixed_float16", "mixed_bfloat16"), "float32")
    jit: bool | str = field(auto_or(flag()), "auto")
    strategy: str = field(_STRATEGY, "none")
    resolution: tuple[tuple[float, float], ...] = field(row(_STAGE, _RESOLUTION), ())
    patience: int | None = field(optional(integer()), None)
    best_by: str = field(choice("figure", "loss"), "figure")
    arguments: dict[str, Any] = field(table(), {})
    data: Data = field(record(Data), Data())
    preprocessing: dict[str, Any] = field(table(), {})
    augmentation: Augmentation = field(
        record(Augmentation, section="augmentation", keys="recipe key"), CIFAR
    )
    optimizer: Optimizer = field(record(Optimizer), Optimizer())
    schedule: dict[str, Any] = field(_schedule(), {"name": "cosine"})
    transfer: Transfer = field(record(Transfer), Transfer())
    loss: Loss = field(record(Loss), Loss())
    distillation: Distillation = field(record(Distillation), Distillation())

    def check_together(self) -> None:
        check_strategy(self.strategy)
        if self.transfer.trunk is not None and self.weights is not None:
            raise invalid("transfer.trunk", self.transfer.trunk, "left out beside `weights`")
        before = 0.0
        for until, size in self.resolution:
            end = until if is_int(until) else until * self.epochs
            if not before < end <= self.epochs or not is_int(size):
                raise invalid("resolution", self.resolution, _RESOLUTION)
            before = end

    def stages(self) -> list[tuple[int, int | None]]:
        """`(epochs finished at its end, size of the pictures)` of every stage; None is full."""
        ends: list[tuple[int, int | None]] = [
            (until if isinstance(until, int) else round(until * self.epochs), int(size))
            for until, size in self.resolution
        ]
        return [*ends, (self.epochs, None)]


def recipe_names() -> list[str]:
    """The recipes that come with kerazoo."""
    folder = resources.files("kerazoo.training") / "recipes"
    return sorted(p.name.removesuffix(".toml") for p in folder.iterdir())


@checked("changes")
def load_recipe(
    name_or_path: str | Mapping[str, Any],
    changes: Mapping[str, Any] | None = None,
    **overrides: Any,
) -> Recipe:
    """Read a recipe that ships with kerazoo, a TOML file, or the dict of a stored run.

    Args:
        name_or_path: A name from `recipe_names()` or a path that ends in `.toml`.
        changes: `{"optimizer.learning_rate": 0.05}`: values that replace those of the recipe, by
            section and key.
        **overrides: The same for top-level values; None leaves the recipe's.

    Raises:
        ValueError: for an unknown recipe, a key that no recipe has, or a value out of range.
    """
    values = _read(name_or_path)
    given = {key: value for key, value in overrides.items() if value is not None}
    for key, value in {**given, **(changes or {})}.items():
        _set(values, key, value)
    return _recipe(values)


def _read(name_or_path: str | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(name_or_path, Mapping):
        return {k: dict(v) if isinstance(v, Mapping) else v for k, v in name_or_path.items()}
    if str(name_or_path).endswith(".toml"):
        path = Path(name_or_path)
        if not path.is_file():
            raise invalid("recipe", str(name_or_path), "the path of an existing TOML file")
        text = read_utf8(path, "recipe")
    elif name_or_path in recipe_names():
        file = resources.files("kerazoo.training") / "recipes" / f"{name_or_path}.toml"
        text = file.read_text(encoding="utf-8")
    else:
        raise unknown("recipe", name_or_path, [*recipe_names(), "a path ending in .toml"])
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: a number of thousands of digits
        raise invalid("recipe", str(name_or_path), f"a TOML file: {error}") from None


def _set(values: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise invalid("set", key, f"the key of a recipe; {section!r} holds no keys")
    # `schedule = "cosine"` would do away with the table: it means the name.
    if isinstance(values.get(last), dict) and not isinstance(value, dict):
        raise invalid("set", key, f"a value, not a section: set {key}.name or another of its keys")
    values[last] = value


def _recipe(values: dict[str, Any]) -> Recipe:
    """Fills in what a recipe need not say: how to crop, and that the schedule is a cosine."""
    data = Data.from_dict(values.get("data", {}))
    defaults = {
        "augmentation": {"crop": "pad" if data.name.startswith("cifar") else "random"},
        "schedule": {"name": "cosine"},
    }
    values = dict(values)
    for section, known in defaults.items():
        if not isinstance(given := values.get(section, {}), Mapping):
            raise invalid(section, given, f"a table, [{section}]")
        values[section] = {**known, **given}
    return Recipe.from_dict(values)
