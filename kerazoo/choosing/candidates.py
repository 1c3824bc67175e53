"""Which networks are worth timing: from the catalogue and the records, without a backend."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kerazoo._errors import invalid
from kerazoo.checkpoints.records import USUAL, Checkpoint, all_checkpoints
from kerazoo.registry import catalogue, get_entry
from kerazoo.tasks import get_task

# A network is left out where so many cost no more and are as accurate at least: multiply-adds say
# roughly how long a network takes, so that who is beaten by one may still be faster.
RIVALS = 2


@dataclass(frozen=True)
class Candidate:
    """Published weights, and what they cost on paper.

    Attributes:
        weights: Their id: a name for every command.
        model: Id of the model.
        figure: The task's, as published, in percent.
        size: Height and width that it holds for, in pixels.
        params: Of the model.
        macs: Multiply-adds at that size, by the number of pixels where the model's own is another.
    """

    weights: str
    model: str
    figure: float
    size: tuple[int, int]
    params: int
    macs: int


def candidates(
    task: str, models: Sequence[str] | None = None, dataset: str | None = None
) -> tuple[str, list[Candidate]]:
    """The data set whose figures are compared, and the candidates, those with the least work first.

    Args:
        task: Its name.
        models: Ids of models or of weights; by default all whose figures are published, but for
            those that `RIVALS` others beat on paper.
        dataset: Whose figures; by default the usual one of the task.

    Raises:
        ValueError: An unknown task or id; nothing is published for them.
    """
    figure = get_task(task).monitor
    known = [c for c in all_checkpoints() if c.task == task and figure.metric in c.metrics]
    sets = {c.dataset for c in known}
    chosen = dataset or next((name for name in USUAL if name in sets), None)
    if chosen not in sets:
        raise invalid("dataset", dataset, f"one that figures are published for: {sorted(sets)}")
    of_set = [c for c in known if c.dataset == chosen]
    if models is None:
        found = {c.id: _candidate(c, figure.metric) for c in of_set if c.default}
        return chosen, sorted(promising(found.values()), key=lambda each: each.macs)
    named = [_candidate(_named(name, of_set, chosen), figure.metric) for name in models]
    return chosen, sorted(dict.fromkeys(named), key=lambda each: each.macs)


def promising(found: Iterable[Candidate], rivals: int = RIVALS) -> list[Candidate]:
    """Those that fewer than `rivals` others beat: with less work or as much, and as accurate."""
    found = list(found)
    return [
        each
        for each in found
        if sum(
            other is not each and other.macs <= each.macs and other.figure >= each.figure
            for other in found
        )
        < rivals
    ]


def _named(name: str, known: Sequence[Checkpoint], dataset: str) -> Checkpoint:
    model = get_entry(name).weights_of if name in catalogue() else None
    found = [c for c in known if c.id == name or c.model == model]
    if not found:
        ids = {c.id for c in all_checkpoints()}
        if model is None and name not in ids:
            get_entry(name)  # raises, with the nearest names
        raise invalid("models", name, f"those with a figure that is published for {dataset}")
    size = get_entry(found[0].model).input_size
    return min(found, key=lambda c: (not c.default, tuple(c.size) != tuple(size)))


def _candidate(checkpoint: Checkpoint, metric: str) -> Candidate:
    entry = get_entry(checkpoint.model)
    (height, width), (own_height, own_width) = checkpoint.size, entry.input_size
    assert entry.macs is not None  # of a model that has weights
    assert entry.params is not None
    macs = entry.macs * (height * width) / (own_height * own_width)
    return Candidate(
        checkpoint.id,
        checkpoint.model,
        float(checkpoint.metrics[metric]),
        (height, width),
        entry.params,
        round(macs),
    )
