"""LiteRT: `.tflite` files."""

import threading
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._errors import invalid
from kerazoo._machine import cores
from kerazoo.deploy.runtimes._call import RAW, Outputs, Shape, by_name


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
            self._outputs = _outputs_of(self._interpreter)
        self._shape: Shape | None = None
        self._one_by_one = False
        self._lock = threading.Lock()  # an interpreter holds one batch at a time

    @by_name
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


def _outputs_of(interpreter: Any) -> dict[str, Any]:
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
