"""What a task is: the one object that the machinery asks, so that it need not know what it runs.

Training, evaluation, prediction, export, the Runner, the benchmark, the command line, cards and the
listing hold a `Task` and call it; none of them names one. A task is found by the name that
`Entry.task`, `ModelInfo.task` and `ExportRecord.task` carry.

A *target* is what belongs to a picture in a data set: any nest of tensors that `tf.nest` knows. Of
classification it is the bare int64 class, as a Keras user expects `(pictures, labels)`; of tasks
with several parts it is a dict (`{"boxes", "classes", "crowd"}`, `{"mask"}`).

*Outputs* are a dict of arrays by name, in every runtime and file format: `{"scores": …}`.
"""

import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from kerazoo._checks import Rule, integer
from kerazoo._errors import invalid, unknown


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
    """Rows for people: `header` and each of `rows` have the same number of cells."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


@dataclass
class Survey:
    """What a task says of a data set before training: tables, and lines on what to look at."""

    tables: list[Table] = field(default_factory=list)
    attention: list[str] = field(default_factory=list)


class Result(Protocol):
    """What a meter measured; `str()` of it is a line for people."""

    @property
    def headline(self) -> float:
        """The task's `monitor`, in its unit (a share of 1 where that is in percent)."""
        ...

    count: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        ...

    def draw(self, folder: Path) -> None:
        """Leaves in a folder what can be drawn of the figures alone; needs Matplotlib."""
        ...


class Fitted(Protocol):
    """Weights that were fitted to stored features.

    Attributes:
        watched: Of the layer, fitted to the training pictures alone.
        final: The same, fitted to all that could be learned from.
        logs: `loss` and the task's figure, and with `val_` those of the held-out pictures.
        confidence: A `kerazoo.confidence.Confidence`.
        facts: What was chosen, for the record.
    """

    watched: Sequence[Any]
    final: Sequence[Any]
    logs: dict[str, float]
    confidence: Any
    facts: dict[str, Any]


class Meter(Protocol):
    """Sums up outputs against targets, batch by batch."""

    def update(self, outputs: Mapping[str, Any], targets: Any) -> None:
        """Takes in a batch of outputs (`Task.merge`'s too) and the targets of the same pictures."""
        ...

    def result(self, seconds: float) -> Result:
        """What was measured, in so much time."""
        ...


