"""Every export of three networks on real pictures, beside the Keras network: size and accuracy.

    python benchmarks/export_accuracy.py --shared ../shared

* MixNet-S for CIFAR-10: pictures of the test set, int8 calibrated with 300 of the training set.
* MobileNetV2 on ImageNet pictures: int8 calibrated with the first 100 of 500, measured on the rest.
* ESPNetv2 s=1.0 on the same: trained features under a classifier with random weights (no trained
  one can be had offline), so that agreement counts and accuracy does not exist.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

import kerazoo
from kerazoo.data.pipeline import evaluation_batches
from kerazoo.data.tfds import tfds_source
from kerazoo.deploy import Runner, export
from kerazoo.deploy.exporting import FORMATS
from kerazoo.inference import inference_function, picture_preprocessing

sys.path.append(str(Path(__file__).parents[1] / "tools"))
from trunk_weights import load_trunk

BATCH = 50


def mixnet(shared: Path):
    return kerazoo.MixNetS(weights="cifar10")


def mobilenet(shared: Path):
    weights = shared / "weights/mobilenet_v2_1.0_224_imagenet_dequant.weights.h5"
    return kerazoo.MobileNetV2(weights=str(weights))


def espnet(shared: Path):
    keras.utils.set_random_seed(0)
    # Logits: a random classifier's probabilities are all near 0.001, and LiteRT's int8 softmax
    # counts in steps of 1/256.
    model = kerazoo.ESPNetV2(scale=1.0, weights=None, classifier_activation=None)
    load_trunk(model, shared / "weights/espnetv2_seg/espnetv2_s_1.0_pascal_256x256.pth")
    return model


# Name -> (network, data set, calibration, evaluation, whether it is trained to the end).
CASES = {
    "mixnet_s": (mixnet, "cifar10", "train[:300]", "test", True),
    "mobilenet_v2": (mobilenet, "imagenet2012", "validation[:100]", "validation[100:]", True),
    "espnetv2_s_1_0": (espnet, "imagenet2012", "validation[:100]", "validation[100:]", False),
}


def pictures(source, preprocessing, limit):
    batches = evaluation_batches(source, preprocessing, BATCH, min(limit, source.count))
    x, y = zip(*((x.numpy(), y.numpy()) for x, y in batches), strict=True)
    return np.concatenate(x), np.concatenate(y)


def scores(run, x):
    return np.concatenate([run(x[i : i + BATCH]) for i in range(0, len(x), BATCH)])


def compare(name: str, args, folder: Path) -> None:
    make, data, calibration, evaluation, trained = CASES[name]
    model = make(args.shared)
    # ESPNetv2 without weights has no preprocessing of its own: its authors' is that of ImageNet.
    preprocessing = None if trained else kerazoo.Preprocessing()
    load = lambda split: tfds_source(data, split, data_dir=args.shared / "tfds")  # noqa: E731
    x, y = pictures(load(evaluation), picture_preprocessing(model, preprocessing), args.pictures)
    expected = scores(inference_function(model), x)
    top1 = lambda found: 100 * (found.argmax(1) == y).mean()  # noqa: E731
    shown = f"{top1(expected):.2f}" if trained else "–"
    print(f"| {name} | Keras | float32 | – | – | – | {shown} | {len(y)} |", flush=True)
    for kind in FORMATS.values():
        for precision in kind.precisions:
            path = folder / f"{name}_{precision}{kind.suffix}"
            int8 = precision == "int8"
            export(
                *(model, path, kind.name),
                precision=precision,
                preprocessing=preprocessing,
                representative=load(calibration) if int8 else None,
            )
            runner = Runner(path)
            found = scores(runner, x)
            same = 100 * (found.argmax(1) == expected.argmax(1)).mean()
            error = np.abs(found - expected).max()
            shown = f"{top1(found):.2f}" if trained else "–"
            cells = (name, kind.title, precision, f"{runner.file_size / 1e6:.1f}", f"{error:.1e}")
            print("|", " | ".join((*cells, f"{same:.1f}", shown, str(len(y)))), "|", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="real data")
    parser.add_argument("--pictures", type=int, default=2000, help="at most, a network")
    parser.add_argument("--models", nargs="+", choices=CASES, default=list(CASES))
    args = parser.parse_args()
    print(
        "| model | format | precision | MB | largest difference | same top-1 (%) | top-1 (%) | n |"
    )
    print("|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in args.models:
            compare(name, args, Path(folder))


if __name__ == "__main__":
    main()
