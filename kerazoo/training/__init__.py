"""Training runs from recipes, fine-tuning, and figures of what came out."""

import importlib

# Public name -> module; imported on first use, for most of them import Keras.
_PUBLIC = {
    "train": "training.run",
    "load_trained": "training.trained",
    "finetune": "training.finetuning.run",
    "load_recipe": "training.recipe",
    "recipe_names": "training.recipe",
    "collect_answers": "training.figures",
    "draw_figures": "training.figures",
    "draw_confusion": "tasks.classification.figures",
    "draw_mistakes": "tasks.classification.figures",
}


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'kerazoo.training' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"kerazoo.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
