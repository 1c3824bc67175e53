"""Predictions through whichever runtime, from arrays, files or folders."""

import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._errors import invalid, unknown
from kerazoo._machine import cores, is_installed, require
from kerazoo.deploy.exporting import FORMATS, export, read_record
from kerazoo.deploy.exporting._format import Format
from kerazoo.deploy.runtimes import RUNTIMES, open_runtime
from kerazoo.labels import Prediction, decode_predictions
from kerazoo.pictures import PictureError, find_pictures, open_picture
from kerazoo.preprocessing import Preprocessing

_AHEAD = 2  # batches that are decoded while one is computed
# What a model is exported to where a runtime is named: a SavedModel would want preprocessing.
_FORMATS = {"tensorflow": "keras", "openvino": "openvino", "onnx": "onnx", "litert": "litert"}
# What `runtime="auto"` takes for a model: the first of these that is installed, TensorFlow at the
# latest. Measured by `kerazoo benchmark mixnet_s mobilenet_v2 espnetv2 --batch 1 16` on two cores
# of an x86 server with AVX-512 (docs/benchmarks.md). Median times in batches of 16, OpenVINO as
# 1; those of batch 1 in brackets:
# * onnx: MixNet-S 1.3 (1.1), MobileNetV2 1.1 (1.0), ESPNetv2 1.8 (1.6)
# * litert: MixNet-S 1.6 (1.5), MobileNetV2 1.0 (0.9), ESPNetv2 1.7 (1.4)
# * tensorflow, fused: MixNet-S 1.5 (3.4), MobileNetV2 1.2 (3.3), ESPNetv2 1.8 (5.5)
FASTEST = ("openvino", "onnx", "litert", "tensorflow")


class Runner:
    """A classifier on a runtime of your choice.

    >>> runner = Runner("mixnet_s.tflite")                        # doctest: +SKIP
    >>> runner.predict("holiday/", top=1)[0][0].name              # doctest: +SKIP
    'Egyptian cat'

    Args:
        model_or_path: What `export` wrote (a file, a SavedModel's folder or one of its versions),
            or a Keras classifier, which is fused and exported to a temporary file.
        runtime: `"tensorflow"`, `"openvino"`, `"onnx"` or `"litert"`. By default that of the
            file; for a model the fastest that is installed (`kerazoo.deploy.runner.FASTEST`).
        batch_size: Pictures at a time.
        threads: Of the runtime; by default as many as there are cores.
        preprocessing: In place of the one that the network carries.
        labels: Label set or names, in place of those that it carries.
        **options: Of the runtime, as `streams=True` for OpenVINO (`kerazoo.deploy.runtimes`).

    Attributes:
        runtime: Name of the runtime in use.
        record: What the network carries (`ExportRecord`); None for a file without a record.
        load_seconds: From opening the file to being ready, the runtime's import included.
        file_size: Bytes of the network's files.

    Raises:
        ValueError: An unknown runtime, one that cannot read this format, no such file.
        ImportError: The runtime is not installed; the extra that brings it is named.
    """

    def __init__(
        self,
        model_or_path: Any,
        runtime: str = "auto",
        *,
        batch_size: int = 32,
        threads: int | None = None,
        preprocessing: Preprocessing | None = None,
        labels: str | Sequence[str] | None = None,
        **options: Any,
    ):
        if runtime not in _FORMATS and runtime != "auto":
            raise unknown("runtime", runtime, ("auto", *_FORMATS))
        for name, value in (("batch_size", batch_size), ("threads", threads)):
            bad = isinstance(value, bool) or not isinstance(value, int) or value < 1
            if bad and not (name == "threads" and value is None):
                raise invalid(name, value, "a positive int")
        self.batch_size = batch_size
        if isinstance(model_or_path, str | os.PathLike):
            self._open(Path(model_or_path), runtime, threads, options)
        else:
            self._open_model(model_or_path, runtime, threads, options, preprocessing)
        self._preprocessing = _fitting(preprocessing, self.record)
        self._labels = labels or (self.record and self.record.labels)

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """Scores `(batch, classes)` of inputs that are prepared already, in one batch.

        Args:
            array: float32 `(batch, height, width, channels)`, normalised.
        """
        array = np.ascontiguousarray(array, "float32")
        shape = self.record.input_shape if self.record else (None,) * 3
        if array.ndim != 4 or any(
            wanted not in (None, found)
            for wanted, found in zip(shape, array.shape[1:], strict=True)
        ):
            raise invalid("array", array.shape, f"of shape (batch, {str(shape)[1:]}")
        return np.asarray(self._network(array))

    def predict(self, pictures: Any, top: int = 5) -> list[list[Prediction]]:
        """The best classes of each picture, best first.

        Args:
            pictures: A file, folder or glob, or several; or uint8 arrays `(height, width, 3)` of
                0 to 255, of any size, in a list or as one array `(count, height, width, 3)`.
            top: How many classes.

        Raises:
            PictureError: A file cannot be read.
        """
        scores = [row for _, row in self.stream(pictures)]
        return decode_predictions(np.stack(scores), top, labels=self._labels) if scores else []

    def stream(
        self, pictures: Any, skip: Callable[[PictureError], None] | None = None
    ) -> Iterator[tuple[Any, np.ndarray]]:
        """`(picture, scores)` one after the other; threads decode while the network computes.

        Args:
            pictures: As for `predict`.
            skip: Called with the error of a picture that cannot be read, which is then left out;
                by default the error is raised.
        """
        if self._preprocessing is None:
            rule = "given to Runner: the network does not carry its own"
            raise invalid("preprocessing", None, rule)
        for batch in self._decoded(_items(pictures)):
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
                yield from zip(items, self(np.stack(arrays)), strict=True)

    def decode(self, scores: np.ndarray, top: int = 5) -> list[list[Prediction]]:
        """`decode_predictions` with the network's own labels."""
        return decode_predictions(scores, top, labels=self._labels)

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
        if not isinstance(item, np.ndarray):
            return self._preprocessing.from_pil(open_picture(item))
        from PIL import Image

        return self._preprocessing.from_pil(Image.fromarray(item))

    def _open(self, path: Path, runtime: str, threads: int | None, options: dict) -> None:
        path, kind = located(path)
        own = kind.runtime
        if runtime not in ("auto", own):
            raise invalid(
                "runtime", runtime, f"{own!r} (or 'auto') for {kind.title}, {str(path)!r}"
            )
        self.runtime, self.record = own, read_record(path)
        self.file_size = _size(path, kind)
        start = time.perf_counter()
        name = "keras" if kind.name == "keras" else own
        self._network = open_runtime(name, path, threads, **options)
        self.load_seconds = time.perf_counter() - start

    def _open_model(self, model, runtime, threads, options, preprocessing) -> None:
        if runtime == "auto":
            runtime = _fastest(model)
        else:
            require(RUNTIMES[runtime][1], f"Runtime {runtime!r}")
        kind = FORMATS[_FORMATS[runtime]]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"network{kind.suffix}"
            export(model, path, kind.name, preprocessing=preprocessing)
            self._open(path, runtime, threads, options)


