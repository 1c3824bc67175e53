"""Splits whose classes are counted in different ways, matched by name."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from kerazoo._errors import invalid
from kerazoo.data.source import Source
from kerazoo.tasks import get_task

SHOWN = 5  # unknown classes that a message names


def with_classes(source: Source, classes: Sequence[str]) -> Source:
    """The same pictures, their classes counted as in `classes`.

    Args:
        source: Its classes are among these, perhaps not all of them, in any order.
        classes: Names, as of the split that was learned from.

    Raises:
        ValueError: It has a class that is none of these; the message names it.
    """
    if source.classes == tuple(classes):
        return source
    number = {name: i for i, name in enumerate(classes)}
    if strange := [name for name in source.classes if name not in number]:
        shown = ", ".join(map(repr, strange[:SHOWN])) + (", …" if len(strange) > SHOWN else "")
        rule = f"with classes among the {len(classes)} that were learned; {shown} is none of them"
        raise invalid("data", f"{source.name!r} {source.split!r}", rule)
    numbers = tf.constant(np.array([number[name] for name in source.classes], "int64"))
    renumber = get_task(source.task).renumber

    def renumbered(picture: Any, target: Any) -> tuple[Any, Any]:
        return picture, renumber(target, numbers)

    fetch = source.fetch
    return replace(
        source,
        classes=tuple(classes),
        pictures=source.pictures.map(renumbered),
        fetch=fetch and (lambda index: renumbered(*fetch(index))),
    )
