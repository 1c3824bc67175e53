"""kerazoo: efficient convolutional networks for Keras 3, with pretrained weights.

Public names are loaded on first use: importing kerazoo imports neither Keras nor a backend.
"""

import importlib

__version__ = "0.1.0"

# Public name -> where it lives. Constructors (`MixNetS`, …) come from the catalogue.
_PUBLIC = {
    "create_model": "kerazoo.registry",
    "list_models": "kerazoo.registry",
    "open_model": "kerazoo.open",
    "load_weights": "kerazoo.by_name",
    "from_pretrained": "kerazoo.by_name",
    "push_to_hub": "kerazoo.publish.hub",
    "DownloadError": "kerazoo.checkpoints.fetch.checkpoint",
    "profile": "kerazoo.profiling",
    "predict": "kerazoo.prediction",
    "evaluate": "kerazoo.evaluation",
    "open_picture": "kerazoo.pictures",
    "PictureError": "kerazoo.pictures",
    "preprocess_input": "kerazoo.by_name",
    "decode_predictions": "kerazoo.labels",
    "Preprocessing": "kerazoo.preprocessing",
    "ZooModel": "kerazoo.models",
}
_MODULES = (
    *("blocks", "checkpoints", "data", "deploy", "layers"),
    *("models", "optimize", "registry", "training"),
)


def _constructors() -> dict[str, str]:
    from kerazoo.registry import catalogue

    return {entry.constructor: entry.module for entry in catalogue().values()}


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(f"kerazoo.{name}")
    if name.startswith("_"):
        raise AttributeError(f"module 'kerazoo' has no attribute {name!r}")
    module = _PUBLIC.get(name) or _constructors().get(name)
    if module is None:
        raise AttributeError(f"module 'kerazoo' has no attribute {name!r}")
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC, *_MODULES, *_constructors()})
