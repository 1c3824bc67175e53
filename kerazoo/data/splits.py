"""Splits of sets that TFDS does not know: named parts, fractions, slices (`train[:90%]`)."""

import hashlib
import math
import re
from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np

from kerazoo._errors import invalid, unknown
from kerazoo._rules import is_number

# How data sets call the part that is watched while training, and the one that counts at the end.
VALIDATION = ("validation", "valid", "val", "dev")
TEST = ("test", "testing")
_TRAIN = "train"
# Purpose -> names of the split that serves it, the first one that there is.
_PURPOSES = {"train": (_TRAIN,), "evaluate": (*VALIDATION, *TEST)}
_BOUND = r"(-?\d+%?)?"
_SPLIT = re.compile(
    rf"^(?P<name>[\w.-]+)(?:\[(?P<pattern>!?[^\[\]:]+)\])?(?:\[{_BOUND}:{_BOUND}\])?$"
)


def split_name(split: str) -> str:
    """`"train"` of `"train[:90%]"`."""
    found = _SPLIT.match(split) if isinstance(split, str) else None
    if not found:
        raise invalid(
            "split", split, "a name with or without a slice, as in 'train[:90%]', or 'train[a*]'"
        )
    return found["name"]


def named(split: str, names: Sequence[str]) -> np.ndarray:
    """Which pictures the pattern in `split` keeps: bool `(count,)`; all where it has none.

    `"train[0006R0*]"` keeps those whose name, without folders, begins with `0006R0`, and
    `"train[!0006R0*]"` the others: frames of one film are alike, and a part of them held out
    would tell nothing of other films.

    Args:
        split: A name with or without a pattern (of `fnmatch`, without sets of characters), and a
            slice of what that leaves after it.
        names: Of the pictures, with or without folders.

    Raises:
        ValueError: No picture is left.
    """
    split_name(split)
    match = _SPLIT.match(split)
    pattern = match["pattern"] if match else None
    if pattern is None:
        return np.ones(len(names), bool)
    wanted = not pattern.startswith("!")
    fits = [fnmatchcase(name.rpartition("/")[2], pattern.removeprefix("!")) for name in names]
    keep = np.array(fits, bool) == wanted
    if not keep.any():
        raise invalid("split", split, "a pattern that fits the names of some of its pictures")
    return keep


def default_split(names: Sequence[str], purpose: str) -> str:
    """The split of a data set that is meant where nobody names one.

    Args:
        names: The splits there are; none where all pictures are in one, which is called `"all"`.
        purpose: `"train"` or `"evaluate"`.

    Raises:
        ValueError: None of them serves the purpose.
    """
    if purpose not in _PURPOSES:
        raise unknown("purpose", purpose, _PURPOSES)
    if not names:
        return "all"
    for name in _PURPOSES[purpose]:
        if name in names:
            return name
    raise unknown("split", None, names)


def cut(split: str, count: int, *, by_name: bool = False) -> slice:
    """The rows, of `count`, that the slice of `split` keeps; bounds as TFDS reads them.

    Args:
        split: A name with or without a slice.
        count: How many rows there are.
        by_name: Whether `split` may hold a pattern, to which `named` was applied.

    Raises:
        ValueError: A bound that is out of range, or nothing is left; a pattern of names.
    """
    split_name(split)
    match = _SPLIT.match(split)
    assert match is not None  # `split_name` has raised otherwise
    if match["pattern"] is not None and not by_name:
        raise invalid("split", split, "a name with or without a slice, for data without file names")
    bounds = match.groups()[2:]
    start, stop = (
        _bound(split, text, count, default)
        for text, default in zip(bounds, (0, count), strict=True)
    )
    if start >= stop:
        raise invalid("split", split, "a slice that holds at least one picture")
    return slice(start, stop)


def _bound(split: str, text: str | None, count: int, default: int) -> int:
    if text is None:
        return default
    if text.endswith("%"):
        percent = int(text[:-1])
        if abs(percent) > 100:
            raise invalid("split", split, "a slice within 0% to 100%")
        at = math.floor(percent * count / 100 + 0.5)
    else:
        at = int(text)
        if abs(at) > count:
            raise invalid("split", split, f"a slice of the {count} pictures there are")
    return at + count if text.startswith("-") else at


def split_of(
    name: str, splits: Collection[str], fractions: Mapping[str, float] | None
) -> tuple[str, Mapping[str, float] | None]:
    """In which split of its own a data set has what is called `name`, and the fractions that count.

    Args:
        name: What is wanted, without a slice.
        splits: Those that the data set has.
        fractions: How its training split is divided: parts that it has not itself, and `"train"`,
            which is then what is left.

    Raises:
        ValueError: There is no training split, or the data set has such a part already.
    """
    if not fractions:
        return name, None
    if _TRAIN not in splits or any(part in splits and part != _TRAIN for part in fractions):
        rule = f"parts of a split {_TRAIN!r} that differ from the data's own, {sorted(splits)}"
        raise invalid("fractions", dict(fractions), rule)
    return (_TRAIN, fractions) if name in fractions else (name, None)


def hash_order(names: Sequence[str], seed: int = 0) -> np.ndarray:
    """Indices of `names` in an order that looks random and depends on the names and seed alone.

    So a slice holds a bit of every class, and a file that comes or goes moves no other file.
    """
    keys = [hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=16).digest() for name in names]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), "int64")


def by_fraction(
    split: str, labels: np.ndarray, fractions: Mapping[str, float], order: np.ndarray
) -> np.ndarray:
    """Indices, in `order`, of the part of every class that falls to the split called `split`.

    Args:
        split: Its name, without a slice.
        labels: Class of every picture.
        fractions: Shares of the splits; they add to at most 1.
        order: All indices, as `hash_order` gives them.
    """
    shares = list(fractions.values())
    if not shares or not all(map(is_number, shares)) or min(shares) <= 0 or sum(shares) > 1 + 1e-9:
        raise invalid("fractions", dict(fractions), "positive numbers that add to at most 1")
    if split not in fractions:
        raise unknown("split", split, fractions)
    at = list(fractions).index(split)
    low, high = sum(shares[:at]), sum(shares[: at + 1])
    keep = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        first, last = (math.floor(len(members) * share + 0.5) for share in (low, high))
        keep[members[first:last]] = True
    return order[keep[order]]
