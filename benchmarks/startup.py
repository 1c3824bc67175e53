"""What a user waits for: import, listing, building MixNet-M, loading weights, the first prediction.

    python benchmarks/startup.py [--runs 5] [--backends tensorflow jax torch]

Prints Markdown tables of medians, in seconds. Building and loading are timed inside a process that
has imported Keras already, on each backend that is installed; `drawn by Keras` is the same network
with values drawn one by one as the layers are made, and the ratio is to that. Weights are random
ones in a local safetensors file of the real size, which is what a cached download is. The second
table has `kerazoo predict` on one picture: all of a process, and the parts of it; then the same of
files that `kerazoo export` wrote, which need their own runtime alone, and the share of what the
weights take. `--only-predict` leaves out the first table.
"""

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BUILD = """
import contextlib, sys, time
import keras, kerazoo
from kerazoo.models import _constructor
kerazoo.create_model("mobilenet_v1_025", weights=None, input_shape=(32, 32, 3))  # warm Keras up
def seconds(**arguments):
    start = time.perf_counter()
    model = kerazoo.MixNetM(**arguments)
    return model, time.perf_counter() - start
model, built = seconds(weights=None)
if sys.argv[2] == "save":
    from kerazoo.checkpoints.hub_config import WEIGHTS
    from kerazoo.publish.hub import hub_files
    open(sys.argv[1], "wb").write(hub_files(model, "a/b", licence="mit")[WEIGHTS])
else:
    _, loaded = seconds(weights=sys.argv[1])
    _constructor.late_values = contextlib.nullcontext
    # In a process that has built two: JAX has compiled some shapes then, which favours this.
    _, drawn = seconds(weights=None)
    print(built, loaded, drawn)
"""

PREDICT = """
import sys, time
start = time.perf_counter()
def passed():
    global start
    start, before = time.perf_counter(), start
    return start - before
from kerazoo.cli._quiet import import_keras
import_keras("tensorflow")
parts = [passed()]
from kerazoo.prediction import open_predictor
parts.append(passed())
predictor = open_predictor("mixnet_m", weights=sys.argv[1], preprocessing=None, like=sys.argv[3])
parts.append(passed())
predictor.predict([sys.argv[2]])
parts.append(passed())
predictor.predict([sys.argv[2]])
print(*parts, passed())
"""
EXPORT = """
import sys
import kerazoo
from kerazoo.deploy import export
model = kerazoo.MixNetM(weights=sys.argv[1], like=sys.argv[2])
for path in sys.argv[3:]:
    formats = {"onnx": "onnx", "xml": "openvino", "tflite": "litert"}
    export(model, path, formats[path.rpartition(".")[2]], labels="imagenet")
"""
# File of each runtime, and the module without which there is none of it.
RUNTIMES = {"onnx": "onnxruntime", "xml": "openvino", "tflite": "ai_edge_litert"}
PARTS = ("import Keras and TensorFlow", "import kerazoo", "build, load, trace")
PARTS += ("first picture", "every further call")
LIKE = "timm/mixnet_m.ft_in1k"  # preprocessing for weights that say nothing of it


def process_seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def printed(script: str, *arguments: str, backend: str = "tensorflow") -> list[float]:
    """The numbers in the last line of what a script prints."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "KERAS_BACKEND": backend},
        check=True,
        capture_output=True,
        text=True,
    )
    return [float(word) for word in done.stdout.splitlines()[-1].split()]


def table(rows: dict[str, list[float]]) -> str:
    lines = ["| what | median s | min | max |", "|---|---:|---:|---:|"]
    for name, seconds in rows.items():
        middle = statistics.median(seconds)
        lines.append(f"| {name} | {middle:.2f} | {min(seconds):.2f} | {max(seconds):.2f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--backends", nargs="+", default=["tensorflow", "jax", "torch"])
    parser.add_argument("--only-predict", action="store_true")
    args = parser.parse_args()
    runs, python = range(args.runs), sys.executable
    commands = {
        "`python -c pass`": [python, "-c", "pass"],
        "`import kerazoo` (process)": [python, "-c", "import kerazoo"],
        "`kerazoo list` (process)": [python, "-m", "kerazoo.cli", "list"],
    }
    if args.only_predict:
        commands, args.backends = {}, []
    rows = {name: [process_seconds(command) for _ in runs] for name, command in commands.items()}
    parts: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        file, picture = (str(Path(folder) / name) for name in ("mixnet_m.safetensors", "a.jpg"))
        subprocess.run([python, "-c", BUILD, file, "save"], check=True, capture_output=True)
        _noise(picture)
        there = [name for name, module in RUNTIMES.items() if importlib.util.find_spec(module)]
        files = [str(Path(folder) / f"mixnet_m.{name}") for name in there]
        subprocess.run([python, "-c", EXPORT, file, LIKE, *files], check=True, capture_output=True)
        backends = [name for name in args.backends if importlib.util.find_spec(name)]
        for _ in runs:
            for backend in backends:
                found = printed(BUILD, file, "time", backend=backend)
                names = ("weights=None", "cached weights", "drawn by Keras")
                for name, seconds in zip(names, found, strict=True):
                    rows.setdefault(f"`MixNetM`, {name}, {backend}", []).append(seconds)
            command = [python, "-m", "kerazoo.cli", "predict", "mixnet_m", picture]
            command += ["--weights", file, "--like", LIKE]
            parts.setdefault("`kerazoo predict` (process)", []).append(process_seconds(command))
            for path in files:
                what = f"`kerazoo predict {Path(path).name}` (process)"
                command = [python, "-m", "kerazoo.cli", "predict", path, picture]
                parts.setdefault(what, []).append(process_seconds(command))
            for name, seconds in zip(PARTS, printed(PREDICT, file, picture, LIKE), strict=True):
                parts.setdefault(name, []).append(seconds)
    if rows:
        print(table(rows))
    for backend in backends:
        drawn = statistics.median(rows[f"`MixNetM`, drawn by Keras, {backend}"])
        shares = (
            f"{name} {statistics.median(rows[f'`MixNetM`, {name}, {backend}']) / drawn:.2f}"
            for name in ("weights=None", "cached weights")
        )
        print(f"\n{backend}, in units of what Keras takes to draw: {', '.join(shares)}")
    print(f"\n{table(parts)}")
    whole = statistics.median(parts["`kerazoo predict` (process)"])
    shares = [
        f"{name} {statistics.median(seconds) / whole:.2f}"
        for name, seconds in parts.items()
        if name.startswith("`kerazoo predict mixnet_m.")
    ]
    print(f"\nIn units of what `kerazoo predict` takes with weights: {', '.join(shares)}")


def _noise(path: str) -> None:
    import numpy as np
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (375, 500, 3), "uint8")
    Image.fromarray(pixels).save(path)


if __name__ == "__main__":
    main()
