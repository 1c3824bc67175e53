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
# # Cutting out pets: a class for every pixel
#
# The pictures of the [Oxford-IIIT Pet](https://www.robots.ox.ac.uk/~vgg/data/pets/) set come with
# *trimaps*: 1 is the pet, 2 the background, 3 a border that nobody decided. Here are those of three
# breeds, 220 to learn from and 60 to measure on. The network is DeepLabV3 on MobileNetV2, which
# knows the 20 classes of Pascal VOC, cats and dogs among them: so we can ask what it says before it
# has seen a single trimap.
#
# Two environment variables name what is needed: `KERAZOO_TRIMAPS` a folder with `JPEGImages`,
# `trimaps` and `ImageSets`, and `KERAZOO_DEEPLAB` the file of the weights. **Without them this
# notebook still runs**, on drawn discs and with ESPNetv2, which comes with the package: then all
# steps are the same and the numbers mean nothing.

# %%
import os
import tempfile
from pathlib import Path

import numpy as np
from IPython.display import Image, display
from PIL import Image as Pictures

import kerazoo
from kerazoo.data import masks_source
from kerazoo.predictor import Predictor
from kerazoo.preprocessing import Preprocessing
from kerazoo.report.contact_sheet import contact_sheet, framed
from kerazoo.tasks.segmentation.confusion import Confusion
from kerazoo.tasks.segmentation.masks import UNSEEN, class_map
from kerazoo.training import finetune

REAL = {"KERAZOO_TRIMAPS", "KERAZOO_DEEPLAB"} <= set(os.environ)
RUN = Path(os.environ.get("KERAZOO_RUNS") or tempfile.mkdtemp()) / "segment_pets"
NAMES = {1: "pet", 2: "background"}
BORDER = 3


def small(sheet):
    """A contact sheet at half its size, in 256 colours: a notebook keeps its pictures."""
    return sheet.convert("RGB").resize((sheet.width // 2, sheet.height // 2)).quantize(256)


print("real pictures" if REAL else "DRAWN DISCS: the numbers below mean nothing")

# %% [markdown]
# ## The pictures
#
# `masks_source` reads such a folder, is told what the values mean, and looks at every mask.


# %%
def draw_discs(folder, count):
    """Discs on noise, with a border, laid out as the real set is."""
    rng = np.random.default_rng(0)
    for name in ("JPEGImages", "trimaps", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    rows, columns = np.mgrid[:96, :128]
    for number in range(count):
        apart = np.hypot(rows - rng.integers(30, 66), columns - rng.integers(30, 98))
        trimap = np.where(apart < 26, 1, np.where(apart < 29, 3, 2)).astype("uint8")
        pixels = rng.integers(0, 120, (96, 128, 3)) + 100 * (apart < 27)[..., None]
        Pictures.fromarray(pixels.astype("uint8")).save(folder / f"JPEGImages/{number}.jpg")
        Pictures.fromarray(trimap).save(folder / f"trimaps/{number}.png")
    for split, numbers in (("train", range(count - 4)), ("val", range(count - 4, count))):
        (folder / f"ImageSets/Main/{split}.txt").write_text("\n".join(map(str, numbers)))
    return folder


folder = (
    Path(os.environ["KERAZOO_TRIMAPS"])
    if REAL
    else draw_discs(Path(tempfile.mkdtemp()) / "discs", 20)
)
train, val = (masks_source(folder, s, classes=NAMES, ignore=[BORDER]) for s in ("train", "val"))
print(f"{train.count} pictures to learn from, {val.count} to measure on: {train.classes}")

# %%
shown = np.random.default_rng(0).permutation(train.count)[:6]


def trimap_of(file):
    values = np.asarray(Pictures.open(folder / "trimaps" / f"{Path(file).stem}.png"))
    return np.where(values == BORDER, UNSEEN, values - 1).astype("uint8")


task = kerazoo.tasks.get_task("segmentation")
drawn = []
for index in shown:
    file = train.files[index]
    picture, _ = task.show(kerazoo.open_picture(file), trimap_of(file), train.classes)
    drawn.append(framed(picture))
captions = [[(Path(train.files[i]).name, None)] for i in shown]
small(contact_sheet("Trimaps over the pictures", drawn, captions))

# %% [markdown]
# ## What the network knows before
#
# Of its 21 classes, cats and dogs are pets, and everything else is background. mIoU is the mean
# over the two classes; *one class everywhere* is what the best answer would get that is the same
# for every pixel. The border does not count.

# %%
if REAL:
    MODEL, WEIGHTS = "deeplabv3_mobilenet_v2_100", os.environ["KERAZOO_DEEPLAB"]
    middle = (128 / 255,) * 3
    before = Preprocessing(
        (513, 513),
        interpolation="bilinear",
        antialias=False,
        fit="stretch",
        mean=middle,
        std=middle,
    )
    start = kerazoo.create_model(MODEL, weights=WEIGHTS, input_shape=(513, 513, 3))
else:
    MODEL, WEIGHTS, middle = "espnetv2_seg_s_1_0", None, (0.5,) * 3
    start = kerazoo.create_model(MODEL, input_shape=(96, 128, 3))
    before = Preprocessing((96, 128), interpolation="bilinear", fit="stretch")

voc = kerazoo.labels.label_names("voc_segmentation")
as_pet = np.array([0 if name in ("cat", "dog") else 1 for name in voc], "uint8")
confusion = Confusion(val.classes)
network = Predictor.of_model(start, preprocessing=before, batch_size=1)
for file, scores in network.stream([Path(each) for each in val.files]):
    truth = trimap_of(file)
    confusion.update(truth, as_pet[class_map(scores, before.place(*truth.shape))])
untrained, constant = 100 * confusion.mean_iou, 100 * confusion.constant
print(f"one class everywhere {constant:5.1f} % mIoU")
print(f"before training      {untrained:5.1f} % mIoU")

# %% [markdown]
# ## Learning
#
# `finetune` teaches all layers at once: that is what a segmenter's plan says. Pictures are made
# ready at about the size that they have. The new last layer starts with what the old one knew of
# `background`.

# %%
result = finetune(
    MODEL,
    {"train": train, "validation": val},
    RUN,
    weights=WEIGHTS,
    size=257 if REAL else 64,
    epochs=12 if REAL else 1,
    learning_rate=0.0005,
    batch_size=10 if REAL else 4,
    changes={
        "preprocessing.fit": "stretch",
        "preprocessing.crop_fraction": 1.0,
        "preprocessing.interpolation": "bilinear",
        "preprocessing.mean": middle,
        "preprocessing.std": middle,
        "optimizer.ema": 0.98,
        "transfer.labels": "voc_segmentation",
    },
    progress=False,
)

# %%
print(f"one class everywhere {constant:5.1f} % mIoU")
print(f"before training      {untrained:5.1f} % mIoU")
print(
    f"after training       {100 * result['mean_iou']:5.1f} % mIoU of {result['pictures']} pictures"
)

# %%
display(Image(RUN / "curves.png", width=800))

# %%
display(Image(RUN / "confusion.png", width=450))

# %% [markdown]
# ## What it says
#
# The first pictures of the validation split, cut out.

# %%
drawn, captions = [], []
for file in val.files[:6]:
    found = kerazoo.predict(str(RUN), file)
    drawn.append(framed(found.draw()))
    captions.append([(Path(file).name, None), *task.captions(found)])
small(contact_sheet("What the trained network says", drawn, captions))

# %% [markdown]
# `found.save_mask("mask.png")` writes the class numbers, and in a shell:
#
# ```
# kerazoo predict runs/pets cat.jpg --save drawn/
# ```
