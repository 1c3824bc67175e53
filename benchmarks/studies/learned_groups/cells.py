"""The grid: ordinary convolutions, fixed groups, learned ones, and learned ones with copies."""

from typing import Any

import numpy as np

KINDS = {
    "fixed": {"arguments.learned": False},
    "learned": {},
    "learned, copies": {"arguments.duplicate_top": 3},
}
GROUPS = (8, 2, 16, 4)
PAIR = ("learned", "learned, copies")  # which decides at 8 groups: more seeds
ROUNDS = 15


def cell(kind: str, groups: int, seed: int, changes: dict[str, Any]) -> dict[str, Any]:
    place = {"network": "resnet14_025", "kind": kind, "groups": groups, "seed": seed}
    return {**place, "changes": {**changes, "seed": seed, "arguments.groups": groups}}


CELLS = [
    one
    for seed in (1, 2)
    for one in (
        cell("ordinary", 1, seed, {}),
        *(cell(kind, groups, seed, KINDS[kind]) for groups in GROUPS for kind in KINDS),
    )
]
CELLS += [cell(kind, 8, seed, KINDS[kind]) for seed in (3, 4, 5) for kind in PAIR]


def watch(model: Any) -> dict[str, float]:
    """Of the learned layers: the share of inputs that are copies, and of groups without channels.

    A copy is a channel that a group takes beside its own; the share is of all own channels.
    """
    found = [layer.assignment() for layer in _learned(model)]
    if not found:
        return {}
    own = sum(len(group) for each in found for group in each.channels)
    copied = sum(len(group) for each in found for group in each.duplicated)
    empty = [not group for each in found for group in each.channels]
    return {"copied": round(copied / own, 4), "empty": round(float(np.mean(empty)), 4)}


def measure(model: Any) -> dict[str, float]:
    """Of the trained network with its groups frozen: size, work, and time a picture.

    `frozen_time` is that of the frozen network divided by that of the one with masks, whose work is
    that of ordinary convolutions; the least of several rounds in turn, a picture at a time.
    """
    import time

    from kerazoo import profile
    from kerazoo.deploy import freeze_groups
    from kerazoo.inference import inference_function

    if not _learned(model):
        return {}
    frozen = freeze_groups(model)
    picture = np.zeros((1, 32, 32, 3), "float32")
    calls = [inference_function(each, 1) for each in (model, frozen)]
    seconds = [float("inf")] * 2
    for _ in range(ROUNDS):
        for place, call in enumerate(calls):
            start = time.perf_counter()
            call(picture)
            seconds[place] = min(seconds[place], time.perf_counter() - start)
    sizes = profile(frozen)
    return {
        "parameters": sizes.params,
        "multiply_adds": sizes.macs,
        "frozen_time": round(seconds[1] / seconds[0], 3),
    }


def _learned(model: Any) -> list[Any]:
    from kerazoo.layers import FLGCConv2D

    return [layer for layer in model.layers if isinstance(layer, FLGCConv2D)]
