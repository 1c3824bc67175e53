"""Which network a weights file could be of that does not say it: by how many numbers it holds.

Nothing is built for it, so that `kerazoo info` needs neither Keras nor a backend.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from kerazoo._errors import invalid
from kerazoo.checkpoints.layouts.layout import OWN, find_layout
from kerazoo.checkpoints.read.tensors import read_tensors
from kerazoo.registry import catalogue, get_entry

# What is no parameter of a network: statistics of batch norms, and what PyTorch counts.
_NO_PARAMETERS = (
    *("moving_mean", "moving_variance", "running_mean", "running_var"),
    "num_batches_tracked",
)
_CLASSES = 1000  # of the networks that the catalogue counts


def describe_file(path: str | os.PathLike) -> dict[str, Any]:
    """Facts of a weights file that names no network: whose names it has, and what it could be of.

    Args:
        path: As `read_tensors` takes it.

    Returns:
        `path`, `names` (the library), `tensors`, `numbers` (parameters, without statistics of
        batch norms) and `could_be`, ids of the catalogue.
    """
    tensors = read_tensors(path)
    layout = find_layout(tensors)
    numbers = _parameters(tensors)
    return {
        "path": os.fspath(path),
        "names": "kerazoo, or unknown" if layout is OWN else layout.name,
        "tensors": len(tensors),
        "numbers": sum(numbers.values()),
        "could_be": _could_be(set(_sizes(tensors))),
    }


def check_size(path: str | os.PathLike, model: str) -> None:
    """Raises `ValueError` where a weights file cannot be of a network of this id.

    Files without a classifier, or with one for other classes, pass.
    """
    expected = get_entry(model).params
    tensors = read_tensors(path)
    sizes = set(_sizes(tensors))
    own = sum(_parameters(tensors).values())
    headless = expected is not None and expected > own and (expected - own) % _CLASSES == 0
    if expected is None or expected in sizes or headless:
        return
    others = _could_be(sizes)
    hint = f"; it has the size of {' or '.join(others)}" if others else ""
    rule = f"a file with the {expected:,} parameters of {model}, not {own:,}{hint}"
    raise invalid("weights", os.fspath(path), rule)


def _could_be(sizes: set[int]) -> list[str]:
    """Ids of networks with so many parameters."""
    entries = catalogue().items()
    return [id for id, entry in entries if entry.params in sizes and not entry.same_as]


def _parameters(tensors: Mapping[str, Any]) -> dict[str, int]:
    return {name: a.size for name, a in tensors.items() if not _is_statistic(name, a)}


def _is_statistic(name: str, array: Any) -> bool:
    if name.endswith(_NO_PARAMETERS):
        return True
    # Keras 3 numbers a layer's variables: a batch norm's are gamma, beta, mean and variance.
    return array.ndim == 1 and name.rpartition("/")[2] in ("2", "3")


def _sizes(tensors: Mapping[str, Any]) -> Iterator[int]:
    """Parameters of the file, and those that it would have with a classifier for 1,000 classes."""
    numbers = _parameters(tensors)
    own = sum(numbers.values())
    if not any(name.endswith("gamma") for name in numbers):  # folded into the kernels
        own += sum(size for name, size in numbers.items() if name.endswith("beta"))
    yield own
    counts = set(numbers.values())
    for name, classes in numbers.items():
        if tensors[name].ndim == 1 and name.endswith(("bias", "/1")):
            for kernel in counts:
                if kernel > classes and kernel % classes == 0:
                    yield own + (kernel // classes + 1) * (_CLASSES - classes)
