"""kerazoo: efficient convolutional networks for Keras 3, with pretrained weights.

Public names are loaded on first use: importing kerazoo imports neither Keras nor a backend.
"""

import importlib

from kerazoo._face import face
from kerazoo._saving import introduce

__version__ = "0.1.0"

# Public name -> where it lives. Constructors (`MixNetS`, …) come from the catalogue.
_PUBLIC = {
    "create_model": "kerazoo.registry",
    "list_models": "kerazoo.registry",
    "register_model": "kerazoo.registry",
    "open_model": "kerazoo.open",
    "default_model": "kerazoo.checkpoints.shipped",
    "load_weights": "kerazoo.by_name",
    "from_pretrained": "kerazoo.by_name",
    "push_to_hub": "kerazoo.publish.hub",
    "DownloadError": "kerazoo.checkpoints.fetch.checkpoint",
    "profile": "kerazoo.profiling",
    "predict": "kerazoo.prediction",
    "evaluate": "kerazoo.evaluation",
    "choose": "kerazoo.choosing.run",
    "open_picture": "kerazoo.pictures",
    "PictureError": "kerazoo.pictures",
    "preprocess_input": "kerazoo.by_name",
    "decode_predictions": "kerazoo.labels",
    "Preprocessing": "kerazoo.preprocessing",
    "Placement": "kerazoo.placement",
    "ZooModel": "kerazoo.models",
}
_MODULES = (
    *("blocks", "checkpoints", "data", "deploy", "layers"),
    *("models", "optimize", "registry", "scoring", "training"),
)


def _constructors() -> dict[str, str]:
    catalogue = importlib.import_module("kerazoo.registry").catalogue()
    entries = [e for e in catalogue.values() if e.module.startswith("kerazoo.")]
    return {entry.constructor: entry.module for entry in entries}


__getattr__, __dir__ = face(__name__, _PUBLIC, _MODULES, _constructors)
introduce()  # saved models name classes that Keras would not find otherwise
