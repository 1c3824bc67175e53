"""The ways to run a network that are compared: what `export` writes, as `Runner` opens it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._machine import require
from kerazoo.deploy.runtimes import OPENERS, open_runtime

_CALIBRATION = 4  # pictures


@dataclass(frozen=True)
class Candidate:
    """One way to run a network: a format, how the network is put into it, how it is opened.

    "tensorflow" is the network as it was built and "fused" the fused one, both from a `.keras` file
    that TensorFlow runs; the others are fused.

    Attributes:
        name: What `--runtimes` takes.
        title: Heading in tables.
        format: Of the file, a name both in `kerazoo.deploy.exporting.FORMATS` and in
            `kerazoo.deploy.runtimes.OPENERS`.
        fused: Whether the network is fused for that format; otherwise it is left as built.
        precision: Of the file, as `kerazoo.deploy.export` takes it.
        options: Of the runtime.
    """

    name: str
    title: str
    format: str
    fused: bool = True
    precision: str = "float32"
    options: tuple[tuple[str, Any], ...] = ()

    def prepare(self, model, folder: Path) -> Path:
        """The network's file in this format, written into `folder` if not there yet.

        Raises:
            ImportError: Something is not installed; the extra that brings it is named.
        """
        from kerazoo.deploy import export
        from kerazoo.deploy.exporting import FORMATS

        require(OPENERS[self.format].needs, f"Runtime {self.name!r}")
        form = "fused" if self.fused else "built"
        path = Path(folder) / f"{form}_{self.precision}{FORMATS[self.format].suffix}"
        if not path.exists():
            pictures = _noise(model) if self.precision == "int8" else None
            export(
                *(model, path, self.format),
                precision=self.precision,
                fused=self.fused,
                representative=pictures,
            )
        return path

    def load(self, path: Path, shape: tuple[int, ...], threads: int) -> Any:
        """The network ready to run on batches of `shape`, on so many threads."""
        return open_runtime(self.format, path, threads, shape, **dict(self.options))


def _noise(model) -> np.ndarray:
    """Pictures to calibrate with where only speed counts: it does not depend on the ranges."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(_CALIBRATION, *model.input_shape[1:])).astype("float32")


_STREAMS = (("streams", True),)
CANDIDATES = {
    candidate.name: candidate
    for candidate in (
        Candidate("tensorflow", "TensorFlow", "keras", fused=False),
        Candidate("fused", "TensorFlow, fused", "keras"),
        Candidate("openvino", "OpenVINO", "openvino"),
        Candidate("openvino_streams", "OpenVINO, streams", "openvino", options=_STREAMS),
        Candidate(
            *("openvino_bf16", "OpenVINO, bfloat16", "openvino"),
            options=(("precision", "bf16"), *_STREAMS),
        ),
        Candidate(
            *("openvino_int8", "OpenVINO, int8", "openvino"), precision="int8", options=_STREAMS
        ),
        Candidate("onnx", "ONNX Runtime", "onnx"),
        Candidate("litert", "LiteRT", "litert"),
        Candidate("litert_int8", "LiteRT, int8", "litert", precision="int8"),
    )
}
