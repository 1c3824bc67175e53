"""Layers that stay in float where the others compute in integers."""

import re
from collections.abc import Iterable, Sequence

from kerazoo._errors import invalid


def chosen_layers(names: Iterable[str], wanted: Sequence[str]) -> list[str]:
    """The layers whose names are, or begin with one of the wanted and an underscore.

    Args:
        names: Of the network's layers.
        wanted: `("stem", "stage1_block2")`.

    Raises:
        ValueError: One of them is the beginning of none.
    """
    names = list(names)
    found: dict[str, None] = {}
    for each in wanted:
        fits = [name for name in names if name == each or name.startswith(f"{each}_")]
        if not fits:
            some = ", ".join(sorted({name.partition("_")[0] for name in names}))
            raise invalid("float_layers", each, f"the beginning of a layer's name: {some}")
        found |= dict.fromkeys(fits)
    return list(found)


def of_layers(nodes: Iterable[str], layers: Iterable[str]) -> list[str]:
    """Those of a graph's nodes that a layer of these made: its name is among their scopes.

    Keras numbers the scopes of later calls, converters join the names of what they put together.
    """
    own = set(layers)
    return [
        node
        for node in nodes
        if any(
            scope in own or re.sub(r"_\d+$", "", scope) in own for scope in re.split("[/;]", node)
        )
    ]
