"""Weights that were found, whatever they were called: `Weights`."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kerazoo.checkpoints.fetch.checkpoint import fetch
from kerazoo.checkpoints.read.tensors import read_tensors
from kerazoo.checkpoints.records import Checkpoint, all_checkpoints
from kerazoo.preprocessing import Preprocessing

log = logging.getLogger("kerazoo")

# Arguments that belong to the task that was learned, not to the trunk that learned it.
OF_THE_TASK = (
    "classes",
    "classifier_activation",
    "features_only",
    "include_top",
    "input_shape",
    "pooling",
)
UNKNOWN = "unknown"  # the Hub's id of a licence that nobody stated


@dataclass(frozen=True)
class Weights:
    """Weights and what is known of them; None means that the model's own default holds.

    Attributes:
        id: For messages, `ModelInfo.checkpoint` and `weights=`.
        tensors: Fetches, verifies and reads them: `{name: array}`.
        model: Id of the network that they are for, where they say so.
        classes, labels, preprocessing, padding, batch_norm_epsilon: As in
            `kerazoo.checkpoints.records.Checkpoint`.
        arguments: Further constructor arguments of the trunk that they need.
        task_arguments: Those of what was learned (`OF_THE_TASK`), where a whole network is stored.
        licence: `"unknown"` where nobody states it.
        doubt: A sentence on what was taken for granted of a file that does not say it; else empty.
    """

    id: str
    tensors: Callable[[], dict[str, np.ndarray]]
    model: str | None = None
    classes: int | None = None
    labels: str | tuple[str, ...] | None = None
    preprocessing: Preprocessing | None = None
    padding: str | None = None
    batch_norm_epsilon: float | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    task_arguments: Mapping[str, Any] = field(default_factory=dict)
    licence: str = UNKNOWN
    doubt: str = ""


def tell(doubt: str) -> None:
    """Says in one line what was taken for granted; nothing where nothing was."""
    if doubt:
        log.warning("%s", doubt)


def registered(checkpoint: Checkpoint) -> Weights:
    """Those of a registered checkpoint; nothing is fetched yet."""
    return Weights(
        checkpoint.id,
        lambda: read_tensors(fetch(checkpoint)),
        model=checkpoint.model,
        classes=checkpoint.classes,
        labels=checkpoint.labels,
        preprocessing=checkpoint.preprocessing,
        padding=checkpoint.padding,
        batch_norm_epsilon=checkpoint.batch_norm_epsilon,
        arguments=checkpoint.arguments,
        licence=checkpoint.licence,
    )


def described(id: str, tensors: Callable[[], dict], facts: Mapping[str, Any]) -> Weights:
    """Those of a network that kerazoo stored, from what is stored of it.

    Args:
        id, tensors: As in `Weights`.
        facts: `architecture`, `arguments` and, where known, `preprocessing`, `classes`, `labels`,
            `licence` and `checkpoint`: a `config.json` of ours, or a `ModelInfo` as a dict.
    """
    arguments, labels = dict(facts["arguments"]), facts.get("labels")
    task = {name: arguments.pop(name) for name in OF_THE_TASK if name in arguments}
    record = facts.get("preprocessing")
    headless = task.get("include_top") is False or task.get("features_only")
    started = next((c for c in all_checkpoints() if c.id == facts.get("checkpoint")), None)
    return Weights(
        id,
        tensors,
        model=facts["architecture"],
        classes=None if headless else facts.get("classes") or task.get("classes"),
        labels=tuple(labels) if isinstance(labels, list) else labels,
        preprocessing=Preprocessing.from_dict(record) if record else None,
        padding=arguments.pop("padding", None),
        batch_norm_epsilon=arguments.pop("batch_norm_epsilon", None),
        arguments=arguments,
        task_arguments=task,
        licence=facts.get("licence") or (started.licence if started else UNKNOWN),
    )
