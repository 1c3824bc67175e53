"""From pictures to predictions: one class, whatever runs the network."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from kerazoo._ahead import futures, read_ahead
from kerazoo._checks import check_int, checked
from kerazoo._errors import invalid
from kerazoo.inference import inference_function, named_outputs, picture_preprocessing
from kerazoo.picture_lists import listed
from kerazoo.pictures import PictureError, as_picture, open_reduced
from kerazoo.placement import Placement
from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks import task_of
from kerazoo.tasks.task import Task, check_options
from kerazoo.tiling import Tile, check_tiles, tiles_of

STAGES = ("decode", "network", "post-processing")  # of `Predictor.timed`


class Predictor:
    """From pictures to predictions, through whatever runs the network.

    `Predictor.of_model` makes one of a Keras model as it is built; `kerazoo.deploy.Runner` is one
    on another runtime.

    Args:
        run: float32 `(batch, height, width, channels)` -> outputs by name, NumPy arrays.
        task: Of the network.
        name: Of the network, for messages.
        record: What it carries (`ModelInfo`, `ExportRecord`); None for nothing.
        preprocessing: How pictures are prepared; None where that is unknown, so that only prepared
            arrays can be taken.
        labels: Label set or names, in place of those of `record`.
        input_shape: `(height, width, channels)`, None where any will do.
        batch_size: Pictures at a time.
        model: The Keras model where that is what runs.

    Attributes:
        exact: Whether every pixel of a file is decoded. Where not, JPEGs far larger than the
            network's input are decoded at a half, a quarter or an eighth, the smallest that is at
            least twice what the picture is scaled to: sooner, with slightly other scores
            (`benchmarks/scaled_decoding.py` has both).
    """

    exact = True

    def __init__(
        self,
        run: Callable[[np.ndarray], Mapping[str, np.ndarray]],
        task: Task,
        *,
        name: str,
        record: Any = None,
        preprocessing: Preprocessing | None = None,
        labels: str | Sequence[str] | None = None,
        input_shape: Sequence[int | None] = (None, None, None),
        batch_size: int = 32,
        model: Any = None,
    ):
        check_int("batch_size", batch_size)
        self.task, self.name, self.record, self.model = task, name, record, model
        self.preprocessing, self.batch_size = preprocessing, batch_size
        self.input_shape = tuple(input_shape)
        self._run = run
        self._labelled = _labelled(record, labels)

    @classmethod
    def of_model(
        cls,
        model: Any,
        *,
        preprocessing: Preprocessing | None = None,
        labels: str | Sequence[str] | None = None,
        batch_size: int = 32,
    ) -> "Predictor":
        """A Keras model as it is built.

        Raises:
            ValueError: It is not of the task that it says, or does not carry its preprocessing.
        """
        info = getattr(model, "info", None)
        task = task_of(info)
        task.check(model)
        run = inference_function(model)
        return cls(
            lambda array: named_outputs(run(array), task.outputs, model.name),
            task,
            name=model.name,
            record=info,
            preprocessing=picture_preprocessing(model, preprocessing),
            labels=labels,
            input_shape=model.input_shape[1:],
            batch_size=batch_size,
            model=model,
        )

    def outputs(self, array: Any) -> dict[str, np.ndarray]:
        """Outputs by name of inputs that are prepared already, in one batch.

        Args:
            array: float32 `(batch, height, width, channels)`, normalised.

        Raises:
            ValueError: It has another shape, no numbers, or some that are NaN or infinite, of which
                a network may well make scores that look like any others.
        """
        array = _numbers(array)
        if array.ndim != 4 or any(
            wanted not in (None, found)
            for wanted, found in zip(self.input_shape, array.shape[1:], strict=True)
        ):
            raise invalid("array", array.shape, f"of shape (batch, {str(self.input_shape)[1:]}")
        # Of the sum, which is finite where all are (or they are beyond all pixels): no copy.
        with np.errstate(over="ignore", invalid="ignore"):
            suspect = not np.isfinite(array.sum())
        if suspect and not np.isfinite(array).all():
            what = f"{array.shape} with NaN or infinity"
            raise invalid("array", what, "of numbers that are finite in float32")
        return dict(self._run(array))

    def __call__(self, array: Any) -> Any:
        """`outputs`; of a network with a single one, that array alone."""
        return _single(self.outputs(array))

    @checked("skip")
    def stream(
        self, pictures: Any, skip: Callable[[PictureError], None] | None = None
    ) -> Iterator[tuple[Any, Any]]:
        """`(picture, outputs)` one after the other; threads decode while the network computes.

        Outputs are as a call gives them, without the axis of the batch.

        Args:
            pictures: As for `predict`.
            skip: Called with the error of a picture that cannot be read, which is then left out;
                by default the error is raised.
        """
        batches = self._batches(self._listed(pictures), skip)
        return (
            (item, _single({name: y[i] for name, y in outputs.items()}))
            for items, _, outputs in batches
            for i, item in enumerate(items)
        )

    @checked("skip")
    def predictions(
        self,
        pictures: Any,
        skip: Callable[[PictureError], None] | None = None,
        tiles: int | None = None,
        **how: Any,
    ) -> Iterator[tuple[Any, Any]]:
        """`(picture, prediction)` one after the other; arguments as for `stream` and `predict`."""
        check_options(self.task, how)
        check_tiles(tiles, self.task)
        items = self._listed(pictures)
        batches = self._batches(items, skip) if tiles is None else self._tiled(items, skip, tiles)
        return (
            pair
            for items, placements, outputs in batches
            for pair in zip(items, self._decode(items, placements, outputs, how), strict=True)
        )

    def keyed(
        self, pictures: Iterable[tuple[Any, str | os.PathLike | bytes]], **how: Any
    ) -> Iterator[tuple[Any, Any, PictureError | None]]:
        """`(key, prediction, error)` of every picture, in order; read no further than needed.

        Of a picture that cannot be read the prediction is None, of others the error.

        Args:
            pictures: Keys, of any kind, and paths or bytes of files.
            **how: As for `predict`.
        """
        self._check_prepares()
        check_options(self.task, how)
        return self._keyed(pictures, how)

    def _keyed(self, pictures: Iterable, how: dict) -> Iterator[tuple[Any, Any, Any]]:
        for batch in futures(pictures, lambda pair: self._read(pair[1]), self.batch_size):
            read, found = [], {}
            for place, ((_, source), future) in enumerate(batch):
                try:
                    read.append((place, source, *future.result()))
                except PictureError as error:
                    found[place] = None, error
            if read:
                places, items, placements, arrays = zip(*read, strict=True)
                outputs = self.outputs(np.stack(arrays))
                predictions = self._decode(items, placements, outputs, how)
                found |= {p: (y, None) for p, y in zip(places, predictions, strict=True)}
            for place, ((key, _), _) in enumerate(batch):
                yield key, *found[place]

    def predict(self, pictures: Any, tiles: int | None = None, **how: Any) -> list[Any]:
        """The prediction for each picture; of a classifier its best classes, best first.

        Args:
            pictures: A file, folder or glob, or several; PIL pictures; or uint8 arrays `(height,
                width, 3)` of 0 to 255, of any size, in a list or as one array `(count, height,
                width, 3)`.
            tiles: Look at each picture as a whole and in overlapping tiles, whose longer side is
                so many pixels of the picture, for things that are small in it; for tasks whose
                answers for tiles can be put together. Every pixel of a file is decoded then.
            **how: Options of the task; of classification `top=5`, how many classes.

        Raises:
            PictureError: A file cannot be read.
        """
        return [prediction for _, prediction in self.predictions(pictures, tiles=tiles, **how)]

    def tiled(self, picture: Any, tiles: int) -> tuple[Placement, dict[str, Any]]:
        """Outputs of one picture from tiles of it, as `Task.merge` returns them.

        Args:
            picture: One of those that `predict` takes.
            tiles: As there.

        Returns:
            Where the pixels of the picture are in them, which is where they were, and the outputs.
        """
        check_tiles(tiles, self.task)
        return self._merged(self._opened(picture), tiles)

    def timed(self, picture: Any, **how: Any) -> tuple[Any, dict[str, float]]:
        """The prediction for one picture, and the seconds that each of `STAGES` took.

        Args:
            picture: One of those that `predict` takes. It is decoded and made ready in the first
                stage; the last makes a prediction of the network's outputs.
            **how: As for `predict`.

        Raises:
            PictureError: A file cannot be read.
        """
        check_options(self.task, how)
        (item,) = self._listed([picture])
        marks = [time.perf_counter()]
        placement, array = self._read(item)
        marks.append(time.perf_counter())
        outputs = self.outputs(array[None])
        marks.append(time.perf_counter())
        (prediction,) = self._decode([item], [placement], outputs, how)
        marks.append(time.perf_counter())
        return prediction, dict(zip(STAGES, np.diff(marks).tolist(), strict=True))

    def _decode(self, items: Sequence, placements: Sequence, outputs: dict, how: dict) -> list[Any]:
        return self.task.decode(outputs, self._labelled, placements, items, **how)

    def _listed(self, pictures: Any) -> list[Any]:
        """What can be told to be wrong at once is told at once, not when it is computed."""
        self._check_prepares()
        return listed(pictures)

    def _check_prepares(self) -> None:
        if self.preprocessing is None:
            rule = f"given to {type(self).__name__}: the network does not carry its own"
            raise invalid("preprocessing", None, rule)

    def _batches(
        self, pictures: Sequence[Any], skip: Callable[[PictureError], None] | None
    ) -> Iterator[tuple[Sequence[Any], Sequence[Placement], dict[str, np.ndarray]]]:
        """Pictures that can be read, where their pixels went, and outputs."""
        for read in read_ahead(pictures, self._read, self.batch_size, skip):
            items, pairs = zip(*read, strict=True)
            placements, arrays = zip(*pairs, strict=True)
            yield items, placements, self.outputs(np.stack(arrays))

    def _tiled(
        self, pictures: Sequence[Any], skip: Callable[[PictureError], None] | None, tiles: int
    ) -> Iterator[tuple[Sequence[Any], Sequence[Placement], dict[str, Any]]]:
        """`_batches` of one picture each, of tiles that were merged."""
        # One at a time: such pictures are large.
        for read in read_ahead(pictures, self._opened, 1, skip):
            ((item, picture),) = read
            placement, outputs = self._merged(picture, tiles)
            yield [item], [placement], outputs

    def _merged(self, picture: Any, side: int) -> tuple[Placement, dict[str, Any]]:
        """`tiled` of an upright PIL picture."""
        assert self.preprocessing is not None  # `_listed` has raised otherwise
        size = picture.height, picture.width
        views = tiles_of(size, side, self.preprocessing)
        merged = self.task.merge(self._views(picture, views), self._labelled)
        return Placement((1.0, 1.0), (0.0, 0.0), size, size), merged

    def _views(
        self, picture: Any, tiles: Sequence[Tile]
    ) -> Iterator[tuple[Tile, dict[str, np.ndarray]]]:
        """The outputs of each tile, computed when it is asked for, in batches."""
        assert self.preprocessing is not None
        for start in range(0, len(tiles), self.batch_size):
            batch = tiles[start : start + self.batch_size]
            arrays = []
            for tile in batch:
                top, left, height, width = tile.window
                part = picture.crop((left, top, left + width, top + height))
                arrays.append(self.preprocessing.from_pil(part))
            outputs = self.outputs(np.stack(arrays))
            for i, tile in enumerate(batch):
                yield tile, {name: y[i] for name, y in outputs.items()}

    def _read(self, item: Any) -> tuple[Placement, np.ndarray]:
        assert self.preprocessing is not None  # `_listed` has raised otherwise
        if isinstance(item, str | os.PathLike | bytes):
            # Twice what it is scaled to: the filter still has as many pixels as it smooths over.
            height, width = self.preprocessing.scaled_size
            enough = None if self.exact else (2 * height, 2 * width)
            picture, size = open_reduced(item, enough)
        else:
            picture = self._opened(item)
            size = picture.height, picture.width
        placement = self.preprocessing.place(*size)
        return placement, self.preprocessing.from_pil(picture)

    def _opened(self, item: Any) -> Any:
        """The whole picture, upright, in PIL."""
        picture = as_picture(item)
        if picture.mode == "L" and self.input_shape[-1] == 3:  # a grey array: as a grey file
            return picture.convert("RGB")
        return picture


def _numbers(array: Any) -> np.ndarray:
    try:
        found = np.asarray(array)
    except ValueError:  # rows of several lengths
        found = np.asarray(None)
    if found.dtype.kind not in "fiu" and found.dtype.name != "bfloat16":
        shown = f"{found.dtype} {found.shape}" if isinstance(array, np.ndarray) else array
        raise invalid("array", shown, "of numbers (batch, height, width, channels)")
    with np.errstate(over="ignore"):  # infinite then, which is refused
        return np.ascontiguousarray(found, "float32")


def _single(outputs: Mapping[str, Any]) -> Any:
    return next(iter(outputs.values())) if len(outputs) == 1 else outputs


def _labelled(record: Any, labels: str | Sequence[str] | None) -> Any:
    """What `Task.decode` takes for the record, with `labels` in place of its own."""
    if labels is None:
        return record
    return SimpleNamespace(labels=labels) if record is None else replace(record, labels=labels)
