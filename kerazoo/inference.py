"""Running a network: on batches, compiled once; and on pictures, from files to predictions."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np

from kerazoo._errors import invalid
from kerazoo._machine import cores
from kerazoo.pictures import PictureError, as_picture, find_pictures, is_one_path
from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks import task_of
from kerazoo.tasks.task import Task, check_options

_AHEAD = 2  # batches that are decoded while one is computed


def inference_function(model: Any, batch: int | None = None) -> Callable[[Any], Any]:
    """`batch -> outputs` for a Keras model, in a graph: NumPy arrays in the model's own structure.

    `model.predict` compiles with XLA, which on a CPU takes many times longer than the pictures
    themselves and runs depthwise convolutions slower than the plain graph used here.

    Args:
        model: A Keras model with one input of pictures.
        batch: Pictures in every batch; by default any number.
    """
    if keras.backend.backend() != "tensorflow":
        return lambda batch: keras.tree.map_structure(
            np.asarray, model.predict_on_batch(np.asarray(batch))
        )
    import tensorflow as tf

    height, width, channels = model.input_shape[1:]
    # One trace for all batches, the last and smaller one included.
    signature = [tf.TensorSpec((batch, height, width, channels), tf.float32)]
    graph = tf.function(lambda batch: model(batch, training=False), input_signature=signature)
    return lambda batch: keras.tree.map_structure(lambda y: y.numpy(), graph(batch))


def picture_preprocessing(model: Any, record: Preprocessing | None = None) -> Preprocessing:
    """How whole pictures become what `model` takes.

    That is the model's own record, with the size of its input where that is fixed, and without
    the normalisation where the model does that itself (`include_preprocessing=True`).

    Args:
        model: A kerazoo model, or any Keras model together with `record`.
        record: In place of the model's own.
    """
    info = getattr(model, "info", None)
    record = record or getattr(info, "preprocessing", None)
    if record is None:
        raise invalid("preprocessing", None, f"given: model {model.name!r} does not carry its own")
    height, width = model.input_shape[1:3]
    if height and width:
        record = record.with_size((height, width))
    inside = info is not None and info.arguments.get("include_preprocessing")
    return record.without_normalisation() if inside else record


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
    """

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
    ):
        self.task, self.name, self.record = task, name, record
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
            lambda array: by_name(run(array), task.outputs, model.name),
            task,
            name=model.name,
            record=info,
            preprocessing=picture_preprocessing(model, preprocessing),
            labels=labels,
            input_shape=model.input_shape[1:],
            batch_size=batch_size,
        )

    def outputs(self, array: Any) -> dict[str, np.ndarray]:
        """Outputs by name of inputs that are prepared already, in one batch.

        Args:
            array: float32 `(batch, height, width, channels)`, normalised.
        """
        array = np.ascontiguousarray(array, "float32")
        if array.ndim != 4 or any(
            wanted not in (None, found)
            for wanted, found in zip(self.input_shape, array.shape[1:], strict=True)
        ):
            raise invalid("array", array.shape, f"of shape (batch, {str(self.input_shape)[1:]}")
        return dict(self._run(array))

    def __call__(self, array: Any) -> Any:
        """`outputs`; of a network with a single one, that array alone."""
        return _single(self.outputs(array))

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
        for items, outputs in self._batches(pictures, skip):
            for i, item in enumerate(items):
                yield item, _single({name: y[i] for name, y in outputs.items()})

    def predictions(
        self, pictures: Any, skip: Callable[[PictureError], None] | None = None, **how: Any
    ) -> Iterator[tuple[Any, Any]]:
        """`(picture, prediction)` one after the other; arguments as for `stream` and `predict`."""
        check_options(self.task, how)
        for items, outputs in self._batches(pictures, skip):
            yield from zip(items, self.task.decode(outputs, self._labelled, **how), strict=True)

    def predict(self, pictures: Any, **how: Any) -> list[Any]:
        """The prediction for each picture; of a classifier its best classes, best first.

        Args:
            pictures: A file, folder or glob, or several; PIL pictures; or uint8 arrays `(height,
                width, 3)` of 0 to 255, of any size, in a list or as one array `(count, height,
                width, 3)`.
            **how: Options of the task; of classification `top=5`, how many classes.

        Raises:
            PictureError: A file cannot be read.
        """
        return [prediction for _, prediction in self.predictions(pictures, **how)]

    def _batches(
        self, pictures: Any, skip: Callable[[PictureError], None] | None
    ) -> Iterator[tuple[Sequence[Any], dict[str, np.ndarray]]]:
        if self.preprocessing is None:
            rule = f"given to {type(self).__name__}: the network does not carry its own"
            raise invalid("preprocessing", None, rule)
        for batch in self._decoded(listed(pictures)):
            read = []
            for item, future in batch:
                try:
                    read.append((item, future.result()))
                except PictureError as error:
                    if skip is None:
                        raise
                    skip(error)
            if read:
                items, arrays = zip(*read, strict=True)
                yield items, self.outputs(np.stack(arrays))

    def _decoded(self, items: Sequence[Any]) -> Iterator[list[tuple[Any, Future]]]:
        waiting: deque[list[tuple[Any, Future]]] = deque()
        pool = ThreadPoolExecutor(cores())
        try:
            for start in range(0, len(items), self.batch_size):
                batch = items[start : start + self.batch_size]
                waiting.append([(item, pool.submit(self._read, item)) for item in batch])
                if len(waiting) > _AHEAD:
                    yield waiting.popleft()
            yield from waiting
        finally:  # also where the caller stops early: what has not begun is not begun
            pool.shutdown(cancel_futures=True)

    def _read(self, item: Any) -> np.ndarray:
        return self.preprocessing.from_pil(as_picture(item))


