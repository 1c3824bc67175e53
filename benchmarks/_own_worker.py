"""Engines of kerazoo's environment, and keras.applications; started by peers.py.

`python _own_worker.py THREADS FOLDER`, in the project's folder. Engines are the runtimes of
`kerazoo.benchmark`; `litert_official` is the network as built through Keras' own export; `train_…`
a form of training_step.py.
"""

import os
import sys
import tempfile
from pathlib import Path

from _worker import serve

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).parents[1]))
THREADS = int(sys.argv[1])
SIZE = 224
PACKAGES = ("keras", "tensorflow", "openvino", "onnxruntime", "ai-edge-litert", "nncf")
_models: dict = {}


def load(engine: str, model: str, batch: int):
    """A function that runs the network once, and its parameters and multiply-adds."""
    if engine.startswith("train_"):
        from training_step import training_step

        run, network = training_step(batch, engine.removeprefix("train_"))
        return run, _facts(network)
    if engine == "kerazoo_load":
        return _loading(model)
    return _inference(engine, model, batch)


def _loading(model: str):
    """From nothing to a network with weights from a file on disk."""
    import kerazoo
    from kerazoo.checkpoints.hub_config import WEIGHTS
    from kerazoo.publish.hub import hub_files

    network, folder = _network(model, False)
    path = folder / "cached.safetensors"
    path.write_bytes(hub_files(network, "own/network", licence="mit")[WEIGHTS])
    return lambda: kerazoo.create_model(model, weights=str(path)), _facts(network)


def _inference(engine: str, model: str, batch: int):
    import numpy as np

    from kerazoo.benchmark.candidates import CANDIDATES

    shape = (batch, SIZE, SIZE, 3)
    network, folder = _network(model, engine.startswith("keras_applications"))
    official = engine.endswith(("litert", "official")) and engine not in CANDIDATES
    runtime = CANDIDATES["litert" if official else engine if engine in CANDIDATES else "tensorflow"]
    path = _official(network, folder) if official else runtime.prepare(network, folder)
    run = runtime.load(path, shape, THREADS)
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    return lambda: run(x), _facts(network)


def _official(network, folder: Path) -> Path:
    """What Keras itself makes of a network that nobody has fused."""
    path = folder / "official.tflite"
    if not path.exists():
        network.export(str(path), format="litert", verbose=False)
    return path


def _network(model: str, applications: bool):
    """The network and a folder for its files; made once."""
    import keras

    import kerazoo

    key = (model, applications)
    if key not in _models:
        if not applications:
            network = kerazoo.create_model(model, weights=None, input_shape=(SIZE, SIZE, 3))
        elif model == "mobilenet_v2":
            network = keras.applications.MobileNetV2(weights=None)
        else:
            raise ValueError(f"keras.applications has no {model}")
        folder = tempfile.TemporaryDirectory(prefix="kerazoo-peers-")
        _models[key] = (network, folder)
    network, folder = _models[key]
    return network, Path(folder.name)


def _facts(network) -> dict:
    from kerazoo import profile

    counted = profile(network)
    classes = network.output_shape[-1]
    return {"params": counted.params, "macs": counted.macs, "classes": classes}


if __name__ == "__main__":
    serve(load, PACKAGES)
