"""Writes `kerazoo/catalogue.json`, the listing of models: `python -m kerazoo.models._catalogue`."""

import importlib
import inspect
import json
import pkgutil
from pathlib import Path

import keras

import kerazoo.models
from kerazoo._files import write_text
from kerazoo.profiling import profile

PACKAGE = Path(kerazoo.models.__file__).parent.parent
PATH = PACKAGE / "catalogue.json"


def constructors() -> dict:
    """Public name -> constructor, from every module of `kerazoo.models` without a leading "_"."""
    found = {}
    for module in pkgutil.iter_modules(kerazoo.models.__path__):
        if module.name.startswith("_"):
            continue
        content = vars(importlib.import_module(f"kerazoo.models.{module.name}"))
        for name, value in content.items():
            if getattr(value, "family", None) and value.__module__.endswith(module.name):
                found[name] = value
    return found


def entry(name: str, create, id: str, arguments: dict) -> dict:
    """The catalogue's record for one id."""
    required = any(
        p.default is inspect.Parameter.empty for p in inspect.signature(create).parameters.values()
    )
    model = None if required else create(weights=None, **arguments)
    counts = model and profile(model)
    return {
        "constructor": name,
        "module": create.__module__,
        "family": create.__module__.rsplit(".", 1)[-1],
        "task": create.family.task,
        "arguments": dict(arguments),
        "params": counts and counts.params,
        "macs": counts and counts.macs,
        "input_size": [create.family.size] * 2,
        "weights_of": model.info.architecture if model else id,
    }


def build() -> dict:
    """The whole catalogue; every model is built once, without weights."""
    records = {}
    for name, create in constructors().items():
        for id, arguments in create.family.ids.items():
            records[id] = entry(name, create, id, arguments)
            keras.backend.clear_session()
    return dict(sorted(records.items()))


def text(records: dict) -> str:
    """As it is written to the file."""
    return json.dumps(records, indent=1) + "\n"


if __name__ == "__main__":
    write_text(PATH, text(build()))
