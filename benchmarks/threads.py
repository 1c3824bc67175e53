"""Single pictures a second by one thread and by several on one Runner, and the ratio of the two.

    python benchmarks/threads.py [mobilenet_v2] [--threads 8] [--calls 200] [--size 224]

A runtime uses all cores for one picture already: several threads should not be slower, and are
faster where a picture leaves cores idle. One and several take turns, and the medians count.
"""

import argparse
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import kerazoo
from kerazoo.deploy import Runner

WAYS = {
    "tensorflow": {},
    "openvino": {},
    "openvino streams": {"streams": True},
    "onnx": {},
    "litert": {},
}


def rate(run, x, threads: int, calls: int) -> float:
    """Calls a second."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, [x] * threads))  # threads are there, and each has its request
        start = time.perf_counter()
        list(pool.map(run, [x] * calls))
        return calls / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="mobilenet_v2")
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=224)
    args = parser.parse_args()
    shape = (args.size, args.size, 3)
    model = kerazoo.create_model(args.model, weights=None, input_shape=shape)
    x = np.random.default_rng(0).normal(size=(1, *shape)).astype("float32")
    print(f"{args.model}, {args.size} px: pictures a second, {args.threads} threads beside one")
    for way, options in WAYS.items():
        run = Runner(model, way.partition(" ")[0], **options)
        found = {threads: [] for threads in (1, args.threads)}
        for _ in range(args.rounds):
            for threads, rates in found.items():
                rates.append(rate(run, x, threads, args.calls))
        one, many = (statistics.median(rates) for rates in found.values())
        print(f"{way:18} {one:8.1f} {many:8.1f}   x {many / one:.2f}", flush=True)


if __name__ == "__main__":
    main()
