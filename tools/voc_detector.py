"""The SSDLite of 20 VOC classes that ncnn's 8-bit file holds, as a whole model.

    python tools/voc_detector.py ssdlite_mobilenet_v2_voc_int8.npz ssdlite_mobilenet_v2_voc.keras

The file was read from ncnn's: it says neither its classes nor how pictures are prepared. Those are
put into the model, which `kerazoo evaluate`, `predict` and training then take by the name of its
file.
"""

import argparse
import dataclasses

import kerazoo
from kerazoo.preprocessing import Preprocessing

PREPARED = Preprocessing(
    size=(300, 300),
    fit="stretch",
    interpolation="bilinear",
    antialias=False,
    rounding="round",
    mean=(0.5,) * 3,
    std=(0.5,) * 3,
)


def build(path: str):
    """The model with the weights of a file."""
    model = kerazoo.SSDLiteMobileNetV2(
        weights=path, classes=20, rules="caffe", input_shape=(300, 300, 3)
    )
    model.info = dataclasses.replace(model.info, labels="voc", preprocessing=PREPARED)
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", help=".npz")
    parser.add_argument("output", help=".keras")
    args = parser.parse_args()
    build(args.weights).save(args.output)
