"""Which part of a data set is trained on, which one is watched, and which one counts."""

import os
from typing import Any

from kerazoo._checks import check_number
from kerazoo._errors import invalid, unknown
from kerazoo.data.open import open_source, split_names
from kerazoo.data.splits import TEST, VALIDATION, cut, split_name


def choose_splits(
    data: str | os.PathLike,
    *,
    data_dir: str | os.PathLike | None = None,
    train: str | None = None,
    validation: str | None = None,
    test: str | None = None,
    held_out: float = 0.1,
) -> dict[str, Any]:
    """The keys of a recipe's `[data]` for a data set, whatever splits it has.

    Where it has no validation split, the last `held_out` of the training split is held out (of
    folders and CSV files without splits: that share of every class, chosen by a hash of the
    names). The choice is the same each time. Without a test split the validation split counts.

    Args:
        data: A TFDS name, or the path of a folder or CSV file.
        data_dir: For TFDS names.
        train, validation, test: Splits to take, with or without slices, in place of these.
        held_out: Share, above 0 and below 1.

    Raises:
        ValueError: No such data or split, or a share out of range.
    """
    check_number("held_out", held_out, above=0, below=1)
    names = split_names(data, data_dir=data_dir)
    record: dict[str, Any] = {"name": os.fspath(data)}
    if not names:
        if given := [each for each in (train, validation, test) if each is not None]:
            raise invalid("train", given, f"left out, with its like: {data} has no splits")
        shares = {"train": round(1 - held_out, 6), "validation": held_out}
        splits = {"train": "train", "validation": "validation", "test": "validation"}
        return {**record, "fractions": shares, **splits}
    train = train or "train"
    for argument, split in (("train", train), ("validation", validation), ("test", test)):
        if split is not None and split_name(split) not in names:
            raise unknown(argument, split, names)
    if validation is None:
        validation = next((name for name in VALIDATION if name in names), None)
    if validation is None:
        train, validation = _halves(data, data_dir, train, held_out)
    if test is None:
        test = next((name for name in TEST if name in names), validation)
    return {**record, "train": train, "validation": validation, "test": test}


def _halves(data: Any, data_dir: Any, train: str, held_out: float) -> tuple[str, str]:
    """The training split without its last part, and that part."""
    name = split_name(train)
    whole = open_source(data, name, data_dir=data_dir)
    rows = cut(train, whole.count)
    edge = rows.stop - max(1, round(held_out * (rows.stop - rows.start)))
    if edge <= rows.start:
        raise invalid("train", train, "a split with enough pictures to hold some of them out")
    return f"{name}[{rows.start}:{edge}]", f"{name}[{edge}:{rows.stop}]"
