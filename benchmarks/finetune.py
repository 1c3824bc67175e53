"""`kerazoo finetune` with its defaults alone, beside scikit-learn on the same features.

    python benchmarks/finetune.py [pets37 cifar10 pets3] [--shared ../shared] [--weights FILE]

Each set is fine-tuned as a user does it, by the command with its defaults in a process of its own.
Seconds are those of the whole command; with `--probe-only` of one with `--unfreeze-epochs 0`. The
probe's figure is that of the command's first phase. scikit-learn's `LogisticRegression` with its
defaults learns from all training pictures of the command, the held-out ones included, as the
network in the command's folder sees them, at the same size. Needs the data of `../shared`: 37
breeds of pets (222 pictures), 1,000 pictures of CIFAR-10, three breeds (220 pictures); and
scikit-learn.

Prints a Markdown table: right answers on the test pictures in percent, and the 95 % interval of
the last column.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

MODEL = "mobilenet_v2"
WEIGHTS = "weights/mobilenet_v2_1.0_224_imagenet_dequant.weights.h5"
LIMIT = 1000  # steps of scikit-learn's solver


def options(name: str, shared: Path, folder: Path) -> list[str]:
    """What says which pictures: all else is left to the defaults."""
    if name == "pets37":
        return ["--data", str(shared / "pets37")]
    if name == "cifar10":
        splits = ["--train", "train[:1000]", "--test", "test[:1000]"]
        return ["--data", "cifar10", "--data-dir", str(shared / "tfds"), *splits]
    return ["--data", str(breeds(shared / "pets3_seg", folder / "pets3"))]


def breeds(source: Path, folder: Path) -> Path:
    """The three breeds of `pets3_seg` as `train/` and `test/`, its `val`, with links."""
    for split, part in (("train", "train"), ("test", "val")):
        for line in (source / f"ImageSets/Main/{part}.txt").read_text().split():
            place = folder / split / line.rpartition("_")[0]
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{line}.jpg").symlink_to((source / f"JPEGImages/{line}.jpg").resolve())
    return folder


def finetune(words: list[str], output: Path, *further: str) -> tuple[dict, float]:
    """Result and seconds of a command."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "kerazoo.cli", "finetune", MODEL, *words]
    subprocess.run([*command, "--output", str(output), *further], check=True, stdout=sys.stderr)
    return json.loads((output / "run.json").read_text())["result"], time.perf_counter() - start


def regression(output: Path, words: list[str]) -> float:
    """Share of right answers of scikit-learn's regression on the network's features."""
    import keras
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    from kerazoo.data.classes import with_classes
    from kerazoo.data.open import open_source
    from kerazoo.data.pipeline import evaluation_batches
    from kerazoo.inference import inference_function
    from kerazoo.open import open_model

    # After the probe the trunk is still the pretrained one.
    model = open_model(output / "1_probe" / "model.weights.h5")
    run = inference_function(keras.Model(model.inputs, model.get_layer("predictions").input))

    def features(source):
        batches = evaluation_batches(source, model.info.preprocessing, 32)
        found = [(run(pictures.numpy()), labels.numpy()) for pictures, labels in batches]
        return (np.concatenate(each) for each in zip(*found, strict=True))

    given = dict(zip(words[::2], words[1::2], strict=True))
    data, where = given["--data"], {"data_dir": given.get("--data-dir")}
    train = open_source(data, given.get("--train", "train"), **where)
    test = with_classes(open_source(data, given.get("--test", "test"), **where), train.classes)
    fitted = LogisticRegression(max_iter=LIMIT).fit(*features(train))
    return float(fitted.score(*features(test)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", default=["pets37", "cifar10", "pets3"])
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument("--weights", type=Path, help=f"default: {WEIGHTS} of --shared")
    parser.add_argument("--probe-only", action="store_true", help="leave all layers out")
    args = parser.parse_args()
    weights = ["--weights", str(args.weights or args.shared / WEIGHTS)]
    print("| set | regression % | probe % | defaults % | s | kept | pictures | 95 % interval |")
    print("|---|---:|---:|---:|---:|---|---:|---|", flush=True)
    further = ["--unfreeze-epochs", "0"] if args.probe_only else []
    for name in args.sets:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            words = options(name, args.shared, folder)
            result, seconds = finetune(words + weights, folder / "run", *further)
            theirs = regression(folder / "run", words)
        low, high = result["interval"]
        print(
            f"| {name} | {100 * theirs:.1f} | {100 * result['phases']['1_probe']:.1f} "
            f"| {100 * result['accuracy']:.1f} | {seconds:.0f} | {result['kept'][2:]} "
            f"| {result['pictures']} | {100 * low:.1f} to {100 * high:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
