"""OpenVINO: `.xml` files."""

import contextlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._machine import cores
from kerazoo.deploy.runtimes._call import Outputs, Shape, by_name


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
        self._names = [_name(output) for output in self._network.outputs]
        self._streams = (threads or cores()) if streams else 0  # 0: whole batches
        # A request holds one batch at a time, and calling the network uses one for all threads.
        # Here lie those that nobody uses at present: as many as there have been in use at once.
        # (An `AsyncInferQueue` calls Python from its own threads, and crashed beside others.)
        self._requests: deque[Any] = deque()

    @by_name
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


def _name(output: Any) -> str:
    names = output.get_names()  # a file of someone else's may have none
    return min(names) if names else f"output_{output.get_index()}"
