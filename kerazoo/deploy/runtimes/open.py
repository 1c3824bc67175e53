"""What opens an exported network, by its format.

A *format* is a kind of file (`savedmodel`, `keras`, `litert`, `onnx`, `openvino`); a *runtime* is
the library that runs it, so that two formats, `savedmodel` and `keras`, are run by one,
`tensorflow`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kerazoo._errors import invalid
from kerazoo._machine import require
from kerazoo.deploy.runtimes._call import OptionError, Shape
from kerazoo.deploy.runtimes.litert import LiteRTRuntime
from kerazoo.deploy.runtimes.onnx import ONNXRuntime
from kerazoo.deploy.runtimes.openvino import OpenVINORuntime
from kerazoo.deploy.runtimes.tensorflow import KerasRuntime, SavedModelRuntime


class Opener(NamedTuple):
    """What opens a format.

    Attributes:
        runtime: Class whose instances are called with batches.
        needs: Modules, and the extra that brings them.
    """

    runtime: Any
    needs: Sequence[tuple[str, str]] = ()


# By format, as in `kerazoo.deploy.exporting.FORMATS`.
OPENERS = {
    "savedmodel": Opener(SavedModelRuntime),
    "keras": Opener(KerasRuntime),
    "openvino": Opener(OpenVINORuntime, (("openvino", "openvino"),)),
    "onnx": Opener(ONNXRuntime, (("onnxruntime", "onnx"),)),
    "litert": Opener(LiteRTRuntime, (("ai_edge_litert", "litert"),)),
}


def open_runtime(
    format: str,
    path: Path,
    threads: int | None = None,
    shape: Shape | None = None,
    **options: Any,
) -> Any:
    """An object whose call gives outputs by name, as the file calls them.

    Args:
        format: Out of `OPENERS`.
        path: The file, or the SavedModel's folder.
        threads: By default as many as there are cores.
        shape: Of every batch, for a runtime that can prepare for one.
        **options: Of this runtime alone.

    Raises:
        ImportError: The runtime is not installed; the extra that brings it is named.
        ValueError: It cannot read the file.
    """
    opener = OPENERS[format]
    require(opener.needs, f"Runtime {format!r}")
    try:
        return opener.runtime(path, threads, shape, **options)
    except (ImportError, OptionError):
        raise
    except Exception as error:  # each runtime has kinds of its own
        # OpenVINO tells where it was in many lines, and the reason in the last.
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise invalid("path", str(path), f"a file that {format} can open ({reason})") from error
