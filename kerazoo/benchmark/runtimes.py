"""The ways to run a network that are compared: how its file is made, and how it is opened."""

import contextlib
import importlib.util
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._machine import cores

Run = Callable[[np.ndarray], np.ndarray]
_CALIBRATION = 4  # pictures


@dataclass(frozen=True)
class Runtime:
    """One way to run a network.

    Attributes:
        name: What `--runtimes` takes.
        title: Heading in tables.
        suffix: Of the network's file.
        target: What `kerazoo.deploy.fuse` makes it for; None leaves it as built.
        save: `save(model, path)` writes the file.
        open: `open(path, input_shape, threads)` gives a function from a batch to the scores.
        needs: Modules that must be installed, and the extra that brings them.
        options: What `open` is given besides.
        int8: Whether `save` quantises.
    """

    name: str
    title: str
    suffix: str
    target: str | None
    save: Callable[[Any, str], None]
    open: Callable[..., Run]
    needs: tuple[tuple[str, str], ...] = ()
    options: tuple[tuple[str, Any], ...] = ()
    int8: bool = False

    def missing(self) -> str | None:
        """What has to be installed first, in words; None if nothing."""
        for module, extra in self.needs:
            if importlib.util.find_spec(module) is None:
                return f'{module} is not installed: pip install "kerazoo[{extra}]"'
        return None

    def prepare(self, model, folder: Path) -> Path:
        """The network's file in this runtime's format, written into `folder` if not there yet."""
        from kerazoo.deploy import fuse

        path = Path(folder) / f"{self.target or 'built'}{'_int8' * self.int8}{self.suffix}"
        if not path.exists():
            self.save(fuse(model, self.target) if self.target else model, str(path))
        return path

    def load(self, path: Path, shape: tuple[int, ...], threads: int) -> Run:
        """The network ready to run on batches of `shape`, on so many threads."""
        return self.open(str(path), shape, threads, **dict(self.options))


def _save_keras(model, path: str) -> None:
    model.save(path)


def _export(format: str) -> Callable[[Any, str], None]:
    def save(model, path: str) -> None:
        model(np.zeros((1, *model.input_shape[1:]), "float32"))  # exporters ask for a call
        model.export(path, format=format, verbose=False)

    return save


def _save_openvino(model, path: str) -> None:
    """By way of a SavedModel.

    Keras' own `format="openvino"` converts a function whose weights are still variables: the
    transposes of depthwise kernels stay, and are done anew at every run (a third of MixNet-S' time,
    benchmarks/openvino_layers.py).
    """
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        _export("tf_saved_model")(model, folder)
        network = openvino.convert_model(folder)
    openvino.save_model(network, path, compress_to_fp16=False)


def _noise(model) -> list[np.ndarray]:
    """Pictures to calibrate with where only speed counts: it does not depend on the ranges."""
    rng = np.random.default_rng(0)
    shape = (1, *model.input_shape[1:])
    return [rng.normal(size=shape).astype("float32") for _ in range(_CALIBRATION)]


def _save_openvino_int8(model, path: str) -> None:
    import nncf
    import openvino

    floats = path.replace("_int8", "")
    if not Path(floats).exists():
        _save_openvino(model, floats)
    pictures = nncf.Dataset(_noise(model))
    network = openvino.Core().read_model(floats)
    with contextlib.redirect_stdout(sys.stderr):  # it draws a bar
        quantised = nncf.quantize(
            network, pictures, preset=nncf.QuantizationPreset.MIXED, subset_size=_CALIBRATION
        )
    openvino.save_model(quantised, path)


def _save_litert_int8(model, path: str) -> None:
    import tensorflow as tf

    model(np.zeros((1, *model.input_shape[1:]), "float32"))
    model.export(
        path,
        format="litert",
        verbose=False,
        optimizations=[tf.lite.Optimize.DEFAULT],
        representative_dataset=lambda: ([x] for x in _noise(model)),
    )


def _open_tensorflow(path: str, shape, threads: int) -> Run:
    import keras
    import tensorflow as tf

    import kerazoo.models  # noqa: F401 - registers the classes that the file names

    set_tensorflow_threads(threads)
    model = keras.saving.load_model(path, compile=False)
    graph = tf.function(
        lambda x: model(x, training=False),
        input_signature=[tf.TensorSpec(shape, tf.float32)],
        jit_compile=False,  # slower on CPU
    )
    return lambda x: graph(tf.constant(x)).numpy()


