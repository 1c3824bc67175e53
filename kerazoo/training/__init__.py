"""Training runs from recipes, fine-tuning, and figures of what came out."""

from kerazoo._face import face

# Public name -> module; imported on first use, for most of them import Keras.
_PUBLIC = {
    "train": "kerazoo.training.run",
    "load_trained": "kerazoo.training.trained",
    "finetune": "kerazoo.training.finetuning.run",
    "load_recipe": "kerazoo.training.recipe",
    "recipe_names": "kerazoo.training.recipe",
    "collect_answers": "kerazoo.training.figures",
    "draw_figures": "kerazoo.training.figures",
    "draw_confusion": "kerazoo.tasks.classification.figures",
    "draw_mistakes": "kerazoo.tasks.classification.figures",
}
__getattr__, __dir__ = face(__name__, _PUBLIC)
