"""What a task does where its networks learn and are measured.

A part of `kerazoo.tasks.task.Task`; `kerazoo.tasks.untrained` is for tasks that do not.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from kerazoo.tasks.description import Survey


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


class Learning(Protocol):
    """Training, data, evaluation and figures. Errors are `ValueError`s that name an argument."""

    # The network that learns.
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

    def fit_head(self, learned: tuple, held_out: tuple, classes: int, whole: bool) -> Fitted:
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
