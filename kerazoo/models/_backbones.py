"""Networks that others stand on: any classifier by its id, as a trunk."""

import functools
import importlib
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from kerazoo._errors import invalid, unknown
from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import Conventions

MADE: dict[str, Any] = {}  # id -> constructor, of all that were made so far


@functools.cache
def _catalogue() -> Mapping[str, Mapping[str, Any]]:
    return json.loads((resources.files("kerazoo") / "catalogue.json").read_text("utf-8"))


def find_backbone(id: str) -> Any:
    """The constructor of a classifier.

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
        own = {id for id, each in _catalogue().items() if each["task"] == "classification"}
        made = {id for id, each in MADE.items() if each.family.task == "classification"}
        raise unknown("backbone", id, own | made)
    return create


def build_backbone(
    id: str, x: Any, conventions: Conventions, stem_strides: int, **arguments: Any
) -> Trunk:
    """The trunk of a classifier on a picture `x`, layers named as in that classifier.

    Args:
        id: Of the classifier.
        x: The picture.
        conventions: With the `output_stride` that is wanted.
        stem_strides: Of the first layer.
        **arguments: For its builder, beside those that the id stands for.

    Raises:
        ValueError: There is no such classifier, or its strides are fixed and others are wanted.
    """
    create = find_backbone(id)
    stride = conventions.output_stride
    if stride not in (None, create.family.stride) and not create.family.dilates:
        rule = f"None with `backbone={id!r}`, whose strides are fixed"
        raise invalid("output_stride", stride, rule)
    return create.builder(x, conventions, stem_strides, **create.family.ids[id], **arguments)


def map_named(trunk: Trunk, argument: str, name: str) -> Any:
    """The map of a trunk that an argument names.

    Raises:
        ValueError: The trunk has no such map.
    """
    maps = trunk.maps()
    if name not in maps:
        raise unknown(argument, name, maps, limit=None)
    return maps[name][1]
