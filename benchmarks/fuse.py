"""Speed of networks as built and fused in several forms on CPU, as a Markdown table.

    python benchmarks/fuse.py mixnet_s shufflenet_v1 --runtime tensorflow --batch 1 --rounds 30

The forms are those of `kerazoo.deploy.fuse_forms`: mixed kernels split or merged, grouped 1x1
convolutions by group or dense, sums of depthwise convolutions as one, PReLU as a maximum. All run
in turn within every round, so that what else the machine does meets all of them alike; the median
counts, and on a busy machine the fastest run tells more.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


def forms(id: str, size: int, groups: int) -> dict:
    """Name -> model."""
    import kerazoo
    from kerazoo.deploy.fuse import _fuse
    from kerazoo.deploy.fuse_forms import Forms

    model = kerazoo.create_model(id, weights=None, input_shape=(size, size, 3))
    found = {"as built": model}
    for merged in (False, True):
        for dense in (1, groups):
            name = f"{'merged' if merged else 'split'}, {'dense' if dense > 1 else 'groups'}"
            found[name] = _fuse(model, Forms(merged, dense))
    found["merged, groups, summed"] = _fuse(model, Forms(True, 1, summed_branches=9))
    found["merged, groups, summed, short PReLU"] = _fuse(model, Forms(True, 1, 9, short_prelu=True))
    return found


def runner(model, runtime: str, x) -> Callable:
    """A function that runs the model once on `x` and returns an array."""
    import tensorflow as tf

    if runtime == "tensorflow":
        graph = tf.function(lambda x: model(x, training=False), jit_compile=False)
        picture = tf.constant(x)
        return lambda: graph(picture).numpy()
    with tempfile.TemporaryDirectory() as folder:
        if runtime == "litert":
            return _litert(model, Path(folder) / "model", x)
        return _openvino(model, Path(folder) / "model", x)


def _litert(model, path: Path, x) -> Callable:
    import tensorflow as tf

    model.export(path, verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(path))
    interpreter = tf.lite.Interpreter(model_content=converter.convert(), num_threads=2)
    inputs, outputs = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.resize_tensor_input(inputs["index"], x.shape)
    interpreter.allocate_tensors()

    def run():
        interpreter.set_tensor(inputs["index"], x)
        interpreter.invoke()
        return interpreter.get_tensor(outputs["index"])

    return run


def _openvino(model, path: Path, x) -> Callable:
    import openvino

    model.export(path, verbose=False)
    network = openvino.convert_model(path, input=x.shape)
    compiled = openvino.compile_model(network, "CPU")
    return lambda: compiled(x)[0]


def measure(models: dict, runtime: str, batch: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of every run of every form."""
    import numpy as np

    shape = (batch, *next(iter(models.values())).input_shape[1:])
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    runs = {name: runner(model, runtime, x) for name, model in models.items()}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
        run()
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--runtime", default="tensorflow")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--groups", type=int, default=8, help="dense up to so many groups")
    given = parser.parse_args()
    print(f"{given.runtime}, {given.size} pixels, batch {given.batch}, {given.rounds} rounds\n")
    print("| network | form | median ms | fastest ms | against as built |\n|---|---|--:|--:|--:|")
    for id in given.models:
        models = forms(id, given.size, given.groups)
        times = measure(models, given.runtime, given.batch, given.rounds)
        base = statistics.median(times["as built"])
        for name, runs in times.items():
            middle = statistics.median(runs)
            cells = (f"{1000 * middle:.1f}", f"{1000 * min(runs):.1f}", f"{base / middle:.2f}x")
            print(f"| {id} | {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
