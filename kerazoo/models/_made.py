"""Constructors by id, for networks that stand on others: the registry lies above them."""

import functools
import importlib
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from kerazoo._errors import unknown

MADE: dict[str, Any] = {}  # id -> constructor, of all modules with models that were imported


@functools.cache
def _catalogue() -> Mapping[str, Mapping[str, Any]]:
    return json.loads((resources.files("kerazoo") / "catalogue.json").read_text("utf-8"))


def find_backbone(id: Any) -> Any:
    """The constructor of a classification network.

    Args:
        id: As for `kerazoo.create_model`, of a network of ours or one that was registered.

    Raises:
        ValueError: There is none with that id.
    """
    record = _catalogue().get(id) if isinstance(id, str) else None
    if record is not None:
        importlib.import_module(record["module"])
    create = MADE.get(id) if isinstance(id, str) else None
    if create is None or create.family.task != "classification":
        known = {id for id, each in _catalogue().items() if each["task"] == "classification"}
        known |= {id for id, each in MADE.items() if each.family.task == "classification"}
        raise unknown("backbone", id, known)
    return create
