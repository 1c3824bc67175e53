"""Values and files gone wrong, chosen by a seed: what tests of readers feed them."""

import copy
import math
import random
from collections.abc import Iterator
from typing import Any

# One of every type that JSON has, at the ends of their ranges and beyond.
ODD = (
    *(None, True, "x", "", "\x1b[31m\n", "7", -1, 0, 1.5, 1e308, math.nan, math.inf),
    *(10**30, -(10**400), [], {}, [[]], ["x"], {"": 1}, [1, 2, 3, 4]),
)


def mistakes(whole: Any, every: int = 1) -> Iterator[tuple[tuple, Any, Any]]:
    """Nested JSON with one node changed: its place, what is there now, and the whole.

    Args:
        whole: What is right.
        every: One of so many mistakes.
    """
    everywhere = [(path, new) for path in _places(whole) for new in (*ODD, KeyError)]
    for path, new in everywhere[::every]:
        yield path, new, changed(whole, path, new)


def _places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """Every node but the root."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in pairs:
        yield (*path, key)
        if isinstance(each, dict | list):
            yield from _places(each, (*path, key))


def changed(whole: Any, path: tuple, new: Any) -> Any:
    """A copy with something else at a place; `KeyError` stands for nothing at all."""
    result = copy.deepcopy(whole)
    at = result
    for key in path[:-1]:
        at = at[key]
    if new is KeyError:
        del at[path[-1]]
    else:
        at[path[-1]] = new
    return result


def damaged_bytes(whole: bytes, draw: random.Random) -> bytes:
    """A binary file that was damaged in one to five places, often near its ends.

    Flipped bits, bytes and sizes at their limits, parts cut out, copied or put in.
    """
    data = bytearray(whole)
    for _ in range(draw.choice((1, 1, 2, 5))):
        count = len(data)
        near = min(count, 3000)
        at = draw.choice((draw.randrange(count), draw.randrange(near), -1 - draw.randrange(near)))
        at, kind = at % count, draw.randrange(6)
        if kind == 0:
            data[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            data[at] = draw.choice((0, 1, 127, 128, 255))
        elif kind == 2:
            data[at : at + 8] = draw.choice((b"\xff" * 8, b"\0" * 8, b"\xff" * 7 + b"\x7f"))
        elif kind == 3:
            del data[max(at, 9) :]
        elif kind == 4:
            size = draw.randrange(1, 64)
            data[at : at + size] = data[draw.randrange(len(data)) :][:size]
        else:
            data[at:at] = draw.randbytes(draw.randrange(1, 32))
    return bytes(data)
