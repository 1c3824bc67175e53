"""Forms of a trained network that are made to run, not to be trained on."""

import importlib

# Public name -> module; imported on first use: `deploy.runtimes` opens a file without Keras.
_PUBLIC = {
    "Runner": "runner",
    "export": "exporting",
    "freeze_groups": "learned_groups",
    "fuse": "fusion",
}


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'kerazoo.deploy' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"kerazoo.deploy.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
