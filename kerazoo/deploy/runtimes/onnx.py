"""ONNX Runtime: `.onnx` files."""

import json
from pathlib import Path

import numpy as np

from kerazoo.deploy.runtimes._call import Outputs, Shape, by_name


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

    @by_name
    def __call__(self, array: np.ndarray) -> Outputs:
        """Outputs by name."""
        found = self._session.run(self._names, {self._input: array}, self._how)
        return dict(zip(self._names, found, strict=True))
