"""The networks that come with the package, and where they stand in for weights on the internet."""

import logging
from typing import Any

from kerazoo._checks import checked
from kerazoo._errors import invalid
from kerazoo.checkpoints.fetch.checkpoint import DownloadError, fetch
from kerazoo.checkpoints.records import Checkpoint, all_checkpoints
from kerazoo.checkpoints.weights import Weights, registered

log = logging.getLogger("kerazoo")
_TOLD: set[str] = set()  # what has stood in already: once is enough to be told


def shipped(task: str | None = None) -> tuple[Checkpoint, ...]:
    """The checkpoints whose files come with the package, those of most classes first.

    Args:
        task: Those of this task alone.
    """
    found = [c for c in all_checkpoints() if c.source == "package" and task in (None, c.task)]
    return tuple(sorted(found, key=lambda c: -c.classes))


@checked("task")
def default_model(task: str = "classification") -> str:
    """The id of the network that a task can be tried with at once: nothing is downloaded.

    It is a name for every command and function: `kerazoo.predict(default_model(), "cat.jpg")`.

    Args:
        task: What it is for.

    Raises:
        ValueError: The package has no network for that task.

    >>> default_model()
    'tensorflow/mobilenet_v2_1.0_224_quant'
    """
    found = shipped(task)
    if not found:
        known = sorted({checkpoint.task for checkpoint in shipped()})
        raise invalid("task", task, f"one that a network comes with: {', '.join(known)}")
    return found[0].id


def reachable(weights: Weights, asked: Any) -> Weights:
    """The same weights or, where they cannot be fetched, those of the package.

    That is where a data set's name was asked for, and the package has a network of the same
    architecture that was trained on it; one line says so. For all others nothing is tried: they are
    fetched when they are needed.

    Args:
        weights: What was found.
        asked: What the user called it: `"imagenet"`, an id, a path.
    """
    wanted = next((c for c in all_checkpoints() if c.id == weights.id), None)
    if wanted is None or wanted.source == "package" or asked != wanted.dataset:
        return weights
    spare = next((c for c in shipped(wanted.task) if _stands_in(c, wanted)), None)
    if spare is None:
        return weights
    try:
        fetch(wanted)
    except DownloadError as error:
        gist = " ".join(str(error).split()).partition(" (")[0].partition(". ")[0].rstrip(".:")
        if spare.id not in _TOLD:
            log.warning("%s: %s, which comes with kerazoo, is used instead.", gist, spare.id)
        _TOLD.add(spare.id)
        return registered(spare)
    return weights


def _stands_in(spare: Checkpoint, wanted: Checkpoint) -> bool:
    return (spare.model, spare.dataset) == (wanted.model, wanted.dataset)