def set_tensorflow_threads(threads: int) -> None:
    """Limits TensorFlow to so many threads; a no-op once it runs with that limit.

    Raises:
        RuntimeError: if TensorFlow has started with another limit already.
    """
    import tensorflow as tf

    if (tf.config.threading.get_intra_op_parallelism_threads() or cores()) != threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)


def _open_openvino(path: str, shape, threads: int, precision: str, streams: bool = False) -> Run:
    import openvino

    core = openvino.Core()
    network = core.read_model(path)
    network.reshape([1 if streams else shape[0], *shape[1:]])
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision}
    if not streams or shape[0] == 1:
        compiled = core.compile_model(network, "CPU", {**settings, "PERFORMANCE_HINT": "LATENCY"})
        return lambda x: compiled(x)[0]
    compiled = core.compile_model(network, "CPU", {**settings, "NUM_STREAMS": threads})
    return _spread(compiled, threads)


def _spread(compiled, streams: int) -> Run:
    """Picture by picture, several at a time, each on one thread.

    A picture's features stay in the cache of one core; those of a whole batch go through memory
    after every layer.
    """
    import openvino

    queue = openvino.AsyncInferQueue(compiled, streams)

    def run(x: np.ndarray) -> np.ndarray:
        scores: list[Any] = [None] * len(x)

        def take(request, i):
            scores[i] = request.get_output_tensor(0).data[0].copy()

        queue.set_callback(take)
        for i in range(len(x)):
            queue.start_async([x[i : i + 1]], i)
        queue.wait_all()
        return np.stack(scores)

    return run


def _open_onnx(path: str, shape, threads: int) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: session.run(None, {name: x})[0]


def _open_litert(path: str, shape, threads: int) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path, num_threads=threads)
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.resize_tensor_input(taken["index"], shape)
    interpreter.allocate_tensors()

    def run(x: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(taken["index"], x)
        interpreter.invoke()
        return interpreter.get_tensor(given["index"])

    return run


_OPENVINO = (("openvino", "openvino"),)
RUNTIMES = {
    runtime.name: runtime
    for runtime in (
        Runtime("tensorflow", "TensorFlow", ".keras", None, _save_keras, _open_tensorflow),
        Runtime(
            "fused", "TensorFlow, fused", ".keras", "tensorflow", _save_keras, _open_tensorflow
        ),
        Runtime(
            *("openvino", "OpenVINO", ".xml", "openvino", _save_openvino, _open_openvino),
            needs=_OPENVINO,
            options=(("precision", "f32"),),
        ),
        Runtime(
            *("openvino_streams", "OpenVINO, streams", ".xml", "openvino"),
            *(_save_openvino, _open_openvino),
            needs=_OPENVINO,
            options=(("precision", "f32"), ("streams", True)),
        ),
        Runtime(
            *("openvino_bf16", "OpenVINO, bfloat16", ".xml", "openvino"),
            *(_save_openvino, _open_openvino),
            needs=_OPENVINO,
            options=(("precision", "bf16"), ("streams", True)),
        ),
        Runtime(
            *("openvino_int8", "OpenVINO, int8", ".xml", "openvino"),
            *(_save_openvino_int8, _open_openvino),
            needs=(*_OPENVINO, ("nncf", "openvino")),
            options=(("precision", "f32"), ("streams", True)),
            int8=True,
        ),
        Runtime(
            *("onnx", "ONNX Runtime", ".onnx", "onnx", _export("onnx"), _open_onnx),
            needs=(("onnxruntime", "onnx"), ("tf2onnx", "onnx")),
        ),
        Runtime(
            *("litert", "LiteRT", ".tflite", "litert", _export("litert"), _open_litert),
            needs=(("ai_edge_litert", "litert"),),
        ),
        Runtime(
            *("litert_int8", "LiteRT, int8", ".tflite", "litert", _save_litert_int8, _open_litert),
            needs=(("ai_edge_litert", "litert"),),
            int8=True,
        ),
    )
}
