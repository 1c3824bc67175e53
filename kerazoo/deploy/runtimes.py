"""What opens an exported network, one class a format: a function from a batch to outputs by name.

Opening a file takes the file's own runtime alone: Keras is imported for `.keras` files only.

A *format* is a kind of file (`savedmodel`, `keras`, `litert`, `onnx`, `openvino`); a *runtime* is
the library that runs it, so that two formats, `savedmodel` and `keras`, are run by one,
`tensorflow`.
"""

import contextlib
import functools
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kerazoo._errors import invalid, reason_of
from kerazoo._machine import cores, require

Shape = tuple[int, ...]
RAW = "raw"  # the signature of files with several that gives the network's outputs as they are


Outputs = dict[str, np.ndarray]


class OptionError(ValueError):
    """Options that a runtime cannot take, whatever the file."""


def _by_name(call: Callable[[Any, np.ndarray], Outputs]) -> Callable[[Any, np.ndarray], Outputs]:
    """A runtime's `__call__`, whose errors name the file: some damages are met when it runs."""

    @functools.wraps(call)
    def run(self: Any, array: np.ndarray) -> Outputs:
        try:
            return call(self, array)
        except ValueError:
            raise
        except Exception as error:  # each runtime has kinds of its own
            raise ValueError(f"`{self.path}` cannot be run: {reason_of(error)}") from error

    return run


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
        self.path = path
        model = keras.saving.load_model(path, compile=False)
        self._names = model.output_names
        self._run = inference_function(model, batch=shape[0] if shape else None)

    @_by_name
    def __call__(self, array: np.ndarray) -> Outputs:
        """Outputs by name of float32 `(batch, height, width, channels)`.

        Where the model does not name them, they are called as the layers that make them.
        """
        found = self._run(array)
        if isinstance(found, dict):
            return found
        found = found if isinstance(found, list | tuple) else [found]
        return dict(zip(self._names, found, strict=True))


class SavedModelRuntime:
    """A SavedModel's signature `raw`, which `export` writes; of one of someone else's, the
    `serving_default`. `threads` as for `KerasRuntime`, `shape` is of no use.
    """

    def __init__(self, path: Path, threads: int | None = None, shape: Shape | None = None):
        import tensorflow as tf

        set_tensorflow_threads(threads)
        self.path = path
        self._model = tf.saved_model.load(str(path))  # kept: functions do not hold their module
        signatures = self._model.signatures
        self._run = signatures[RAW if RAW in signatures else "serving_default"]
        (self._input,) = self._run.structured_input_signature[1]
        self._tensor = tf.constant

    @_by_name
    def __call__(self, array: np.ndarray) -> Outputs:
        """Outputs by name."""
        answer = self._run(**{self._input: self._tensor(array)})
        return {name: y.numpy() for name, y in answer.items()}


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

        core, self.path = openvino.Core(), path
        network = core.read_model(str(path))
        streams = streams and (shape is None or shape[0] > 1)  # one picture has all threads
        if shape is not None:
            network.reshape([1 if streams else shape[0], *shape[1:]])
        settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": precision}
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        if streams:
            settings["NUM_STREAMS"] = threads or cores()
        else:
            settings["PERFORMANCE_HINT"] = "LATENCY"
        self._network = core.compile_model(network, "CPU", settings)
        self._names = [_openvino_name(output) for output in self._network.outputs]
        self._streams = (threads or cores()) if streams else 0  # 0: whole batches
        # A request holds one batch at a time, and calling the network uses one for all threads.
        # Here lie those that nobody uses at present: as many as there have been in use at once.
        # (An `AsyncInferQueue` calls Python from its own threads, and crashed beside others.)
        self._requests: deque[Any] = deque()

    @_by_name
    def __call__(self, array: np.ndarray) -> Outputs:
        """Outputs by name."""
        if self._streams and len(array) > 1:
            columns = self._one_by_one(array)
        else:
            with self._request() as request:
                answer = request.infer([array], share_inputs=True)  # outputs are copied
                columns = [answer[i] for i in range(len(self._names))]
        return dict(zip(self._names, columns, strict=True))

    def _one_by_one(self, array: np.ndarray) -> list[np.ndarray]:
        """The outputs; as many pictures are computed at once as there are streams."""
        count, places = min(self._streams, len(array)), range(len(self._names))
        rows = []
        with contextlib.ExitStack() as stack:
            requests = [stack.enter_context(self._request()) for _ in range(count)]
            for i in range(len(array) + count):
                request = requests[i % count]
                if i >= count:
                    request.wait()
                    rows.append([request.get_output_tensor(place).data.copy() for place in places])
                if i < len(array):
                    request.start_async([array[i : i + 1]], share_inputs=True)
        return [np.concatenate(column) for column in zip(*rows, strict=True)]

    @contextlib.contextmanager
    def _request(self) -> Iterator[Any]:
        """One that is nobody else's within it."""
        try:
            request = self._requests.pop()
        except IndexError:
            request = self._network.create_infer_request()
        yield request
        self._requests.append(request)  # not after an error, when it may be at work still


