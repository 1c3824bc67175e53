"""The values that a task is described with, and those that it answers with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kerazoo._rules import Rule, integer


@dataclass(frozen=True)
class Figure:
    """The number that a task is judged by.

    Attributes:
        name: Of the Keras metric in training logs (validation adds `val_`): `"accuracy"`.
        label: For people: `"top-1"`.
        metric: Key in a checkpoint's `metrics` that holds it as published: `"top1"`.
        percent: Whether it is a share of 1 that people read in percent.
        higher_is_better: Whether more of it is better.
    """

    name: str
    label: str
    metric: str
    percent: bool = True
    higher_is_better: bool = True

    def better(self, new: float, old: float | None) -> bool:
        """Whether `new` beats `old`; anything beats None."""
        return old is None or (new > old if self.higher_is_better else new < old)

    def published(self, value: float) -> float:
        """In the unit of a checkpoint's `metrics`: percent, where people read it so."""
        return round(100 * value if self.percent else value, 4)

    def shown(self, value: float, digits: int = 2) -> str:
        """For people: `"87.81 %"`."""
        return f"{100 * value:.{digits}f} %" if self.percent else f"{value:.{digits + 2}f}"


@dataclass(frozen=True)
class Card:
    """What a model card on the Hub says of the task.

    Attributes:
        pipeline_tag: The Hub's name of the task.
        features_tag: The same for a network without its head.
        usage: Lines of Python after `model` and `x` (prepared pictures) are there.
        decode: Further ones, where the network carries labels.
        head: What people call its head: `"classifier"`.
    """

    pipeline_tag: str
    features_tag: str
    usage: str
    decode: str = ""
    head: str = "head"


POSITIVE = integer()


@dataclass(frozen=True)
class Option:
    """What a user may choose about predictions: an argument of `decode` and `answer`, and an
    option of the commands that predict and export.

    Attributes:
        name: `"top"`.
        default: Where nobody says: a value, or words where it depends.
        help: A few words for `--help`.
        rule: What it may be; a positive integer by default.
        read: What was typed -> the value.
    """

    name: str
    default: Any
    help: str
    rule: Rule = POSITIVE
    read: Callable[[str], Any] = int


@dataclass(frozen=True)
class Table:
    """Rows for people: `header` and each of `rows` have the same number of cells.

    `telling` has a number for each row, the lower the more it tells: where there is not room for
    all rows, those with the lowest are shown. Empty where the first rows tell most.
    """

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    telling: Sequence[float] = ()

    def shortened(self, most: int) -> "Table":
        """The same with at most so many rows, in their order."""
        if len(self.rows) <= most:
            return self
        telling = self.telling or range(len(self.rows))
        kept = sorted(sorted(range(len(self.rows)), key=lambda i: telling[i])[:most])
        title = f"{self.title}; {most} of {len(self.rows)} rows"
        return Table(title, self.header, [self.rows[i] for i in kept])


def extremes(values: Sequence[float]) -> list[float]:
    """For `Table.telling`: the smallest and the largest values tell most, in turns."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    ranks = [0.0] * len(values)
    for place, i in enumerate(order):
        ranks[i] = min(2 * place, 2 * (len(values) - 1 - place) + 1)
    return ranks


@dataclass
class Survey:
    """What a task says of a data set before training: tables, and lines on what to look at."""

    tables: list[Table] = field(default_factory=list)
    attention: list[str] = field(default_factory=list)
