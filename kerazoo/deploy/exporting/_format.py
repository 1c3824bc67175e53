"""What the exporters have in common."""

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo.deploy.exporting.record import ExportRecord


@dataclass
class Job:
    """One export.

    Attributes:
        model: The network, fused or as it is.
        name: Of the file or, for a SavedModel, of the version's folder.
        record: What is written beside it.
        pictures: Inputs to calibrate with, float32; None without int8.
        opset: For ONNX.
        how: Options of the task, for what the file answers.
        progress: Called with (pictures done, pictures in all) while int8 is calibrated.
        float_layers: Names of layers that stay in float in int8.
    """

    model: Any
    name: str
    record: ExportRecord
    pictures: np.ndarray | None = None
    opset: int | None = None
    how: dict[str, Any] = field(default_factory=dict)
    progress: Callable[[int, int], None] | None = None
    float_layers: Sequence[str] = ()

    def told(self, pictures: np.ndarray) -> Iterator[np.ndarray]:
        """The pictures one by one, each a batch; `progress` hears of them."""
        for done, picture in enumerate(pictures, start=1):
            yield picture[None]
            if self.progress:
                self.progress(done, len(pictures))

    @cached_property
    def graph(self) -> Any:
        """The network as a TensorFlow graph of constants."""
        from kerazoo.deploy.exporting.graph import frozen_graph

        return frozen_graph(self.model, tuple(self.record.outputs))

    @property
    def layers(self) -> list[str]:
        """Names of the network's layers."""
        from kerazoo._keras_graph import layers_of

        return [layer.name for layer in layers_of(self.model)]


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        name: What `export(format=…)` takes.
        title: For messages.
        suffix: Of the file; empty for a folder.
        target: What `kerazoo.deploy.fuse` makes the network for.
        int8_target: The same for int8, where that differs.
        write: `write(job, folder)` writes the files into a folder.
        precisions: Those that there are, the default first.
        needs: Modules, and the extra that brings them.
        int8_needs: Further ones for int8.
        beside: Suffixes of further files.
        any_size: Whether height and width may be left open.
        mixes: Whether single layers may stay in float in int8.
        runtime: Name of the library that runs it, for `kerazoo.deploy.Runner`.
    """

    name: str
    title: str
    suffix: str
    target: str
    write: Callable[[Job, Path], None]
    precisions: tuple[str, ...] = ("float32",)
    needs: Sequence[tuple[str, str]] = ()
    int8_needs: Sequence[tuple[str, str]] = ()
    beside: tuple[str, ...] = ()
    any_size: bool = True
    int8_target: str | None = None
    mixes: bool = False
    runtime: str = "tensorflow"


@contextlib.contextmanager
def quiet(*loggers: str) -> Iterator[None]:
    """Silences libraries that log what is of no use here, or what is raised anyway.

    Their loggers below those of these names too, which do not ask the ones above.
    """
    found = [logging.getLogger(name) for name in loggers]
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and name.startswith(tuple(f"{n}." for n in loggers)):
            found.append(logger)
    before = [(logger.disabled, logger.level) for logger in found]
    for logger in found:
        logger.disabled = True
        logger.setLevel(logging.CRITICAL + 1)  # for those that are made within
    try:
        yield
    finally:
        for logger, (disabled, level) in zip(found, before, strict=True):
            logger.disabled = disabled
            logger.setLevel(level)
