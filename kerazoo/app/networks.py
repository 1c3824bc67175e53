"""The networks of the app: which are offered, and those that are open, shared by all visitors."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from kerazoo._checks import check_choice
from kerazoo._errors import invalid
from kerazoo._machine import is_installed
from kerazoo.checkpoints.shipped import default_model, shipped
from kerazoo.registry import list_models
from kerazoo.tasks import TASKS

AS_BUILT = "keras"  # the network as Keras builds it, as `kerazoo.predict` runs it without a runtime
OPEN = 6  # networks at most that are kept open


class Network(NamedTuple):
    """An open network.

    Attributes:
        predictor: `kerazoo.predictor.Predictor`, which threads may share.
        runtime: What runs it.
        size: Bytes of its file or, of one that Keras built, of its weights.
    """

    predictor: Any
    runtime: str
    size: int


class Networks:
    """Opens networks by any of their names, each once, and keeps the last `OPEN` of them.

    Args:
        more: Names that are offered first, beside the networks of the package.
        anything: Whether other names than the offered ones are opened: paths of this machine and
            repositories of strangers among them, which is for the user of the machine alone.
    """

    def __init__(self, more: Sequence[str] = (), anything: bool = True):
        self.more, self.anything = tuple(more), anything
        self._open: OrderedDict[tuple[str, str], Network] = OrderedDict()
        self._known = threading.Lock()
        # Keras builds one network at a time: its names and its session are global.
        self._opening = threading.Lock()

    def offered(self, task: str) -> list[str]:
        """Names for a task: those that were asked for, those of the package, and model ids."""
        own = [checkpoint.id for checkpoint in shipped(task)]
        names = [*self.more, default_model(task), *own, *list_models(task=task, pretrained=True)]
        return list(dict.fromkeys(names))

    def get(self, name: str, runtime: str = AS_BUILT) -> Network:
        """The network of that name, opened if need be.

        Raises:
            ValueError: It is not offered; there is none; or it cannot be run so.
        """
        name = (name or "").strip()  # an empty field is None
        check_choice("runtime", runtime, runtimes())
        if not self.anything and name not in {n for task in TASKS for n in self.offered(task)}:
            raise invalid("network", name, "one of the list")
        key = (name, runtime)
        found = self._recent(key)
        if found is None:
            with self._opening:
                found = self._recent(key)  # by whoever had the lock
                if found is None:
                    found = _opened(name, runtime)
                    with self._known:
                        self._open[key] = found
                        while len(self._open) > OPEN:
                            self._open.popitem(last=False)
        return found

    def _recent(self, key: tuple[str, str]) -> Network | None:
        with self._known:
            if key in self._open:
                self._open.move_to_end(key)
            return self._open.get(key)


def runtimes() -> list[str]:
    """What can run networks here, `AS_BUILT` first."""
    needs = {"openvino": "openvino", "onnx": "onnxruntime", "litert": "ai_edge_litert"}
    installed = [name for name, module in needs.items() if is_installed(module)]
    return [AS_BUILT, "tensorflow", *installed]


def _opened(name: str, runtime: str) -> Network:
    from kerazoo.prediction import open_predictor

    predictor = open_predictor(name, runtime=None if runtime == AS_BUILT else runtime)
    # The first call is longer than all others: it is nobody's.
    height, width, channels = predictor.input_shape
    if height and width and channels:
        predictor.outputs(np.zeros((1, height, width, channels), "float32"))
    size = getattr(predictor, "file_size", None)
    if size is None:
        size = sum(np.dtype(v.dtype).itemsize * int(np.prod(v.shape)) for v in _weights(predictor))
    return Network(predictor, getattr(predictor, "runtime", AS_BUILT), size)


def _weights(predictor: Any) -> Sequence[Any]:
    return predictor.model.weights if predictor.model is not None else ()
