# Written by `make catalogue`.
from kerazoo.tasks.classification.figures import draw_confusion as draw_confusion
from kerazoo.tasks.classification.figures import draw_mistakes as draw_mistakes
from kerazoo.training.figures import collect_answers as collect_answers
from kerazoo.training.figures import draw_figures as draw_figures
from kerazoo.training.finetuning.run import finetune as finetune
from kerazoo.training.recipe import load_recipe as load_recipe
from kerazoo.training.recipe import recipe_names as recipe_names
from kerazoo.training.run import train as train
from kerazoo.training.trained import load_trained as load_trained
