"""What a task is: the one object that the machinery asks, so that it need not know what it runs.

Training, evaluation, prediction, export, the Runner, the benchmark, the command line, cards and the
listing hold a `Task` and call it; none of them names one. A task is found by the name that
`Entry.task`, `ModelInfo.task` and `ExportRecord.task` carry.

A *target* is what belongs to a picture in a data set: any nest of tensors that `tf.nest` knows. Of
classification it is the bare int64 class, as a Keras user expects `(pictures, labels)`; of tasks
with several parts it is a dict (`{"boxes", "classes", "crowd"}`, `{"mask"}`).

*Outputs* are a dict of arrays by name, in every runtime and file format: `{"scores": …}`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from kerazoo._errors import invalid, unknown
from kerazoo.tasks.description import Card, Figure, Option
from kerazoo.tasks.learning import Learning


class Task(Learning, Protocol):
    """See the module. Errors are `ValueError`s that name an argument.

    What it does where networks learn and are measured is in `Learning`; here is what all can do.

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
                raise invalid(name, value, f"left out: it is no option of {task.name}")
            raise unknown("option", name, accepted)
        next(o for o in task.options if o.name == name).rule.check(name, value)


def no_merging(task: str) -> ValueError:
    """The error of a task, by its name, that cannot `merge`."""
    return ValueError(f"What {task} says of tiles cannot be put together for a picture.")
