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
# # Fine-tuning on CIFAR-10 with a thousand pictures
#
# A network that knows ImageNet's 1000 classes has learned edges, textures and parts that other
# pictures have, too. So it can learn ten new classes from few examples. Here MobileNetV2 learns
# CIFAR-10 from **1,000 of its 50,000 training pictures**, in minutes on two processor cores:
#
# 1. a *linear probe*: the network stays as it is, and only a new classifier is fitted to what it
#    makes of the pictures;
# 2. then *all layers* go on learning for a while at a lower rate.
#
# Both are one call of `kerazoo.training.finetune`, and one command in a shell. How long, at what
# rate and from pictures of what size follows from the pictures:
#
# ```
# kerazoo finetune mobilenet_v2 --data cifar10 --data-dir ~/tensorflow_datasets \
#     --train 'train[:1000]' --test 'test[:1000]' --output runs/cifar10
# ```
#
# CIFAR-10 is expected where TensorFlow Datasets has prepared it: in the folder that the environment
# variable `KERAZOO_DATA_DIR` names, or else in `~/tensorflow_datasets`. The ImageNet weights are
# downloaded once; where that cannot be, `KERAZOO_WEIGHTS` names a file with weights of MobileNetV2.

# %%
import json
import os
import tempfile
from pathlib import Path

from IPython.display import Image, display

import kerazoo
from kerazoo.data.augmentation import Augmentation
from kerazoo.data.open import open_source
from kerazoo.data.pipeline import training_data
from kerazoo.data.samples import pictures_at
from kerazoo.report.contact_sheet import contact_sheet, framed, pil_picture
from kerazoo.training import finetune

DATA_DIR = Path(os.environ.get("KERAZOO_DATA_DIR", "~/tensorflow_datasets")).expanduser()
WEIGHTS = os.environ.get("KERAZOO_WEIGHTS", "imagenet")
RUN = Path(os.environ.get("KERAZOO_RUNS") or tempfile.mkdtemp()) / "cifar10"

print("start weights:", Path(WEIGHTS).name)

# %% [markdown]
# ## The pictures
#
# They have 32x32 pixels. Look at what will be learned before learning it:

# %%
train = open_source("cifar10", "train[:1000]", data_dir=DATA_DIR)
rows = list(train.pictures.take(6))
labels = [train.classes[int(label)] for _, label in rows]
pictures = [framed(each) for each in pictures_at(train, range(6))]
captions = [[(label, 1.0)] for label in labels]
title = f"{train.name} {train.split}: {train.count} pictures, {len(train.classes)} classes"
sheet = contact_sheet(title, pictures, captions)
sheet.resize((sheet.width // 2, sheet.height // 2))

# %% [markdown]
# MobileNetV2 was trained on larger pictures. At 32 pixels its last maps would have a single pixel,
# so they are enlarged. While all layers learn, the network sees another random crop of each in
# every epoch, mirrored or not. This is what goes in:

# %%
seen = training_data(
    train,
    kerazoo.Preprocessing(size=(160, 160), crop_fraction=1.0).without_normalisation(),
    Augmentation(crop="random", area=(0.5, 1.0)),
    batch_size=6,
    seed=0,
)
batch, labels = next(iter(seen.batches))
pictures = [framed(pil_picture(each)) for each in batch.numpy()]
captions = [[(train.classes[int(label)], 1.0)] for label in labels.numpy()]
sheet = contact_sheet("as the network sees them", pictures, captions)
sheet.resize((sheet.width // 2, sheet.height // 2))

# %% [markdown]
# ## Learning
#
# A tenth of the thousand pictures is held out: it chooses the classifier's regularisation, ends
# the learning of all layers where that no longer helps, and says which of the two is kept. A
# thousand of the test pictures are measured at the end of each phase.

# %%
result = finetune(
    "mobilenet_v2",
    "cifar10",
    RUN,
    data_dir=DATA_DIR,
    weights=WEIGHTS,
    splits={"train": "train[:1000]", "test": "test[:1000]"},
    progress=False,
)

# %%
low, high = result["interval"]
for phase, accuracy in result["phases"].items():
    print(f"{phase:12} {100 * accuracy:5.1f} % of {result['pictures']} test pictures, at its end")
print("guessing      10.0 %")
print(f"kept: {result['kept']}, epoch {result['epoch']}: {100 * result['accuracy']:.1f} %")
print(f"of all such pictures, with 95 % confidence: {100 * low:.1f} to {100 * high:.1f} %")

# %% [markdown]
# ## How it went
#
# The run's folder holds the loss and the accuracy of every epoch as a figure (the first dot is the
# linear probe),

# %%
display(Image(RUN / "curves.png", width=800))

# %% [markdown]
# which classes are taken for which others (rows are the true class),

# %%
display(Image(RUN / "confusion.png", width=560))

# %% [markdown]
# and the mistakes that the network is most certain of. They are worth a look in any data set: some
# show what the network has not understood, some show pictures that a person could not name either,
# and some show wrong labels.

# %%
display(Image(RUN / "mistakes.png", width=800))

# %% [markdown]
# ## Using the result
#
# The folder also holds the model, in the format of Keras and as a checkpoint with a card that can
# be published:

# %%
for path in sorted(RUN.iterdir()):
    print(path.name + ("/" if path.is_dir() else ""))
config = json.loads((RUN / "config.json").read_text())
print("\nclasses:", ", ".join(config["labels"]))

# %% [markdown]
# In a shell, `kerazoo predict runs/cifar10/model.keras cat.jpg` names what is on a picture, and
# `kerazoo push runs/cifar10 user/cifar10` publishes the folder on the Hugging Face Hub. In Python,
# with the truth beside an answer that is wrong:

# %%
model = kerazoo.open_model(RUN / "model.keras")
test = open_source("cifar10", "test[:12]", data_dir=DATA_DIR)
pictures = pictures_at(test, range(12))
truth = [test.classes[int(label)] for _, label in test.pictures]
captions = []
for name, picture in zip(truth, pictures, strict=True):
    best, second, *_ = kerazoo.predict(model, picture, top=10)
    lines = [(each.name, each.score) for each in (best, second)]
    if best.name != name:
        scores = {each.name: each.score for each in (best, second, *_)}
        lines[1] = (f"is {name}", scores[name])
    captions.append(lines)
sheet = contact_sheet("pictures of the test split", [framed(each) for each in pictures], captions)
sheet.resize((sheet.width // 2, sheet.height // 2))
