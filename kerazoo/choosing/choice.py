"""What was chosen and from what, for people and programs."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from kerazoo.choosing.candidates import Candidate
from kerazoo.tasks.description import Figure


@dataclass(frozen=True)
class Timed:
    """A candidate that was timed here.

    Attributes:
        candidate: Which.
        ms: Median time of one picture, in milliseconds.
        quartiles: Of the same times.
        score: In percent: the published figure or, with data, that of a probe on held-out pictures;
            None where there is no probe of it.
    """

    candidate: Candidate
    ms: float
    quartiles: tuple[float, float]
    score: float | None


@dataclass(frozen=True)
class Choice:
    """What `choose` found.

    Attributes:
        task: Its name.
        figure: What it is judged by.
        budget: Milliseconds that a picture may take.
        runtime: What ran the networks.
        dataset: Whose figures count, or the data that were given.
        timed: All that were timed, the fastest first.
        pick: The best of those within the budget.
        fetched: Whether its weights are on this machine.
        not_timed: Weights that were candidates too: less accurate than the pick, or too far from
            the budget by their multiply-adds.
        left_out: Weights, and the reason, of those that could not be run or probed.
        data: As given.
    """

    task: str
    figure: Figure
    budget: float
    runtime: str
    dataset: str
    timed: tuple[Timed, ...]
    pick: Timed
    fetched: bool
    not_timed: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    data: str | None = None

    @property
    def frontier(self) -> tuple[Timed, ...]:
        """Those that no faster one equals, the fastest first."""
        return frontier(self.timed)

    @property
    def command(self) -> str:
        """What goes on with the pick."""
        weights = self.pick.candidate.weights
        if self.data is None:
            return shlex.join(["kerazoo", "predict", weights, "cat.jpg", "--runtime", self.runtime])
        output = f"runs/{self.pick.candidate.model}"
        return shlex.join(["kerazoo", "finetune", weights, "--data", self.data, "--output", output])

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        best = {each.candidate.weights for each in self.frontier}
        rows = [
            {
                **asdict(each.candidate),
                "size": list(each.candidate.size),
                "median_ms": each.ms,
                "quartiles_ms": list(each.quartiles),
                "score": each.score,
                "within_budget": each.ms <= self.budget,
                "frontier": each.candidate.weights in best,
            }
            for each in self.timed
        ]
        return {
            "task": self.task,
            "figure": self.figure.label,
            "dataset": self.dataset,
            "budget_ms": self.budget,
            "runtime": self.runtime,
            "timed": rows,
            "pick": self.pick.candidate.weights,
            "fetched": self.fetched,
            "command": self.command,
            "not_timed": list(self.not_timed),
            "left_out": [
                {"weights": name, "reason": reason} for name, reason in self.left_out.items()
            ],
        }


def frontier(timed: Sequence[Timed]) -> tuple[Timed, ...]:
    """Those with a score that no faster one has."""
    best, found = None, []
    for each in sorted(timed, key=lambda t: (t.ms, -(t.score or 0))):
        if each.score is not None and (best is None or each.score > best):
            best = each.score
            found.append(each)
    return tuple(found)


def pick(timed: Sequence[Timed], budget: float) -> Timed | None:
    """The highest score within the budget, of equal ones the fastest; None for none."""
    within = [each for each in timed if each.ms <= budget and each.score is not None]
    return max(within, key=lambda each: (each.score, -each.ms), default=None)
