"""What a task is: the one object that the machinery asks, so that it need not know what it runs.

Training, evaluation, prediction, export, the Runner, the benchmark, the command line, cards and the
listing hold a `Task` and call it; none of them names one. A task is found by the name that
`Entry.task`, `ModelInfo.task` and `ExportRecord.task` carry.

A *target* is what belongs to a picture in a data set: any nest of tensors that `tf.nest` knows. Of
classification it is the bare int64 class, as a Keras user expects `(pictures, labels)`; of tasks
with several parts it is a dict (`{"boxes", "classes", "crowd"}`, `{"mask"}`).

*Outputs* are a dict of arrays by name, in every runtime and file format: `{"scores": …}`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


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
    """

    pipeline_tag: str
    features_tag: str
    usage: str


class Meter(Protocol):
    """Sums up outputs against targets, batch by batch."""

    def update(self, outputs: Mapping[str, Any], targets: Any) -> None:
        """Takes in a batch of outputs and the targets of the same pictures."""
        ...

    def result(self) -> Any:
        """What was measured: an object with the headline figure, `to_dict()` and `str()`."""
        ...


class Task(Protocol):
    """See the module. Errors are `ValueError`s that name an argument.

    Attributes:
        name: `"classification"`, …
        monitor: The figure that is watched, listed and published.
        outputs: Names of the network's outputs, in order.
        shapes: Of each output, for people: `"(batch, classes)"`.
        card: For publishing.
        columns: Header of the table that `rows` fill.
    """

    name: str
    monitor: Figure
    outputs: tuple[str, ...]
    shapes: tuple[str, ...]
    card: Card
    columns: tuple[str, ...]

    # The network.
    def head(self, trunk: Any, arguments: Any) -> Any:
        """Output tensors on top of a `kerazoo.blocks.Trunk`, as the constructor's arguments say."""
        ...

    def check(self, model: Any, source: Any = None) -> None:
        """Raises unless `model` is a network of this task, and of the classes of `source`."""
        ...

    # Data: graphs of tf.data.
    def move(self, target: Any, placement: Any, flip: Any) -> Any:
        """The target of a picture that was placed by `placement`, and mirrored where `flip`."""
        ...

    def encode(self, targets: Any, classes: Sequence[str]) -> Any:
        """A batch of targets as the loss takes them."""
        ...

    # Training.
    def loss(self, recipe: Any) -> Any:
        """A Keras loss, or one for each output."""
        ...

    def metrics(self) -> list[Any]:
        """Keras metrics to watch; the one of `monitor` is among them."""
        ...

    # Evaluation.
    def meter(self, source: Any) -> Meter:
        """An empty meter for the classes of `source`."""
        ...

    # Use.
    def decode(
        self, outputs: Mapping[str, Any], record: Any, placements: Sequence[Any] = (), **how: Any
    ) -> list[Any]:
        """A prediction for each picture of a batch, in the pixels of the original.

        Args:
            outputs: By name, each with the batch first.
            record: What carries the labels: a `ModelInfo` or `ExportRecord`.
            placements: How each picture was placed, where the task needs it.
            **how: Of the task: `top`, `threshold`.
        """
        ...

    def rows(self, prediction: Any) -> list[tuple[str, ...]]:
        """Lines of a table, a cell for each of `columns`."""
        ...

    def json(self, prediction: Any) -> Any:
        """JSON values."""
        ...

    def draw(self, picture: Any, prediction: Any) -> Any:
        """The prediction on or under a PIL picture, as a PIL picture."""
        ...
