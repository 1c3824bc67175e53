"""Every model by its id: what there is, and how to make it.

The listing comes from `catalogue.json`, which `make catalogue` writes from the family files (a
test checks that it is not stale), so that looking at it imports neither Keras nor a backend.
"""

import fnmatch
import functools
import importlib
import importlib.metadata
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, TypeVar

from kerazoo._checks import checked
from kerazoo._errors import invalid, unknown
from kerazoo.checkpoints.records import checkpoints_for

if TYPE_CHECKING:
    from kerazoo.models import ZooModel


@dataclass(frozen=True)
class Entry:
    """One line of the catalogue.

    Attributes:
        id: What `create_model` takes.
        constructor: Public name of the constructor.
        module: Where it lives.
        family: Name of the family file.
        task: `"classification"`, `"detection"` or `"segmentation"`.
        arguments: Constructor arguments that the id stands for.
        params: Trainable parameters with the default arguments; None where some must be given.
        macs: Multiply-adds for one picture of `input_size`, likewise.
        input_size: Default (height, width).
        weights_of: The id whose checkpoints it takes with the default arguments: its own, or for
            a constructor with variants such as `mobilenet_v2` that of the default variant.
    """

    id: str
    constructor: str
    module: str
    family: str
    task: str
    arguments: Mapping[str, Any]
    params: int | None
    macs: int | None
    input_size: tuple[int, int]
    weights_of: str

    @property
    def same_as(self) -> str | None:
        """The id of the very same network, where this is but a shorter name of it."""
        return None if self.weights_of == self.id else self.weights_of


# What other packages call the modules that register models, in the metadata of theirs.
ENTRY_POINTS = "kerazoo.models"
_outside: dict[str, Any] = {}  # id -> constructor, of models that `register_model` was given
_Create = TypeVar("_Create")


def catalogue() -> dict[str, Entry]:
    """Id -> entry for every registered model, sorted by id."""
    _load_packages()
    return _listed()


@functools.cache
def _listed() -> dict[str, Entry]:
    records = {id: _entry(id, create) for id, create in _outside.items()}
    return dict(sorted({**_own(), **records}.items()))


@functools.cache
def _own() -> dict[str, Entry]:
    text = (resources.files("kerazoo") / "catalogue.json").read_text(encoding="utf-8")
    return {
        id: Entry(id=id, **{**record, "input_size": tuple(record["input_size"])})
        for id, record in json.loads(text).items()
    }


def _entry(id: str, create: Any) -> Entry:
    from kerazoo.models._catalogue import entry

    # It builds the network, for which Keras draws seeds: who has set one gets the same numbers
    # whether a listing was made before or not.
    drawn = random.getstate()
    try:
        record = entry(create.__name__, create, id, create.family.ids[id])
    finally:
        random.setstate(drawn)
    return Entry(id=id, **{**record, "input_size": tuple(record["input_size"])})


@functools.cache
def _load_packages() -> None:
    """Imports what installed packages name: their modules register models of theirs."""
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        point.load()


def register_model(create: _Create) -> _Create:
    """Makes an architecture from outside of kerazoo known by its ids.

    `create_model`, `list_models`, files of runs and stored models, and every command know it then,
    in processes where this was called. So that commands find it, the package that it is in names
    its module as an entry point of the group `kerazoo.models`.

    Args:
        create: What `kerazoo.models.constructor(ids=…)` made.

    Returns:
        `create`, so that it may stand in front of a definition.

    Raises:
        ValueError: It was not made so, or an id is taken.

    >>> @kerazoo.register_model  # doctest: +SKIP
    ... @kerazoo.models.constructor(ids={"thin_net": {}})
    ... def ThinNet(x, conventions, stem_strides, *, width: int = 16): ...
    """
    family = getattr(create, "family", None)
    if family is None:
        raise invalid("create", create, "made by the decorator `kerazoo.models.constructor`")
    for id in family.ids:
        known = _outside.get(id)
        again = known is not None and (known.__module__, known.__name__) == (
            *(getattr(create, "__module__", None), getattr(create, "__name__", None)),
        )
        if id in _own() or (known is not None and not again):
            raise invalid("ids", id, "an id that no model has yet")
    _outside.update(dict.fromkeys(family.ids, create))
    _listed.cache_clear()
    return create


def get_entry(id: str) -> Entry:
    """The catalogue's entry of a model id; unknown ids raise with the nearest names."""
    entries = catalogue()
    if not isinstance(id, str) or id not in entries:
        raise unknown("model", id, list_models())
    return entries[id]


@checked("filter", "task", "pretrained")
def list_models(
    filter: str | None = None, task: str | None = None, pretrained: bool = False
) -> list[str]:
    """Ids of the registered models, sorted.

    Args:
        filter: Shell pattern such as `"mix*"`; None for all.
        task: `"classification"`, …; None for all.
        pretrained: Only those with at least one registered checkpoint.

    Raises:
        ValueError: for a task that no model has.
    """
    entries = [e for e in catalogue().values() if e.params is not None]
    tasks = {e.task for e in entries}
    if task is not None and task not in tasks:
        raise unknown("task", task, tasks)
    if pretrained:
        entries = [e for e in entries if checkpoints_for(e.weights_of)]
    return [
        e.id
        for e in entries
        if (filter is None or fnmatch.fnmatchcase(e.id, filter)) and task in (None, e.task)
    ]


def create_model(model: str, **kwargs) -> "ZooModel":
    """Make a registered model.

    Args:
        model: An id of `list_models()`.
        **kwargs: Arguments of its constructor (`weights`, `input_shape`, `classes`, …).

    Raises:
        ValueError: for an unknown id (the nearest ones are named), or an argument that the id
            already fixes.
        TypeError: for an argument that the constructor does not have.
    """
    entry = get_entry(model)
    for name, value in entry.arguments.items():
        if kwargs.get(name, value) != value:
            raise invalid(name, kwargs[name], f"{value!r}, which `{model}` stands for")
    return get_constructor(entry)(**{**entry.arguments, **kwargs})


def get_constructor(entry: Entry):
    """The function behind an entry (imports Keras)."""
    if entry.id in _outside:
        return _outside[entry.id]
    return getattr(importlib.import_module(entry.module), entry.constructor)


def check_unchanged(model: "ZooModel") -> None:
    """Raises unless a network is still what its `info` describes; it is built again to compare.

    Args:
        model: A network with an `info`; weights may be any.

    Raises:
        ValueError: Layers were put in front of it or behind, an activation was changed, …
    """
    from kerazoo.models._rebuilding import changed, configuration, difference

    info = model.info
    again = create_model(info.architecture, weights=None, **info.arguments)
    if found := difference(configuration(model), configuration(again)):
        raise changed(model.name, info.architecture, found)
