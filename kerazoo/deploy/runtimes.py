"""The runtimes that open an exported network: each a function from a batch to scores."""

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._errors import invalid
from kerazoo.deploy.export._format import require
from kerazoo.deploy.export.graph import INPUT


class OptionError(ValueError):
    """Options that a runtime cannot take, whatever the file."""


class KerasRuntime:
    """A `.keras` file in a TensorFlow graph.

    Args:
        path: The file.
        threads: For one operation; by default as many as there are cores. TensorFlow has one
            setting for the process, which can only be made before its first operation.
    """

    def __init__(self, path: Path, threads: int | None = None):
        import keras

        import kerazoo.layers
        import kerazoo.models  # noqa: F401 - they register the classes that the file names
        from kerazoo.data.inference import inference_function

        _set_tensorflow_threads(threads)
        self._run = inference_function(keras.saving.load_model(path, compile=False))

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """Scores `(batch, classes)` of float32 `(batch, height, width, channels)`."""
        return self._run(array)


class SavedModelRuntime:
    """A SavedModel's `serving_default`; arguments as for `KerasRuntime`."""

    def __init__(self, path: Path, threads: int | None = None):
        import tensorflow as tf

        _set_tensorflow_threads(threads)
        self._model = tf.saved_model.load(str(path))  # kept: functions do not hold their module
        self._run = self._model.signatures["serving_default"]
        self._tensor = tf.constant

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """Scores, logits where the network gives those."""
        answer = self._run(**{INPUT: self._tensor(array)})
        return answer.get("logits", answer["probabilities"]).numpy()


class OpenVINORuntime:
    """An `.xml` file on the CPU.

    Args:
        path: The file.
        threads: By default as many as there are cores.
        precision: `"f32"`, or `"bf16"`, which OpenVINO itself would choose where the processor
            has it: it moved scores by up to 0.14 with MobileNetV2.
        streams: Work on the pictures of a batch one by one, several at a time, rather than on
            the batch as a whole: features then stay in the caches of one core.
    """

    def __init__(
        self,
        path: Path,
        threads: int | None = None,
        precision: str = "f32",
        streams: bool = False,
    ):
        import openvino

        core = openvino.Core()
        settings = {"INFERENCE_PRECISION_HINT": precision}
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        if streams:
            settings["NUM_STREAMS"] = threads or cores()
        else:
            settings["PERFORMANCE_HINT"] = "LATENCY"
        self._network = core.compile_model(core.read_model(str(path)), "CPU", settings)
        self._streams = streams

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """Scores `(batch, classes)`."""
        if not self._streams or len(array) < 2:
            return self._network(array)[0]
        import openvino

        scores: list[Any] = [None] * len(array)
        queue = openvino.AsyncInferQueue(self._network)

        def take(request, index):
            scores[index] = request.get_output_tensor(0).data[0].copy()

        queue.set_callback(take)
        for index in range(len(array)):
            queue.start_async([array[index : index + 1]], index)
        queue.wait_all()
        return np.stack(scores)


class ONNXRuntime:
    """An `.onnx` file on the CPU; `threads` by default as many as there are cores."""

    def __init__(self, path: Path, threads: int | None = None):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """Scores `(batch, classes)`."""
        return self._session.run(None, {self._input: array})[0]


class LiteRTRuntime:
    """A `.tflite` file, integers on the outside included; `threads` by default all cores."""

    def __init__(self, path: Path, threads: int | None = None):
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(str(path), num_threads=threads or cores())
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        self._shape: tuple[int, ...] | None = None
        self._lock = threading.Lock()  # an interpreter holds one batch at a time

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """Scores `(batch, classes)`, as float32 whatever the file gives."""
        with self._lock:
            if array.shape != self._shape:
                self._interpreter.resize_tensor_input(self._input["index"], array.shape)
                self._interpreter.allocate_tensors()
                self._shape = array.shape
            self._interpreter.set_tensor(self._input["index"], _quantised(array, self._input))
            self._interpreter.invoke()
            scores = self._interpreter.get_tensor(self._output["index"])
        return _dequantised(scores, self._output)


def _quantised(array: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    if details["dtype"] is np.float32:
        return array
    scale, zero = details["quantization"]
    limits = np.iinfo(details["dtype"])
    return np.clip(np.round(array / scale) + zero, limits.min, limits.max).astype(details["dtype"])


def _dequantised(scores: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    if details["dtype"] is np.float32:
        return scores
    scale, zero = details["quantization"]
    return (scores.astype("float32") - zero) * np.float32(scale)


def _set_tensorflow_threads(threads: int | None) -> None:
    import tensorflow as tf

    set_now = tf.config.threading.get_intra_op_parallelism_threads()
    if threads is None or (set_now or cores()) == threads:
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    except RuntimeError as error:
        rule = f"{set_now or cores()}, or set before TensorFlow starts (it has)"
        raise OptionError(str(invalid("threads", threads, rule))) from error


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# Name -> (class, modules that it needs and the extra that brings them).
RUNTIMES = {
    "tensorflow": (SavedModelRuntime, ()),
    "keras": (KerasRuntime, ()),
    "openvino": (OpenVINORuntime, (("openvino", "openvino"),)),
    "onnx": (ONNXRuntime, (("onnxruntime", "onnx"),)),
    "litert": (LiteRTRuntime, (("ai_edge_litert", "litert"),)),
}


def open_runtime(name: str, path: Path, threads: int | None = None, **options) -> Any:
    """An object whose call gives scores.

    Raises:
        ImportError: The runtime is not installed; the extra that brings it is named.
        ValueError: It cannot read the file.
    """
    runtime, needs = RUNTIMES[name]
    require(needs, f"Runtime {name!r}")
    try:
        return runtime(path, threads, **options)
    except (ImportError, OptionError):
        raise
    except Exception as error:  # each runtime has kinds of its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise invalid("path", str(path), f"a file that {name} can open ({reason})") from error