def _openvino_name(output: Any) -> str:
    names = output.get_names()  # a file of someone else's may have none
    return min(names) if names else f"output_{output.get_index()}"


class ONNXRuntime:
    """An `.onnx` file on the CPU.

    Args:
        path: The file.
        threads: By default as many as there are cores.
        shape: Of no use to this runtime: it plans anew for each shape that it meets.
    """

    def __init__(self, path: Path, threads: int | None = None, shape: Shape | None = None):
        import onnxruntime

        options, self.path = onnxruntime.SessionOptions(), path
        options.intra_op_num_threads = threads or 0
        # Its threads otherwise go on spinning after a run, and take the cores from what comes next.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name
        self._names = [output.name for output in self._session.get_outputs()]
        if facts := self._session.get_modelmeta().custom_metadata_map.get("kerazoo"):
            # Files of some tasks give more than the network: what is made of its outputs.
            own = json.loads(facts)["outputs"]
            self._names = [name for name in self._names if name in own] or self._names
        self._how = onnxruntime.RunOptions()
        self._how.only_execute_path_to_fetches = True

    @_by_name
    def __call__(self, array: np.ndarray) -> Outputs:
        """Outputs by name."""
        found = self._session.run(self._names, {self._input: array}, self._how)
        return dict(zip(self._names, found, strict=True))


class LiteRTRuntime:
    """A `.tflite` file, integers on the outside included; arguments as for `ONNXRuntime`."""

    def __init__(self, path: Path, threads: int | None = None, shape: Shape | None = None):
        from ai_edge_litert.interpreter import Interpreter

        self.path = path
        self._interpreter = Interpreter(str(path), num_threads=threads or cores())
        self._runner = None  # of the network alone, where the file has more
        if len(self._interpreter.get_signature_list()) > 1:
            self._runner = self._interpreter.get_signature_runner(RAW)
            ((self._name, self._input),) = self._runner.get_input_details().items()
            self._outputs = self._runner.get_output_details()
        else:
            self._input = self._interpreter.get_input_details()[0]
            self._outputs = _litert_outputs(self._interpreter)
        self._shape: Shape | None = None
        self._one_by_one = False
        self._lock = threading.Lock()  # an interpreter holds one batch at a time

    @_by_name
    def __call__(self, array: np.ndarray) -> Outputs:
        """Outputs by name, as float32 whatever the file gives.

        Raises:
            ValueError: Pictures of another size than the file is for: some networks would fail in
                their middle, where the size is in constants.
        """
        size = self._input["shape_signature"][1:]
        if any(
            wanted not in (-1, found) for wanted, found in zip(size, array.shape[1:], strict=False)
        ):
            wanted = ", ".join(map(str, size))
            raise invalid("array", array.shape, f"of shape (batch, {wanted}), as the file is")
        with self._lock:
            if self._runner is not None:
                found = self._runner(**{self._name: _quantised(array, self._input)})
            else:
                found = self._run_all(array)
        return {name: _dequantised(y, self._outputs[name]) for name, y in found.items()}

    def _run_all(self, array: np.ndarray) -> Outputs:
        """Of a batch. Files of some networks (those that resize maps to the size of others) have
        the one picture in their middle that they were made with: these are run picture by picture.
        """
        if len(array) > 1 and not self._one_by_one:
            try:
                return self._run(array)
            except RuntimeError:
                self._shape, self._one_by_one = None, True
        if len(array) == 1:
            return self._run(array)
        each = [self._run(picture[None]) for picture in array]
        return {name: np.concatenate([found[name] for found in each]) for name in each[0]}

    def _run(self, array: np.ndarray) -> Outputs:
        """The outputs as the file gives them."""
        if array.shape != self._shape:
            self._shape = None
            self._interpreter.resize_tensor_input(self._input["index"], array.shape)
            self._interpreter.allocate_tensors()
            self._shape = array.shape
        self._interpreter.set_tensor(self._input["index"], _quantised(array, self._input))
        self._interpreter.invoke()
        return {
            name: self._interpreter.get_tensor(details["index"])
            for name, details in self._outputs.items()
        }


def _litert_outputs(interpreter: Any) -> dict[str, Any]:
    """Details of the outputs, by the names in the file's signature where it has one.

    Tensors themselves are called `StatefulPartitionedCall:0` and so on, in no certain order.
    """
    details = {each["index"]: each for each in interpreter.get_output_details()}
    signatures = interpreter.get_signature_list()
    if not signatures:
        return {each["name"]: each for each in details.values()}
    (key, *_) = signatures
    runner = interpreter.get_signature_runner(key)
    return {name: details[each["index"]] for name, each in runner.get_output_details().items()}


def _quantised(array: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    if details["dtype"] is np.float32:
        return array
    scale, zero = details["quantization"]
    limits = np.iinfo(details["dtype"])
    numbers = array / scale
    np.rint(numbers, out=numbers)  # in place throughout: half a millisecond less for a picture
    numbers += zero
    return np.clip(numbers, limits.min, limits.max, out=numbers).astype(details["dtype"])


def _dequantised(output: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    if details["dtype"] is np.float32:
        return output
    scale, zero = details["quantization"]
    return (output.astype("float32") - zero) * np.float32(scale)


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
