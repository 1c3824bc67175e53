"""The runtimes that open an exported network: each a function from a batch to scores.

Not in `kerazoo.deploy`, which imports Keras: opening a file takes the file's own runtime alone.
"""

import threading
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._errors import invalid
from kerazoo._machine import cores, require

Shape = tuple[int, ...]


class OptionError(ValueError):
    """Options that a runtime cannot take, whatever the file."""


class KerasRuntime:
    """A `.keras` file in a TensorFlow graph.

    Args:
        path: The file.
        threads: For one operation; by default as many as there are cores. TensorFlow has one
            setting for the process, which can only be made before its first operation.
        shape: Of every batch, `(batch, height, width, channels)`; by default batches of any count
            are taken.
    """

    def __init__(self, path: Path, threads: int | None = None, shape: Shape | None = None):
        import keras

        import kerazoo.layers
        import kerazoo.models  # noqa: F401 - they register the classes that the file names
        from kerazoo.inference import inference_function

        set_tensorflow_threads(threads)
        model = keras.saving.load_model(path, compile=False)
        self._run = inference_function(model, batch=shape[0] if shape else None)

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """Scores `(batch, classes)` of float32 `(batch, height, width, channels)`."""
        return self._run(array)


class SavedModelRuntime:
    """A SavedModel's `serving_default`; `threads` as for `KerasRuntime`, `shape` is of no use."""

    def __init__(self, path: Path, threads: int | None = None, shape: Shape | None = None):
        import tensorflow as tf

        from kerazoo.deploy.exporting.graph import INPUT

        set_tensorflow_threads(threads)
        self._model = tf.saved_model.load(str(path))  # kept: functions do not hold their module
        self._run, self._input = self._model.signatures["serving_default"], INPUT
        self._tensor = tf.constant

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """Scores, logits where the network gives those."""
        answer = self._run(**{self._input: self._tensor(array)})
        return answer.get("logits", answer["probabilities"]).numpy()


class OpenVINORuntime:
    """An `.xml` file on the CPU.

    Args:
        path: The file.
        threads: By default as many as there are cores.
        shape: Of every batch, as for `KerasRuntime`.
        precision: `"f32"`, or `"bf16"`, which OpenVINO itself would choose where the processor
            has it: it moved scores by up to 0.14 with MobileNetV2.
        streams: Work on the pictures of a batch one by one, several at a time, rather than on
            the batch as a whole: features then stay in the caches of one core.
    """

    def __init__(
        self,
        path: Path,
        threads: int | None = None,
        shape: Shape | None = None,
        precision: str = "f32",
        streams: bool = False,
    ):
        import openvino

        core = openvino.Core()
        network = core.read_model(str(path))
        streams = streams and (shape is None or shape[0] > 1)  # one picture has all threads
        if shape is not None:
            network.reshape([1 if streams else shape[0], *shape[1:]])
        settings = {"INFERENCE_PRECISION_HINT": precision}
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        if streams:
            settings["NUM_STREAMS"] = threads or cores()
        else:
            settings["PERFORMANCE_HINT"] = "LATENCY"
        self._network = core.compile_model(network, "CPU", settings)
        self._queue = (
            openvino.AsyncInferQueue(self._network, threads or cores()) if streams else None
        )
        self._lock = threading.Lock()  # the queue works on one batch at a time

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """Scores `(batch, classes)`."""
        if self._queue is None or len(array) < 2:
            return self._network(array)[0]
        scores: list[Any] = [None] * len(array)

        def take(request, index):
            scores[index] = request.get_output_tensor(0).data[0].copy()

        with self._lock:
            self._queue.set_callback(take)
            for index in range(len(array)):
                self._queue.start_async([array[index : index + 1]], index)
            self._queue.wait_all()
        return np.stack(scores)


class ONNXRuntime:
    """An `.onnx` file on the CPU.

    Args:
        path: The file.
        threads: By default as many as there are cores.
        shape: Of no use to this runtime: it plans anew for each shape that it meets.
    """

    def __init__(self, path: Path, threads: int | None = None, shape: Shape | None = None):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        # Its threads otherwise go on spinning after a run, and take the cores from what comes next.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """Scores `(batch, classes)`."""
        return self._session.run(None, {self._input: array})[0]


class LiteRTRuntime:
    """A `.tflite` file, integers on the outside included; arguments as for `ONNXRuntime`."""

    def __init__(self, path: Path, threads: int | None = None, shape: Shape | None = None):
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(str(path), num_threads=threads or cores())
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        self._shape: Shape | None = None
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
    numbers = array / scale
    np.rint(numbers, out=numbers)  # in place throughout: half a millisecond less for a picture
    numbers += zero
    return np.clip(numbers, limits.min, limits.max, out=numbers).astype(details["dtype"])


def _dequantised(scores: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    if details["dtype"] is np.float32:
        return scores
    scale, zero = details["quantization"]
    return (scores.astype("float32") - zero) * np.float32(scale)


def set_tensorflow_threads(threads: int | None) -> None:
    """Limits TensorFlow to so many threads; None leaves it as it is.

    Raises:
        ValueError: It has started with another limit already.
    """
    import tensorflow as tf

    set_now = tf.config.threading.get_intra_op_parallelism_threads()
    if threads is None or (set_now or cores()) == threads:
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    except RuntimeError as error:
        rule = f"{set_now or cores()}, or set before TensorFlow starts (it has)"
        raise OptionError(str(invalid("threads", threads, rule))) from error


# Name -> (class, modules that it needs and the extra that brings them).
RUNTIMES = {
    "tensorflow": (SavedModelRuntime, ()),
    "keras": (KerasRuntime, ()),
    "openvino": (OpenVINORuntime, (("openvino", "openvino"),)),
    "onnx": (ONNXRuntime, (("onnxruntime", "onnx"),)),
    "litert": (LiteRTRuntime, (("ai_edge_litert", "litert"),)),
}


def open_runtime(
    name: str, path: Path, threads: int | None = None, shape: Shape | None = None, **options: Any
) -> Any:
    """An object whose call gives scores.

    Args:
        name: Out of `RUNTIMES`.
        path: What it opens.
        threads: By default as many as there are cores.
        shape: Of every batch, for a runtime that can prepare for one.
        **options: Of this runtime alone.

    Raises:
        ImportError: The runtime is not installed; the extra that brings it is named.
        ValueError: It cannot read the file.
    """
    runtime, needs = RUNTIMES[name]
    require(needs, f"Runtime {name!r}")
    try:
        return runtime(path, threads, shape, **options)
    except (ImportError, OptionError):
        raise
    except Exception as error:  # each runtime has kinds of its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise invalid("path", str(path), f"a file that {name} can open ({reason})") from error
