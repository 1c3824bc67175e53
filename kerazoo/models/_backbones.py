"""Networks that others stand on: any classifier by its id, as a trunk."""

import functools
import importlib
import inspect
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from kerazoo._errors import invalid, unknown
from kerazoo._rules import is_int, optional, table
from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import Conventions
from kerazoo.blocks.ssd import ExtraMap

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
        ValueError: There is no such classifier, its builder has no such arguments, or its strides
            are fixed and others are wanted.
    """
    create = find_backbone(id)
    stride = conventions.output_stride
    if stride not in (None, create.family.stride) and not create.family.dilates:
        rule = f"None with `backbone={id!r}`, whose strides are fixed"
        raise invalid("output_stride", stride, rule)
    implied = create.family.ids[id]
    parameters = inspect.signature(create.builder).parameters.values()
    accepted = {p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
    for name, value in arguments.items():
        if name not in accepted:
            raise unknown("backbone_arguments", name, accepted)
        if name in implied and implied[name] != value:
            raise invalid(name, value, f"{implied[name]!r}, which `{id}` stands for")
    return create.builder(x, conventions, stem_strides, **{**implied, **arguments})


def own_arguments(given: Any) -> Mapping[str, Any]:
    """The `backbone_arguments` of a detector; none where None is given.

    Raises:
        ValueError: They are no table.
    """
    optional(table(wants="a table of arguments")).check("backbone_arguments", given)
    return given or {}


def map_named(trunk: Trunk, argument: str, name: str) -> Any:
    """The map of a trunk that an argument names.

    Raises:
        ValueError: The trunk has no such map.
    """
    maps = trunk.maps()
    if not isinstance(name, str) or name not in maps:
        raise unknown(argument, name, maps, limit=None)
    return maps[name][1]


def maps_of(trunk: Trunk, finest: int) -> list[Any]:
    """The maps of a classification network that detectors read, finest first.

    Of each stride but the coarsest the widest there is, which is what the first block of the next
    stride expands to; then the network's last map.

    Args:
        trunk: The network.
        finest: The least stride, 8 or 16.

    Raises:
        ValueError: The network has no map of that stride.
    """
    if not is_int(finest) or finest not in (8, 16):
        raise invalid("finest", finest, "8 or 16")
    found, strides = [], [s for s in (8, 16, 32) if finest <= s < trunk.stride]
    for stride in strides:
        _, tapped = trunk.taps.get(f"stride_{stride}_expansion", (0, None))
        found.append(trunk.features.get(stride) if tapped is None else tapped)
    if len(strides) != (2 if finest == 8 else 1) or any(x is None for x in found):
        rule = "one with maps of the strides 8, 16 and 32"
        raise invalid("backbone", f"one with the strides {sorted(trunk.features)}", rule)
    return [*found, trunk.x]


def extra_rows(
    filters: Sequence[int], alpha: float = 1.0, least: int = 16, **kind: Any
) -> list[ExtraMap]:
    """Rows of extra maps as TensorFlow's Object Detection API makes them: narrow is the half.

    Args:
        filters: Channels of each at `alpha=1`.
        alpha: Width multiplier; the product is cut to an integer.
        least: Channels at least.
        **kind: Further fields of the rows.
    """

    def scaled(count: int) -> int:
        return max(int(count * alpha), least)

    return [ExtraMap(scaled(each), scaled(each // 2), **kind) for each in filters]