def by_name(outputs: Any, names: Sequence[str], network: str) -> dict[str, Any]:
    """A network's outputs under the names, and in the order, of its task.

    Args:
        outputs: A tensor or array, or several in a sequence or by name. Other names are those of a
            file that is not kerazoo's, or of Keras' layers: then the order counts.
        names: Of the task's outputs.
        network: What to call the network in a message.

    Raises:
        ValueError: There are more or fewer.
    """
    if isinstance(outputs, Mapping):
        if set(names) <= set(outputs):
            return {name: outputs[name] for name in names}
        outputs = list(outputs.values())
    elif not isinstance(outputs, list | tuple):
        outputs = [outputs]
    if len(outputs) != len(names):
        rule = f"one with the outputs {', '.join(names)}"
        raise invalid("model", f"{network} with {len(outputs)} outputs", rule)
    return dict(zip(names, outputs, strict=True))


def is_one_picture(pictures: Any) -> bool:
    """Whether that is a picture, rather than what may hold several (a list, folder or glob)."""
    if isinstance(pictures, np.ndarray):
        return pictures.ndim < 4
    if isinstance(pictures, str | os.PathLike):
        return is_one_path(pictures)
    from PIL import Image

    return isinstance(pictures, bytes | Image.Image)


def listed(pictures: Any) -> list[Any]:
    """Pictures as a list of paths, uint8 arrays and PIL pictures; see `Predictor.predict`."""
    from PIL import Image

    if isinstance(pictures, str | os.PathLike):
        return find_pictures([pictures])
    if isinstance(pictures, bytes | Image.Image) or not isinstance(pictures, Iterable):
        raise invalid("pictures", pictures, "paths, PIL pictures or uint8 arrays, in a list")
    items = list(pictures)
    if all(isinstance(item, str | os.PathLike) for item in items):
        return find_pictures(items)
    return [path for item in items for path in _listed(item)]


def _listed(item: Any) -> list[Any]:
    from PIL import Image

    if isinstance(item, str | os.PathLike):
        return find_pictures([item])
    picture = isinstance(item, np.ndarray) and item.dtype == np.uint8 and item.ndim in (2, 3)
    if picture or isinstance(item, bytes | Image.Image):
        return [item]
    shown = f"{item.dtype} {item.shape}" if isinstance(item, np.ndarray) else item
    rule = "paths, PIL pictures or uint8 arrays (height, width, channels), 0 to 255"
    raise invalid("pictures", shown, rule)


def _single(outputs: Mapping[str, Any]) -> Any:
    return next(iter(outputs.values())) if len(outputs) == 1 else outputs


def _labelled(record: Any, labels: str | Sequence[str] | None) -> Any:
    """What `Task.decode` takes for the record, with `labels` in place of its own."""
    if labels is None:
        return record
    return SimpleNamespace(labels=labels) if record is None else replace(record, labels=labels)
