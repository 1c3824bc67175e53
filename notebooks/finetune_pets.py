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
# The [Oxford-IIIT Pet](https://www.robots.ox.ac.uk/~vgg/data/pets/) set has 3,680 pictures to learn
# from and 3,669 to measure on, of 25 breeds of dogs and 12 of cats. It is what fine-tuning is made
# for: a hundred pictures a class, of things that look alike.
#
# The set is expected where TensorFlow Datasets has prepared it: in the folder that the environment
# variable `KERAZOO_DATA_DIR` names, or else in `~/tensorflow_datasets`. Where it is not there,
# `tfds.load("oxford_iiit_pet", data_dir=...)` downloads 774 MB and prepares it.
#
# **Without the set this notebook still runs**, on the mock pictures of TensorFlow Datasets: random
# pixels with random labels, under the names of the real classes. Then all steps are the same and
# the numbers mean nothing: nobody can name noise, so about one answer in 37 is right. The next cell
# says which of the two you are looking at.

# %%
import json
import os
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from IPython.display import Image, display

from kerazoo.data.open import open_source
from kerazoo.data.samples import pictures_at
from kerazoo.report.contact_sheet import contact_sheet, framed
from kerazoo.training import finetune

DATA_DIR = Path(os.environ.get("KERAZOO_DATA_DIR", "~/tensorflow_datasets")).expanduser()
REAL = (DATA_DIR / "oxford_iiit_pet").is_dir()
WEIGHTS = os.environ.get("KERAZOO_WEIGHTS", "imagenet")
RUN = Path(tempfile.mkdtemp()) / "pets"

print("real pictures" if REAL else "MOCK PICTURES: random pixels, the numbers below mean nothing")
print("start weights:", Path(WEIGHTS).name)

# %% [markdown]
# ## The pictures
#
# A set that TFDS has prepared is called by its name. Your own pictures can be in a folder with a
# sub-folder for each class, or be listed in a CSV file; the mock pictures are laid out in such a
# folder.


# %%
def write_mock_pets(folder, count=6):
    """TFDS's mock pictures as PNG files, `count` for each of the real names."""
    tf.get_logger().setLevel("ERROR")  # the mock data use what TensorFlow calls deprecated
    with tfds.testing.mock_data(num_examples=37 * count):
        builder = tfds.builder("oxford_iiit_pet", data_dir=tempfile.mkdtemp())
        rows = list(tfds.as_numpy(builder.as_dataset(split="train")))
    names = builder.info.features["label"].names
    for number, row in enumerate(rows):
        # Mock labels leave some breeds without a picture: here each gets the same number.
        place = folder / names[number % 37]
        place.mkdir(parents=True, exist_ok=True)
        keras.utils.save_img(place / f"{number}.png", row["image"], scale=False)


if REAL:
    data, options = "oxford_iiit_pet", {"data_dir": DATA_DIR}
else:
    data, options = Path(tempfile.mkdtemp()) / "mock_pets", {}
    write_mock_pets(data)

train = open_source(data, **options)
order = np.random.default_rng(0).permutation(train.count)[:9]
labels = [int(label) for _, label in train.pictures]
captions = [[(train.classes[labels[index]], 1.0)] for index in order]
title = f"{train.name}: {train.count} pictures, {len(train.classes)} classes"
sheet = contact_sheet(title, [framed(each) for each in pictures_at(train, order)], captions)
sheet.resize((sheet.width // 2, sheet.height // 2))

# %% [markdown]
# ## Learning
#
# First a linear probe: the network keeps what it learned from ImageNet, and only a new classifier
# is trained. Then all layers go on learning at a lower rate; batch-norm statistics stay as they
# are, for batches of 32 pictures give poor ones. A tenth of the training pictures is held out, the
# same each time, and watched after every epoch.
#
# The same in a shell:
#
# ```
# kerazoo finetune mobilenet_v2 --data oxford_iiit_pet --data-dir ~/tensorflow_datasets --size 160 \
#     --epochs 4 --unfreeze-epochs 3 --output runs/pets
# ```

# %%
result = finetune(
    "mobilenet_v2",
    data,
    RUN,
    weights=WEIGHTS,
    size=160 if REAL else 96,
    epochs=4 if REAL else 1,
    unfreeze_epochs=3 if REAL else 1,
    progress=False,
    **options,
)

# %%
note = "" if REAL else "  (mock pictures: means nothing)"
for phase, accuracy in result["phases"].items():
    print(f"{phase:12} {100 * accuracy:5.1f} % of {result['pictures']} pictures{note}")
print(f"guessing     {100 / 37:5.1f} %")

# %% [markdown]
# ## What is taken for what
#
# Curves of all epochs, and the confusion matrix. With more than 25 classes the cells are too small
# for numbers, so the pairs that are confused most often are listed beside it.

# %%
display(Image(RUN / "curves.png", width=800))

# %%
display(Image(RUN / "confusion.png", width=900))

# %% [markdown]
# The mistakes that the network is most certain of. On real pictures many of them are breeds that
# look alike.

# %%
display(Image(RUN / "mistakes.png", width=700))

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
