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
# # Finding things, and learning to find others
#
# A detector says what is where: a box and a class for each thing. This notebook looks at a set of
# boxes, asks the detector that comes with the package, teaches it other things, measures it, and
# exports it.
#
# The set is [BCCD](https://github.com/Shenggan/BCCD_Dataset) (MIT licence): blood under a
# microscope, with boxes around red cells, white cells and platelets, laid out as Pascal VOC is. The
# environment variable `KERAZOO_BCCD` names its folder. **Without it this notebook still runs**, on
# drawn discs: then all steps are the same and the numbers mean nothing.

# %%
import os
import tempfile
from pathlib import Path

import numpy as np
from IPython.display import Image, display
from PIL import Image as Pictures
from PIL import ImageDraw

import kerazoo
from kerazoo.checking import check_data
from kerazoo.data.open import open_source
from kerazoo.deploy import Runner, export
from kerazoo.report.contact_sheet import contact_sheet, framed
from kerazoo.training import finetune

REAL = "KERAZOO_BCCD" in os.environ
WORK = Path(os.environ.get("KERAZOO_RUNS") or tempfile.mkdtemp())

print("real pictures" if REAL else "DRAWN DISCS: the numbers below mean nothing")

# %% [markdown]
# ## The set
#
# What would spoil a training is told before it: pictures that cannot be read, boxes without area,
# classes with few boxes, and how many of the boxes the detector's anchors can reach at all.


# %%
def draw_discs(folder, count):
    """Red discs and green squares on noise, laid out as labelling tools leave COCO's format."""
    import json

    rng = np.random.default_rng(0)
    for split, numbers in (("train", range(count - 6)), ("val", range(count - 6, count))):
        (folder / split).mkdir(parents=True)
        images, boxes = [], []
        for number in numbers:
            pixels = Pictures.fromarray(rng.integers(0, 120, (96, 128, 3), dtype="uint8"))
            pen = ImageDraw.Draw(pixels)
            for kind in (1, 2):
                side = int(rng.integers(20, 40))
                x, y = int(rng.integers(0, 128 - side)), int(rng.integers(0, 96 - side))
                shape = pen.ellipse if kind == 1 else pen.rectangle
                shape((x, y, x + side - 1, y + side - 1), fill="red" if kind == 1 else "green")
                box = {"id": len(boxes) + 1, "image_id": number, "category_id": kind}
                boxes.append({**box, "bbox": [x, y, side, side], "area": side * side, "iscrowd": 0})
            name = f"{number}.png"
            pixels.save(folder / split / name)
            images.append({"id": number, "file_name": name, "width": 128, "height": 96})
        names = [{"id": 1, "name": "disc"}, {"id": 2, "name": "square"}]
        file = {"images": images, "annotations": boxes, "categories": names}
        (folder / split / "_annotations.coco.json").write_text(json.dumps(file))
    return folder


data = Path(os.environ["KERAZOO_BCCD"]) if REAL else draw_discs(WORK / "discs", 22)
report = check_data(data)
print(report.text().replace(str(data), data.name))

# %% [markdown]
# ## What the detector of the package finds
#
# It knows COCO's 80 things of everyday life, and no cells. So it finds none, or takes them for
# something round.

# %%
val = open_source(data, "val", task="detection", purpose="evaluate")
files = [Path(file) for file in val.files[:4]]


def sheet_of(network, title):
    drawn, captions = [], []
    for file in files:
        found = kerazoo.predict(network, file)
        drawn.append(framed(found.draw()))
        captions.append([(file.name, None), (str(found)[:40], None)])
    sheet = contact_sheet(title, drawn, captions)
    # At half its size, in 256 colours: a notebook keeps its pictures.
    return sheet.convert("RGB").resize((sheet.width // 2, sheet.height // 2)).quantize(256)


sheet_of("detection", "Before training")

# %% [markdown]
# ## Learning
#
# The whole detector goes on learning; predictors of classes that it did not know start anew. How
# long, at what rate and with what crops is a table's choice, by the number of pictures; here it is
# told to take fewer epochs. The best epoch on the validation split is kept.
#
# The same in a shell:
#
# ```
# kerazoo finetune detection --data bccd/ --epochs 12 --output runs/cells
# ```

# %%
result = finetune("detection", data, WORK / "run", epochs=12 if REAL else 1, progress=False)

# %%
display(Image(WORK / "run" / "curves.png", width=800))

# %% [markdown]
# ## How well
#
# COCO's figures. AP is averaged over how well boxes have to fit; AP50 takes those that overlap by
# half. For each class with the interval in which it lies with 95 % confidence.

# %%
measured = kerazoo.evaluate(WORK / "run", val)
for key, value in measured.figures.items():
    print(f"{key:10} {'–' if value is None else f'{100 * value:.1f} %':>8}")

# %% [markdown]
# How many of the boxes told are right (precision) against how many of the true ones are told
# (recall), from the surest box on.

# %%
display(Image(WORK / "run" / "precision.png", width=700))

# %%
sheet_of(str(WORK / "run"), "After training")

# %% [markdown]
# ## Out of here
#
# One LiteRT file with names, thresholds and normalisation in it, which finds the boxes itself
# (signature `detect`) or gives what the network says (`raw`). `Runner` opens it, and answers as the
# network does.

# %%
cells = WORK / "cells.tflite"
export(kerazoo.open_model(WORK / "run"), cells, "litert")
print(f"{cells.stat().st_size / 1e6:.1f} MB")
network, runner = Runner(WORK / "run", runtime="tensorflow"), Runner(cells)
for file, there, here in zip(files, runner.predict(files), network.predict(files), strict=True):
    off = np.abs(there.boxes - here.boxes).max(initial=0)
    print(f"{file.name}: {len(there.boxes)} boxes, none further than {off:.3f} pixels away")

# %% [markdown]
# `found.save("boxes.jpg")` draws them, `found.to("coco")`, `"voc"` and `"yolo"` make annotations
# of them, to be corrected and learned from.
