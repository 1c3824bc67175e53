"""What a training run is made of: a small TOML file, checked before the first step."""

import tomllib
from dataclasses import asdict, dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any

from kerazoo._errors import invalid, unknown


@dataclass(frozen=True)
class Data:
    """A prepared TFDS set and its splits."""

    name: str = "cifar10"
    train: str = "train"
    test: str = "test"


@dataclass(frozen=True)
class Optimizer:
    """SGD with Nesterov momentum under one cosine cycle with a linear warm-up."""

    learning_rate: float = 0.1
    warmup_epochs: float = 1.0
    momentum: float = 0.9
    weight_decay: float = 0.0
    label_smoothing: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """A training run, as `kerazoo/training/recipes/*.toml` writes it."""

    model: str
    epochs: int
    batch_size: int = 128
    seed: int = 0
    arguments: dict[str, Any] = field(default_factory=dict)
    data: Data = field(default_factory=Data)
    optimizer: Optimizer = field(default_factory=Optimizer)

    def __post_init__(self):
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise invalid(name, value, "a positive integer")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def recipe_names() -> list[str]:
    """The recipes that come with kerazoo."""
    folder = resources.files("kerazoo.training") / "recipes"
    return sorted(p.name.removesuffix(".toml") for p in folder.iterdir())


def load_recipe(name_or_path: str | dict[str, Any], **overrides) -> Recipe:
    """Read a recipe that ships with kerazoo, a TOML file, or the dict of a stored run.

    Args:
        name_or_path: A name from `recipe_names()` or a path that ends in `.toml`.
        **overrides: Top-level values that replace the file's; None leaves the file's.

    Raises:
        ValueError: for an unknown recipe, or a key that no recipe has.
    """
    if isinstance(name_or_path, dict):
        return _recipe(name_or_path | {k: v for k, v in overrides.items() if v is not None})
    if str(name_or_path).endswith(".toml"):
        text = Path(name_or_path).read_text(encoding="utf-8")
    elif name_or_path in recipe_names():
        file = resources.files("kerazoo.training") / "recipes" / f"{name_or_path}.toml"
        text = file.read_text(encoding="utf-8")
    else:
        raise unknown("recipe", name_or_path, [*recipe_names(), "a path ending in .toml"])
    return _recipe(tomllib.loads(text) | {k: v for k, v in overrides.items() if v is not None})


def _recipe(values: dict[str, Any]) -> Recipe:
    return _checked(
        Recipe,
        values
        | {
            "data": _checked(Data, values.get("data", {}), "data."),
            "optimizer": _checked(Optimizer, values.get("optimizer", {}), "optimizer."),
        },
    )


def _checked(kind, values: dict[str, Any], prefix: str = ""):
    known = {f.name for f in fields(kind)}
    for key in values:
        if key not in known:
            raise unknown("recipe key", f"{prefix}{key}", [prefix + name for name in known])
    return kind(**values)
