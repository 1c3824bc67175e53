"""The networks that are measured: what they are called, and what tables and plots tell of them."""

import os
from typing import Any

from kerazoo._files import public_name
from kerazoo.checkpoints.records import checkpoints_for
from kerazoo.open import find, is_stored, open_model
from kerazoo.profiling import profile
from kerazoo.registry import catalogue, create_model, get_entry
from kerazoo.tasks import task_of


def check_model(what: Any) -> None:
    """Raises unless `benchmark` can take that; nothing is built or fetched."""
    if not isinstance(what, str | os.PathLike) or is_stored(what):
        return
    if os.fspath(what) not in catalogue():
        find(what)


def open_named(what: Any, weights: Any, size: int | None) -> tuple[str, Any]:
    """What tables call a network, and the network."""
    if not isinstance(what, str | os.PathLike):
        return what.name, what
    if os.fspath(what) not in catalogue():
        return public_name(os.fspath(what)), open_model(what, weights, size=size)
    if weights is not None:  # which may want arguments of their own
        return os.fspath(what), open_model(what, weights, size=size)
    shape = {} if size is None else {"input_shape": (size, size, 3)}
    return os.fspath(what), create_model(os.fspath(what), weights=None, **shape)


def facts(id: str, model) -> dict[str, Any]:
    """What the tables and plots tell besides the measurements."""
    counted, info = profile(model), getattr(model, "info", None)
    found = {
        "id": id,
        "architecture": getattr(info, "architecture", None),
        "params": counted.params,
        "macs": counted.macs,
        "input_shape": list(model.input_shape[1:]),
    }
    if id not in catalogue():
        return found
    # As published for the default ImageNet weights, if they are for this picture size.
    metric = task_of(get_entry(id)).monitor.metric
    for checkpoint in checkpoints_for(get_entry(id).weights_of):
        same = list(checkpoint.size) == found["input_shape"][:2]
        if checkpoint.default and checkpoint.dataset == "imagenet" and same:
            found["weights"] = checkpoint.id
            found[metric] = checkpoint.metrics.get(metric)
            break
    return found
