"""`python tests/memory_over_time.py TASK CALLS OPENINGS LAYERS`: what is left in memory.

Prints as JSON, for evaluations and for opened Runners, MiB and gradient functions more than after
the first two. TensorFlow keeps gradients that Keras' swish brings, a set for each trace.
"""

import gc
import json
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
from PIL import Image
from tensorflow.python.framework import ops

import kerazoo
from kerazoo.data import array_source, boxes_source, masks_source
from kerazoo.deploy import Runner
from tests import tiny

SIDE, WARM = 32, 2
BOX = {"category_id": 1, "bbox": [2, 3, 8, 9], "area": 72, "iscrowd": 0}


def classifier(layers, folder):
    inputs = x = keras.Input((SIDE, SIDE, 3))
    for _ in range(layers):
        x = keras.layers.Activation("silu")(keras.layers.Conv2D(4, 1)(x))
    x = keras.layers.Dense(2, activation="softmax")(keras.layers.GlobalAveragePooling2D()(x))
    data = array_source(np.zeros((2, SIDE, SIDE, 3), "uint8"), [0, 1], classes=("a", "b"))
    return keras.Model(inputs, x), data


def detector(layers, folder):
    images = [{"id": i, "file_name": f"{i}.png", "height": SIDE, "width": SIDE} for i in range(2)]
    boxes = [{"id": i, "image_id": i, **BOX} for i in range(2)]
    categories = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    facts = {"images": images, "annotations": boxes, "categories": categories}
    pictures(folder)
    (folder / "boxes.json").write_text(json.dumps(facts))
    model = kerazoo.SSDLite(backbone=tiny.DEEP, input_shape=(SIDE, SIDE, 3), classes=2)
    return swish(model, layers), boxes_source(folder / "boxes.json")


def segmenter(layers, folder):
    pictures(folder / "images")
    (folder / "masks").mkdir()
    for i in range(2):
        mask = np.arange(SIDE * SIDE, dtype="uint8").reshape(SIDE, SIDE) % 2
        Image.fromarray(mask).save(folder / "masks" / f"{i}.png")
    (folder / "classes.txt").write_text("0 a\n1 b\n")
    model = kerazoo.LRASPP(
        input_shape=(SIDE, SIDE, 3), backbone=tiny.DEEP, classes=2, low_feature="stride_8"
    )
    return swish(model, layers), masks_source(folder)


def pictures(folder):
    folder.mkdir(exist_ok=True)
    for i in range(2):
        Image.fromarray(np.zeros((SIDE, SIDE, 3), "uint8")).save(folder / f"{i}.png")


def swish(model, layers):
    """The first activations of a network become swish."""
    for layer in [x for x in model.layers if isinstance(x, keras.layers.Activation)][:layers]:
        layer.activation = keras.activations.silu
    return model


def resident():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def grown(what, calls):
    before = gradients = 0
    for call in range(WARM + calls):
        if call == WARM:
            before, gradients = resident(), len(ops.gradient_registry._registry)
        what()
        gc.collect()  # what waits for the collector is not kept for ever
    return resident() - before, len(ops.gradient_registry._registry) - gradients


def main(task, calls, openings, layers):
    keras.utils.set_random_seed(1)
    make = {"classification": classifier, "detection": detector, "segmentation": segmenter}[task]
    how = {"preprocessing": kerazoo.Preprocessing(size=(SIDE, SIDE))}
    array = np.zeros((2, SIDE, SIDE, 3), "uint8")
    with tiny.registered(), tempfile.TemporaryDirectory() as folder:
        model, data = make(layers, Path(folder))
        found = {
            "evaluate": grown(lambda: kerazoo.evaluate(model, data, **how), calls),
            "runner": grown(lambda: Runner(model, "tensorflow", **how).predict(array), openings),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
