"""Predictions through whichever runtime, from arrays, files or folders."""

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerazoo._checks import check_choice, check_int, checked
from kerazoo._errors import invalid
from kerazoo._machine import is_installed, require
from kerazoo.deploy.exporting._format import Format
from kerazoo.deploy.exporting.formats import FORMATS
from kerazoo.deploy.exporting.record import read_record, record_path
from kerazoo.deploy.runtimes import OPENERS, open_runtime
from kerazoo.inference import named_outputs
from kerazoo.open import Exported, open_model
from kerazoo.predictor import Predictor
from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks import task_of

# Runtime -> the format that a model is exported to for it: a SavedModel would want preprocessing.
_FORMATS = {"tensorflow": "keras", "openvino": "openvino", "onnx": "onnx", "litert": "litert"}
# What `runtime="auto"` takes for a model: the first of these that is installed, TensorFlow at the
# latest. Measured by `kerazoo benchmark mixnet_s mobilenet_v2 espnetv2 --batch 1 16` on two cores
# of an x86 server with AVX-512 (docs/benchmarks.md). Median times in batches of 16, OpenVINO as
# 1; those of batch 1 in brackets:
# * onnx: MixNet-S 1.3 (1.1), MobileNetV2 1.1 (1.0), ESPNetv2 1.8 (1.6)
# * litert: MixNet-S 1.6 (1.5), MobileNetV2 1.0 (0.9), ESPNetv2 1.7 (1.4)
# * tensorflow, fused: MixNet-S 1.5 (3.4), MobileNetV2 1.2 (3.3), ESPNetv2 1.8 (5.5)
FASTEST = ("openvino", "onnx", "litert", "tensorflow")


class Runner(Predictor):
    """A network on a runtime of your choice.

    >>> runner = Runner("mixnet_s.tflite")                        # doctest: +SKIP
    >>> runner.predict("holiday/", top=1)[0][0].name              # doctest: +SKIP
    'Egyptian cat'

    Args:
        what: What `export` wrote (a file, a SavedModel's folder or one of its versions); or a Keras
            model, or whatever else `kerazoo.open.open_model` takes, which is fused and exported to
            a temporary file.
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

    @checked("preprocessing", "labels")
    def __init__(
        self,
        what: Any,
        runtime: str = "auto",
        *,
        batch_size: int = 32,
        threads: int | None = None,
        preprocessing: Preprocessing | None = None,
        labels: str | Sequence[str] | None = None,
        **options: Any,
    ):
        check_choice("runtime", runtime, ("auto", *_FORMATS))
        check_int("batch_size", batch_size)
        check_int("threads", threads, optional=True)
        opened = what
        if isinstance(what, str | os.PathLike):
            opened = Exported(Path(what), "keras") if has_record(what) else open_model(what)
        if isinstance(opened, Exported):
            network, name = self._open(opened, runtime, threads, options), opened.path.name
        else:
            network = self._open_model(opened, runtime, threads, options, preprocessing)
            name = opened.name
        if opened is not what:
            name = Path(what).name
        record = self.record
        task = task_of(record)
        names = tuple(record.outputs) if record else task.outputs
        if missing := set(task.outputs) - set(names):
            rule = f"a file whose record names the outputs {', '.join(sorted(missing))}"
            raise invalid("path", str(what), f"{rule}, as {task.name} has them")
        super().__init__(
            lambda array: named_outputs(network(array), names, name),
            task,
            name=name,
            record=record,
            preprocessing=_fitting(preprocessing, record),
            labels=labels,
            input_shape=record.input_shape if record else (None, None, None),
            batch_size=batch_size,
        )

    def _open(self, exported: Exported, runtime: str, threads: int | None, options: dict) -> Any:
        path, kind = located(exported)
        own = kind.runtime
        if runtime not in ("auto", own):
            raise invalid(
                "runtime", runtime, f"{own!r} (or 'auto') for {kind.title}, {str(path)!r}"
            )
        self.runtime, self.record = own, read_record(path)
        self.file_size = _size(path, kind)
        start = time.perf_counter()
        network = open_runtime(kind.name, path, threads, **options)
        self.load_seconds = time.perf_counter() - start
        return network

    def _open_model(self, model, runtime, threads, options, preprocessing) -> Any:
        if runtime == "auto":
            runtime = _fastest(model)
        kind = FORMATS[_FORMATS[runtime]]
        require(OPENERS[kind.name].needs, f"Runtime {runtime!r}")
        with tempfile.TemporaryDirectory() as folder:
            from kerazoo.deploy.exporting.writing import export  # what runs a file needs no Keras

            path = Path(folder) / f"network{kind.suffix}"
            export(model, path, kind.name, preprocessing=preprocessing)
            return self._open(Exported(path, kind.name), runtime, threads, options)


def has_record(what: str | os.PathLike) -> bool:
    """Whether that is a `.keras` file which `export` wrote: others are not for a runtime alone."""
    path = Path(what)
    return path.suffix == FORMATS["keras"].suffix and record_path(path).is_file()


def _fastest(model: Any) -> str:
    """The first of `FASTEST` that is installed, its converter too, and takes the model's size."""
    shape = getattr(model, "input_shape", None) or ()

    def possible(runtime: str) -> bool:
        kind = FORMATS[_FORMATS[runtime]]
        needs = (*OPENERS[kind.name].needs, *kind.needs)
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


def located(exported: Exported) -> tuple[Path, Format]:
    """The file, or the version's folder of a SavedModel (the highest), and its format.

    Raises:
        ValueError: A file that belongs to it is missing.
    """
    path, kind = exported.path, FORMATS[exported.format]
    if not kind.suffix:
        versions = [p for p in path.iterdir() if p.name.isdecimal() and _is_saved_model(p)]
        return max(versions, key=lambda p: int(p.name), default=path), kind
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