class Answers(Protocol):
    """What a task gathered of a network's outputs."""

    @property
    def headline(self) -> float:
        """The task's `monitor`, in its unit."""
        ...

    @property
    def count(self) -> int:
        """Number of pictures."""
        ...

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the headline of all such pictures is, with 95 % confidence; None if unknown."""
        ...


class Task(Protocol):
    """See the module. Errors are `ValueError`s that name an argument.

    Attributes:
        name: `"classification"`, …
        monitor: The figure that is watched, listed and published.
        figures: All that checkpoints publish, `monitor` first.
        outputs: Names of the network's outputs, in order.
        mixes: Whether encoded targets are shares that may be mixed: by MixUp, CutMix, a teacher
            (the network's outputs are of the same form then).
        placed: Whether a target says where in the picture something is.
        merges: Whether `merge` puts tiles of a picture together.
        joins: Whether targets of pictures can lie side by side in one (`join`).
        fits_head: Whether a dense layer can be fitted to stored features (`fit_head`).
        losses: Names that `loss.name` of a recipe may have, the usual one first; empty where there
            is no choice.
        ships_thresholds: Whether a run ends with `calibrate` on the validation split: what users
            are shown depends on it. (Fine-tuning always does.)
        drawings: File name -> caption of what `draw_figures` leaves.
        photographs: Those of them that show pictures of the data, which are not published unasked.
        files: Ending of a further file that `kerazoo predict --save` leaves beside a drawn copy ->
            name of the prediction's method that writes it, given the path.
        learning: Arguments of the constructor of a network that learns: what the loss works on.
        learned: The same of a network that is used, where no argument says otherwise.
        shapes: Of each output, for people: `"(batch, classes)"`.
        card: For publishing.
        columns: Header of the table that `rows` fill; the first is of numbers.
        fields: Keys of the dicts that `json` gives.
        options: What users may choose about predictions.
    """

    name: str
    monitor: Figure
    figures: tuple[Figure, ...]
    outputs: tuple[str, ...]
    mixes: bool
    placed: bool
    merges: bool
    joins: bool
    fits_head: bool
    losses: tuple[str, ...]
    ships_thresholds: bool
    drawings: Mapping[str, str]
    photographs: tuple[str, ...]
    files: Mapping[str, str]
    learning: Mapping[str, Any]
    learned: Mapping[str, Any]
    shapes: tuple[str, ...]
    card: Card
    columns: tuple[str, ...]
    fields: tuple[str, ...]
    options: tuple[Option, ...]

    # The network.
    def head(self, trunk: Any, arguments: Any) -> Any:
        """Output tensors on top of a `kerazoo.blocks.Trunk`, as the constructor's arguments say."""
        ...

    def check(self, model: Any, source: Any = None) -> None:
        """Raises unless `model` is a network of this task, and of the classes of `source`."""
        ...

    def arguments(
        self, given: Mapping[str, Any], source: Any, preprocessing: Any, build: Any
    ) -> Mapping[str, Any]:
        """Arguments of the constructor of a network that is to learn, which may follow from data.

        Args:
            given: Those of the recipe.
            source: The training pictures.
            preprocessing: How they are prepared.
            build: Arguments -> such a network, without weights.
        """
        ...

    def adopt(self, model: Any, labels: Sequence[str], classes: Sequence[str], build: Any) -> int:
        """Copies what start weights know of classes with the same names into a new head.

        Args:
            model: Its trunk has the start weights, its head is new.
            labels: Names of the classes that these were trained for.
            classes: Names of the model's.
            build: Gives the network that they were trained as, with its head.

        Returns:
            Of how many classes something was copied.
        """
        ...

    def plan(self, pictures: int) -> dict[str, dict[str, Any]] | None:
        """How a trained network goes on learning from so many pictures, where nobody says.

        Returns:
            Folder name -> keys of a recipe of each phase, in order; None for the usual ones: the
            head alone, then all layers.
        """
        ...

    # Data: graphs of tf.data.
    def check_targets(self, targets: Any, source: Any, complete: bool = False) -> None:
        """Raises unless the targets of all pictures, stacked, are what `source` says.

        With `complete` also where they are not enough to learn from.
        """
        ...

    def survey(self, sources: Mapping[str, Any]) -> Survey:
        """What there is to know of the targets of a data set before training.

        Args:
            sources: Split -> source.
        """
        ...

    def move(self, target: Any, placement: Any) -> Any:
        """The target of a picture that went where `kerazoo.placement.Placement` says.

        That is crop, scale and, with a negative scale of x, left and right in each other's place.
        """
        ...

    def show(
        self, picture: Any, target: Any, classes: Sequence[str]
    ) -> tuple[Any, list[tuple[str, float | None]]]:
        """A target for people: the picture with what is somewhere in it, and lines of text.

        Args:
            picture: PIL, as the target has it.
            target: NumPy arrays, encoded or not, where the task can tell.
            classes: Names.
        """
        ...

    def renumber(self, target: Any, numbers: Any) -> Any:
        """A target whose classes are counted anew.

        Args:
            target: Of a picture, or of a batch.
            numbers: New number of each class, an int64 tensor.
        """
        ...

    def regions(self, target: Any) -> Any:
        """What a random crop should keep in view: float32 boxes `(n, 4)` in pixels of the picture.

        None where targets have no such places.
        """
        ...

    def join(self, targets: Sequence[Any]) -> Any:
        """One target for a picture that several were put together in, for tasks that can (`joins`).

        Args:
            targets: Of each of these, moved to where it lies: a graph of tf.data.
        """
        ...

    def present(self, targets: Any, classes: int) -> Any:
        """Which classes are on which picture: bool `(batch, classes)`.

        Args:
            targets: Of a batch of pictures, NumPy arrays.
            classes: How many there are.

        Raises:
            ValueError: The task cannot tell.
        """
        ...

    def encode(self, targets: Any, classes: Sequence[str], model: Any = None) -> Any:
        """A batch of targets as the loss takes them.

        Args:
            targets: Of pictures as the network takes them.
            classes: Names.
            model: The network that learns; None where there is none, which not every task can do
                without.
        """
        ...

    # Training.
    def loss(self, recipe: Any, model: Any, source: Any = None) -> Any:
        """A Keras loss, or one for each output by name.

        Args:
            recipe: Its `loss` names one of `losses`.
            model: The network that learns.
            source: The training pictures, where something follows from their targets.
        """
        ...

    def metrics(self) -> list[Any]:
        """Keras metrics to watch.

        Where the one of `monitor` is not among them, the meter measures it on the validation split
        after each epoch.
        """
        ...

    def fit_head(self, learned: tuple, held_out: tuple, classes: int, whole: bool) -> "Fitted":
        """Weights of a dense layer on stored features, fitted until they have converged.

        Args:
            learned: float32 features `(views, count, features)` and targets of the training
                pictures; the first view is the picture as it is, by which answers are judged.
            held_out: The same, with as many views, of the pictures that choose what has to be
                chosen.
            classes: Number of classes.
            whole: Whether the final weights are fitted to `held_out` as well.
        """
        ...

    def calibrate(self, model: Any, answers: Any) -> Any:
        """Makes a network's scores shares of right answers, and measures where they are not sure.

        Args:
            model: Its weights change, its answers' order does not.
            answers: Gathered of the network on pictures that it has not learned from.

        Returns:
            A `kerazoo.confidence.Confidence`; None where the task knows no such thing.
        """
        ...

    # Evaluation.
    def meter(self, source: Any, network: Any, quick: bool = False) -> Meter:
        """An empty meter for the classes of `source`.

        Args:
            source: The pictures.
            network: The `kerazoo.predictor.Predictor` whose outputs are measured.
            quick: Whether `headline` is all that will be asked for.
        """
        ...

    # Figures.
    def gather(
        self, batches: Iterable[tuple[Mapping, Any]], source: Any, indices: Any, network: Any
    ) -> Answers:
        """All outputs of a network, kept.

        Args:
            batches: Outputs by name, and targets, of the pictures of `source` in order.
            source: The pictures.
            indices: Their places in it: some may be left out.
            network: The `kerazoo.predictor.Predictor` that gave the outputs.
        """
        ...

    def draw_figures(self, answers: Any, folder: Path, count: int) -> None:
        """Leaves `drawings` of gathered answers in a folder; at most `count` mistakes are shown."""
        ...

    # Export.
    def facts(self, model: Any, labels: Any) -> dict[str, Any]:
        """What an `ExportRecord` says of the network's outputs: its fields `outputs` and `labels`.

        Args:
            model: The network before fusion.
            labels: Name of a label set or the names; None for what the task makes of that.
        """
        ...

    def answer(self, outputs: Mapping[str, Any], record: Any, **how: Any) -> dict[str, Any]:
        """What a server sends: named tensors of a batch, made of output tensors in a TensorFlow
        graph.

        Args:
            outputs: By name, each with the batch first.
            record: The `ExportRecord`.
            **how: As for `decode`.
        """
        ...

    def signatures(
        self, record: Any, batch: bool = False, **how: Any
    ) -> Mapping[str, Callable[[dict], dict]]:
        """What files for other runtimes give beside the outputs themselves.

        Args:
            record: The `ExportRecord`.
            batch: Whether for any number of pictures, of operations that tf2onnx knows; else for
                one, of operations that LiteRT has.
            **how: As for `decode`.

        Returns:
            Name of a signature -> a function of the outputs by name, batch first, in a TensorFlow
            graph, that gives further ones. Mostly there is none.
        """
        ...

    # Use.
    def merge(self, views: Iterable[tuple[Any, Mapping[str, Any]]], record: Any) -> dict[str, Any]:
        """Outputs of one large picture, from those of the whole of it and of tiles that overlap.

        Each view is computed when it is asked for: what is needed of it can be kept, and the rest
        forgotten, so that memory does not grow with their number.

        Args:
            views: One after the other a `kerazoo.tiling.Tile` (where it lies, and where the
                pixels of the picture are in the network's input), and the network's outputs for it
                by name, without the axis of the batch. The whole picture comes first; where it is
                no larger than a tile it is the only one.
            record: What carries `labels` and `task_facts`, as for `decode`.

        Returns:
            What `decode` and the meter take in place of the network's outputs, by name, for a batch
            of this one picture. Where it has places, they are in pixels of the upright picture:
            `decode` gets a placement that moves nothing, from the picture to itself.

        Raises:
            ValueError: Outputs that `decode` would refuse; or the task does not merge (`merges`).
        """
        ...

    def decode(
        self,
        outputs: Mapping[str, Any],
        record: Any,
        placements: Sequence[Any] = (),
        pictures: Sequence[Any] = (),
        **how: Any,
    ) -> list[Any]:
        """A prediction for each picture of a batch, in the pixels of the original.

        Args:
            outputs: By name, each with the batch first: the network's, or what `merge` returned.
            record: What carries `labels`: a `ModelInfo` or `ExportRecord`; None for nothing.
            placements: How each picture was placed, where the task needs it.
            pictures: What each was given as, for predictions that can draw themselves.
            **how: Out of `options`.
        """
        ...

    def rows(self, prediction: Any) -> list[tuple[str, ...]]:
        """Lines of a table, a cell for each of `columns`."""
        ...

    def json(self, prediction: Any) -> list[dict[str, Any]]:
        """A flat dict of JSON values with the keys `fields` for each thing that was found."""
        ...

    def captions(self, prediction: Any) -> list[tuple[str, float]]:
        """Text and share (0 to 1) of lines under the picture on a contact sheet."""
        ...

    def draw(self, picture: Any, prediction: Any) -> Any:
        """A PIL picture with what was found drawn where it is."""
        ...


def check_options(task: Task, how: Mapping[str, Any]) -> None:
    """Raises `ValueError` unless `how` are options of the task with values that they can have."""
    for name, value in how.items():
        accepted = [option.name for option in task.options]
        if name not in accepted:
            if not accepted:
                raise invalid(name, value, f"left out: {task.name} has no options")
            raise unknown("option", name, accepted)
        next(o for o in task.options if o.name == name).rule.check(name, value)


def no_merging(task: str) -> ValueError:
    """The error of a task, by its name, that cannot `merge`."""
    return ValueError(f"What {task} says of tiles cannot be put together for a picture.")


class Untrained(abc.ABC):
    """A base of tasks that are neither trained nor measured: what belongs to that is refused."""

    mixes = False
    fits_head = False
    losses = ()
    ships_thresholds = False
    drawings = MappingProxyType({})
    photographs = ()
    files = MappingProxyType({})

    @abc.abstractmethod
    def refusal(self, what: str) -> ValueError:
        """The error for networks that cannot be `what`, such as "trained"."""

    def arguments(self, given, source, preprocessing, build):
        raise self.refusal("trained")

    def adopt(self, model, labels, classes, build):
        raise self.refusal("trained")

    def plan(self, pictures):
        raise self.refusal("trained")

    def check_targets(self, targets, source, complete=False):
        raise self.refusal("trained")

    def survey(self, sources):
        return Survey()

    def move(self, target, placement):
        raise self.refusal("trained")

    def show(self, picture, target, classes):
        raise self.refusal("trained")

    def renumber(self, target, numbers):
        raise self.refusal("trained")

    def regions(self, target):
        raise self.refusal("trained")

    def join(self, targets):
        raise self.refusal("trained")

    def present(self, targets, classes):
        raise self.refusal("trained")

    def encode(self, targets, classes, model=None):
        raise self.refusal("trained")

    def fit_head(self, learned, held_out, classes, whole):
        raise self.refusal("trained")

    def calibrate(self, model, answers):
        raise self.refusal("trained")

    def loss(self, recipe, model, source=None):
        raise self.refusal("trained")

    def metrics(self):
        raise self.refusal("trained")

    def meter(self, source, network, quick=False):
        raise self.refusal("measured on a data set")

    def gather(self, batches, source, indices, network):
        raise self.refusal("measured on a data set")

    def draw_figures(self, answers, folder, count):
        raise self.refusal("measured on a data set")