def _fastest(model: Any) -> str:
    """The first of `FASTEST` that is installed, its converter too, and takes the model's size."""
    shape = getattr(model, "input_shape", None) or ()

    def possible(runtime: str) -> bool:
        kind = FORMATS[_FORMATS[runtime]]
        needs = (*RUNTIMES[runtime][1], *kind.needs)
        installed = all(is_installed(module) for module, _ in needs)
        return installed and (kind.any_size or None not in shape[1:3])

    return next(filter(possible, FASTEST))


def _fitting(given: Preprocessing | None, record: Any) -> Preprocessing | None:
    """`given`, in the network's size and as it normalises; without it the network's own."""
    if record is None or given is None:
        return given or (record and record.preprocessing)
    height, width, _ = record.input_shape
    if height and width:
        given = given.with_size((height, width))
    own = record.preprocessing
    inside = own is not None and own == own.without_normalisation()
    return given.without_normalisation() if inside else given


def located(path: Path) -> tuple[Path, Format]:
    """The file, or the version's folder of a SavedModel, that a path means, and its format.

    Raises:
        ValueError: There is none.
    """
    if path.is_dir():
        versions = [p for p in path.iterdir() if p.name.isdecimal() and _is_saved_model(p)]
        folder = max(versions, key=lambda p: int(p.name), default=path)
        if _is_saved_model(folder):
            return folder, FORMATS["savedmodel"]
        raise invalid("path", str(path), "a SavedModel's folder: no saved_model.pb in it")
    kind = next((kind for kind in FORMATS.values() if kind.suffix == path.suffix), None)
    if kind is None or not kind.suffix:
        suffixes = ", ".join(kind.suffix for kind in FORMATS.values() if kind.suffix)
        raise invalid("path", str(path), f"a file in one of {suffixes}, or a SavedModel's folder")
    for file in (path, *(path.with_suffix(suffix) for suffix in kind.beside)):
        if not file.is_file():
            raise invalid("path", str(path), f"an existing file: there is no {str(file)!r}")
    return path, kind


def _is_saved_model(folder: Path) -> bool:
    return (folder / "saved_model.pb").is_file()


def _size(path: Path, kind: Format) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    files = [path, *(path.with_suffix(suffix) for suffix in kind.beside)]
    return sum(file.stat().st_size for file in files)


def _items(pictures: Any) -> list[Any]:
    if isinstance(pictures, str | os.PathLike):
        return find_pictures([pictures])
    if not isinstance(pictures, Iterable):
        raise invalid("pictures", pictures, "paths or uint8 arrays")
    items = list(pictures)
    arrays = [isinstance(item, np.ndarray) for item in items]
    if not any(arrays):
        return find_pictures(items)
    for item in items:
        if not isinstance(item, np.ndarray) or item.dtype != np.uint8 or item.ndim not in (2, 3):
            shown = f"{item.dtype} {item.shape}" if isinstance(item, np.ndarray) else item
            raise invalid("pictures", shown, "uint8 arrays (height, width, channels), 0 to 255")
    return [item[..., 0] if item.ndim == 3 and item.shape[-1] == 1 else item for item in items]
