"""Weights that were found, whatever they were called: `Weights`."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kerazoo._bounds import CLASSES
from kerazoo._rules import is_int
from kerazoo.checkpoints.fetch.checkpoint import fetch, fetched_digests
from kerazoo.checkpoints.lineage import UNKNOWN, Origin
from kerazoo.checkpoints.read.tensors import read_tensors
from kerazoo.checkpoints.records import Checkpoint, all_checkpoints
from kerazoo.confidence import Confidence
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
SHOWN = 80  # characters of a wrong value that a complaint gives


@dataclass(frozen=True)
class Weights:
    """Weights and what is known of them; None means that the model's own default holds.

    Attributes:
        id: For messages, `ModelInfo.checkpoint` and `weights=`.
        tensors: Fetches, verifies and reads them: `{name: array}`.
        model: Id of the network that they are for, where they say so.
        origin: The network in the words of another library, where that is all they say.
        classes, labels, preprocessing, padding, batch_norm_epsilon: As in
            `kerazoo.checkpoints.records.Checkpoint`.
        arguments: Further constructor arguments of the trunk that they need.
        task_arguments: Those of what was learned (`OF_THE_TASK`), where a whole network is stored.
        licence: Their own, else that of what they started from; `"unknown"` where nobody states it.
        dataset: What they learned, where they say so.
        lineage: What they started from, and what that did: nearest first.
        doubt: A sentence on what was taken for granted of a file that does not say it; else empty.
        confidence: What held-out pictures say of the scores.
    """

    id: str
    tensors: Callable[[], dict[str, np.ndarray]]
    model: str | None = None
    origin: str = ""
    classes: int | None = None
    labels: str | tuple[str, ...] | None = None
    preprocessing: Preprocessing | None = None
    padding: str | None = None
    batch_norm_epsilon: float | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    task_arguments: Mapping[str, Any] = field(default_factory=dict)
    licence: str = UNKNOWN
    dataset: str | None = None
    lineage: tuple[Origin, ...] = ()
    doubt: str = ""
    confidence: Confidence | None = None


def tell(doubt: str) -> None:
    """Says in one line what was taken for granted; nothing where nothing was."""
    if doubt:
        log.warning("%s", doubt)


def registered(checkpoint: Checkpoint) -> Weights:
    """Those of a registered checkpoint; nothing is fetched yet."""
    return Weights(
        checkpoint.id,
        lambda: _fetched(checkpoint),
        model=checkpoint.model,
        classes=checkpoint.classes,
        labels=checkpoint.labels,
        preprocessing=checkpoint.preprocessing,
        padding=checkpoint.padding,
        batch_norm_epsilon=checkpoint.batch_norm_epsilon,
        arguments=checkpoint.arguments,
        licence=checkpoint.licence,
        dataset=checkpoint.dataset,
    )


def _fetched(checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    path = fetch(checkpoint)
    return read_tensors(path, fetched_digests(checkpoint, path))


def check_facts(source: str, facts: Mapping[str, Any]) -> None:
    """Raises `ValueError` where what is said of weights is not of the kind that it has to be.

    Args:
        source: Whose they are, for the message.
        facts: As for `described`; those that are left out are not missed.
    """
    for name, (wanted, accepts) in _FACTS.items():
        if name in facts and not accepts(facts[name]):
            shown = repr(facts[name])
            shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"
            raise ValueError(
                f"What `{source}` says of itself is wrong: {name!r} must be {wanted}, not {shown}."
            )
    labels, classes = facts.get("labels"), facts.get("classes")
    if isinstance(labels, list | tuple) and classes and len(labels) != classes:
        raise ValueError(
            f"What `{source}` says of itself is wrong: {classes} classes, {len(labels)} labels."
        )


def prepared(source: str, make: Callable[..., Preprocessing], *facts: Any) -> Preprocessing:
    """`make(*facts)`; a complaint says whose preprocessing it is."""
    try:
        return make(*facts)
    except (TypeError, ValueError, AttributeError) as error:
        message = f"What `{source}` says of its preprocessing is wrong: {error}"
        raise ValueError(message) from error


def _is_count(value: Any) -> bool:
    return value is None or (is_int(value) and 1 <= value <= CLASSES.value)


def _are_names(value: Any) -> bool:
    listed = isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)
    return value is None or listed or isinstance(value, str)


def _are_arguments(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    activation = value.get("classifier_activation")
    return _is_count(value.get("classes")) and isinstance(activation, str | None)


_TEXT = ("text or null", lambda value: isinstance(value, str | None))
_FACTS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "architecture": ("text", lambda value: isinstance(value, str)),
    "arguments": (
        "an object, its classifier_activation a name or null and its classes a positive integer "
        f"({CLASSES.variable} bounds it)",
        _are_arguments,
    ),
    "preprocessing": ("an object or null", lambda value: isinstance(value, Mapping | None)),
    "classes": (f"a positive integer or null ({CLASSES.variable} bounds it)", _is_count),
    "labels": ("a list of names, the name of a set or null", _are_names),
    "confidence": ("an object or null", lambda value: isinstance(value, Mapping | None)),
    "licence": _TEXT,
    "dataset": _TEXT,
    "lineage": ("a list or null", lambda value: isinstance(value, list | tuple | None)),
    "checkpoint": _TEXT,
}


def described(id: str, tensors: Callable[[], dict], facts: Mapping[str, Any]) -> Weights:
    """Those of a network that kerazoo stored, from what is stored of it.

    Args:
        id, tensors: As in `Weights`.
        facts: `architecture`, `arguments` and, where known, `preprocessing`, `classes`, `labels`,
            `confidence`, `licence`, `dataset`, `lineage` and `checkpoint`: a `config.json` of ours,
            or a `ModelInfo` as a dict.

    Raises:
        ValueError: One of them is of another kind, or asks for more than `kerazoo._bounds` grants.
    """
    check_facts(id, facts)
    arguments, labels = dict(facts["arguments"]), facts.get("labels")
    task = {name: arguments.pop(name) for name in OF_THE_TASK if name in arguments}
    record = facts.get("preprocessing")
    headless = task.get("include_top") is False or task.get("features_only")
    lineage = _lineage(id, facts)
    return Weights(
        id,
        tensors,
        model=facts["architecture"],
        classes=None if headless else facts.get("classes") or task.get("classes"),
        labels=tuple(labels) if isinstance(labels, list) else labels,
        preprocessing=prepared(id, Preprocessing.from_dict, record) if record else None,
        padding=arguments.pop("padding", None),
        batch_norm_epsilon=arguments.pop("batch_norm_epsilon", None),
        arguments=arguments,
        task_arguments=task,
        licence=facts.get("licence") or _inherited(lineage, facts.get("checkpoint")),
        dataset=facts.get("dataset"),
        lineage=lineage,
        confidence=_confidence(id, facts),
    )


def _lineage(source: str, facts: Mapping[str, Any]) -> tuple[Origin, ...]:
    try:
        return tuple(Origin.from_dict(each) for each in facts.get("lineage") or ())
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"What `{source}` says of its lineage is wrong: {error}") from error


def _inherited(lineage: tuple[Origin, ...], checkpoint: str | None) -> str:
    """The licence of what weights started from, which do not say one themselves."""
    if lineage:
        return lineage[0].licence
    started = next((c for c in all_checkpoints() if c.id == checkpoint), None)
    return started.licence if started else UNKNOWN


def _confidence(source: str, facts: Mapping[str, Any]) -> Confidence | None:
    if not (stored := facts.get("confidence")):
        return None
    try:
        found = Confidence.from_dict(stored)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"What `{source}` says of its confidence is wrong: {error}") from error
    if (classes := facts.get("classes")) and len(found.thresholds) != classes:
        rule = f"{classes} classes, {len(found.thresholds)} thresholds"
        raise ValueError(f"What `{source}` says of its confidence is wrong: {rule}.")
    return found
