"""Training runs from recipes, fine-tuning, and figures of what came out."""

import importlib

# Public name -> module; imported on first use, for most of them import Keras.
_PUBLIC = {
    "train": "run",
    "load_trained": "run",
    "finetune": "finetuning",
    "load_recipe": "recipe",
    "recipe_names": "recipe",
    "draw_figures": "figures",
    "draw_confusion": "figures",
    "draw_mistakes": "figures",
}


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'kerazoo.training' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"kerazoo.training.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
