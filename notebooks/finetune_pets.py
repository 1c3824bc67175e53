# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Fine-tuning on cats and dogs: 37 breeds
#
# The [Oxford-IIIT Pet](https://www.robots.ox.ac.uk/~vgg/data/pets/) set has pictures of 25 breeds
# of dogs and 12 of cats: things that look alike, a few pictures of each. It is what fine-tuning is
# made for.
#
# The pictures are looked for in two places: a folder with `train/` and `test/` that the environment
# variable `KERAZOO_PETS` names (the numbers below are of six pictures of each breed to learn from
# and two to measure on), and the set as TensorFlow Datasets prepares it, in the folder that
# `KERAZOO_DATA_DIR` names (`tfds.load("oxford_iiit_pet", data_dir=...)` downloads 774 MB).

# %%
import json
import os
import tempfile
from pathlib import Path

import numpy as np
import PIL.Image
from IPython.display import Image, display

import kerazoo
from kerazoo.data.open import open_source
from kerazoo.data.samples import pictures_at
from kerazoo.evaluation import output_batches
from kerazoo.report.contact_sheet import contact_sheet, framed
from kerazoo.training import finetune

DATA_DIR = Path(os.environ.get("KERAZOO_DATA_DIR", "~/tensorflow_datasets")).expanduser()
FOLDER = os.environ.get("KERAZOO_PETS")
WEIGHTS = os.environ.get("KERAZOO_WEIGHTS", "imagenet")
RUN = Path(os.environ.get("KERAZOO_RUNS") or tempfile.mkdtemp()) / "pets"


def small(sheet):
    """A contact sheet at half its size, in 256 colours: a notebook keeps its pictures."""
    return sheet.convert("RGB").resize((sheet.width // 2, sheet.height // 2)).quantize(256)


data, options = (FOLDER, {}) if FOLDER else ("oxford_iiit_pet", {"data_dir": DATA_DIR})
train, test = (open_source(data, split, **options) for split in ("train", "test"))
print(f"{train.name}: {train.count} pictures to learn from, {test.count} to measure on,")
print(f"of {len(train.classes)} breeds; start weights: {Path(WEIGHTS).name}")

# %% [markdown]
# ## The pictures

# %%
labels = [int(label) for _, label in train.pictures]
order = np.random.default_rng(3).permutation(train.count)[:9]
captions = [[(train.classes[labels[index]].replace("_", " "), 1.0)] for index in order]
sheet = contact_sheet("some of them", [framed(x) for x in pictures_at(train, order)], captions)
small(sheet)

# %% [markdown]
# ## Learning
#
# Nothing has to be chosen. The network keeps what it learned from ImageNet, and a new classifier
# is fitted to what it makes of the pictures and their mirror images (a linear probe). With ten
# pictures a breed and more, all layers would go on learning after that, and the better of the two
# be kept.
#
# The same in a shell:
#
# ```
# kerazoo finetune mobilenet_v2 --data pets/ --output runs/pets
# ```

# %%
result = finetune("mobilenet_v2", data, RUN, weights=WEIGHTS, progress=False, **options)

# %% [markdown]
# With so few test pictures the accuracy is one of many that the same network could have got: the
# interval says between which.

# %%
low, high = result["interval"]
print(f"{100 * result['accuracy']:.1f} % of {result['pictures']} pictures right")
print(f"of all such pictures, with 95 % confidence: {100 * low:.1f} to {100 * high:.1f} %")
print(f"guessing: {100 / result['classes']:.1f} %")

# %% [markdown]
# ## Which breeds are taken for which
#
# With more than 25 classes the cells of the matrix are too small for numbers, so the pairs that are
# confused most often are listed beside it.

# %%
display(Image(RUN / "confusion.png", width=900))

# %% [markdown]
# A test set of two pictures a breed shows single mistakes. What the network finds alike shows
# better in its scores: for each breed, the one that gets the most of what is not its own, on
# average over its test pictures.

# %%
model = kerazoo.open_model(RUN / "model.keras")
found = list(output_batches(model, test))
scores = np.concatenate([outputs["scores"] for outputs, _ in found])
true = np.concatenate([targets for _, targets in found])
names = [name.replace("_", " ") for name in test.classes]
alike = np.stack([scores[true == i].mean(0) for i in range(len(names))])
np.fill_diagonal(alike, 0)
for i in np.argsort(-alike.max(1))[:12]:
    other = alike[i].argmax()
    print(f"{names[i]:>27} looks like {names[other]:<27} {100 * alike[i, other]:4.1f} %")

# %% [markdown]
# The mistakes that the network is most certain of, with the score of the true breed below.

# %%
small(PIL.Image.open(RUN / "mistakes.png"))

# %% [markdown]
# ## How sure it is
#
# Scores are calibrated on pictures that were held out, and for each breed there is a score below
# which the answer is "not sure" (`kerazoo predict` says so).

# %%
thresholds = np.array(model.info.confidence.thresholds)
best = scores.argmax(1)
sure = scores.max(1) >= thresholds[best]
right = best == true
print(f"sure of {sure.sum()} pictures, {100 * right[sure].mean():.1f} % of them right")
if (~sure).any():
    print(f"not sure of {(~sure).sum()}, {100 * right[~sure].mean():.1f} % of them right")

# %%
shown = np.random.default_rng(0).permutation(test.count)[:9]
captions = [
    [
        (names[best[i]] if sure[i] else f"not sure: {names[best[i]]}", scores[i].max()),
        ("right" if right[i] else f"is {names[true[i]]}", None),
    ]
    for i in shown
]
small(contact_sheet("what it says", [framed(x) for x in pictures_at(test, shown)], captions))

# %% [markdown]
# ## Where things stand
#
# The run's folder has all that is needed to use the network, to publish it and to run it again.

# %%
for path in sorted(RUN.iterdir()):
    print(path.name + ("/" if path.is_dir() else ""))

# %% [markdown]
# - `kerazoo predict runs/pets/model.keras cat.jpg` names the breed on a picture;
# - `kerazoo push runs/pets user/pets` publishes the folder, with its card, on the Hugging Face Hub;
# - `run.json` has the recipe of each phase, the data and their splits, and the class names:

# %%
run = json.loads((RUN / "run.json").read_text())
for split, facts in run["data"].items():
    print(f"{split:11} {facts['count']:5} pictures: {facts['split']}")
print("classes:   ", ", ".join(run["classes"][:5]), "…")
