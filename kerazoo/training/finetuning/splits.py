"""Which part of a data set is trained on, which one is watched, and which one counts."""

import os
from collections.abc import Mapping
from typing import Any

from kerazoo._checks import check_number
from kerazoo._errors import invalid, unknown
from kerazoo.data.open import is_tfds, open_source, split_names
from kerazoo.data.splits import TEST, VALIDATION, cut, split_name

# Share of the training pictures that is held out where the data have no validation split, by the
# pictures of a class on average: of a class with fewer, a tenth would be none.
HELD_OUT = ((10, 0.1), (3, 0.2), (0, 0.5))
PART = "validation"  # what they are called then


def choose_splits(
    data: str | os.PathLike,
    *,
    data_dir: str | os.PathLike | None = None,
    train: str | None = None,
    validation: str | None = None,
    test: str | None = None,
    held_out: float | None = None,
    task: str | None = None,
) -> dict[str, Any]:
    """The keys of a recipe's `[data]` for a data set, whatever splits it has.

    Where it has no validation split, `held_out` of the training pictures are held out: of folders
    and CSV files that share of every class, chosen by a hash of the names; of TFDS sets, and of a
    slice, the last part. The choice is the same each time. Without a test split the validation
    split counts.

    Args:
        data: A TFDS name, or the path of a folder or CSV file.
        data_dir: For TFDS names.
        train, validation, test: Splits to take, with or without slices, in place of these.
        held_out: Share, above 0 and below 1; by default as `HELD_OUT` says.
        task: As for `kerazoo.data.open.open_source`.

    Raises:
        ValueError: No such data or split, or a share out of range.
    """
    check_number("held_out", held_out, above=0, below=1, optional=True)
    names = split_names(data, data_dir=data_dir, task=task)
    record: dict[str, Any] = {"name": os.fspath(data)}
    if not names:
        if given := [each for each in (train, validation, test) if each is not None]:
            raise invalid("train", given, f"left out, with its like: {data} has no splits")
        shares = _shares(held_out or _share(_average(data, None, None, task)))
        return {**record, "fractions": shares, "train": "train", "validation": PART, "test": PART}
    train = train or "train"
    for argument, split in (("train", train), ("validation", validation), ("test", test)):
        if split is not None and split_name(split) not in names:
            raise unknown(argument, split, names)
    if validation is None:
        validation = next((name for name in VALIDATION if name in names), None)
    if validation is None:
        average = _average(data, data_dir, train, task)
        share = held_out or _share(average)
        # Of a class with one picture no part can be held out: then it is some classes' only one.
        if train == "train" and not is_tfds(data, data_dir) and average >= 2:
            record["fractions"], validation = _shares(share), PART
        else:
            train, validation = _halves(data, data_dir, train, share, task)
    if test is None:
        test = next((name for name in TEST if name in names), validation)
    return {**record, "train": train, "validation": validation, "test": test}


def is_held_out(record: Mapping[str, Any], given: str | None) -> bool:
    """Whether the watched part was taken from the training pictures, and another one counts.

    Args:
        record: What `choose_splits` gave.
        given: The validation split that the user named.
    """
    train, validation = split_name(record["train"]), split_name(record["validation"])
    taken = given is None and (validation == train or "fractions" in record)
    return taken and record["validation"] != record["test"]


def _average(data: Any, data_dir: Any, train: str | None, task: str | None) -> float:
    """Pictures of a class."""
    source = open_source(data, train, data_dir=data_dir, task=task)
    return source.count / len(source.classes)


def _share(average: float) -> float:
    return next(share for least, share in HELD_OUT if average >= least)


def _shares(held_out: float) -> dict[str, float]:
    return {"train": round(1 - held_out, 6), PART: held_out}


def _halves(
    data: Any, data_dir: Any, train: str, held_out: float, task: str | None
) -> tuple[str, str]:
    """The training split without its last part, and that part."""
    name = split_name(train)
    whole = open_source(data, name, data_dir=data_dir, task=task)
    rows = cut(train, whole.count)
    edge = rows.stop - max(1, round(held_out * (rows.stop - rows.start)))
    if edge <= rows.start:
        raise invalid("train", train, "a split with enough pictures to hold some of them out")
    return f"{name}[{rows.start}:{edge}]", f"{name}[{edge}:{rows.stop}]"
