"""TensorFlow's kernels on CPU with oneDNN and without: a forward pass and a training step of each.

    python benchmarks/onednn.py [--size 128] [--batch 16] [NAME ...]

By itself TensorFlow uses oneDNN only where the processor has instructions made for networks.
`kerazoo`'s commands use it everywhere; a Python program asks for it with the environment variable
`TF_ENABLE_ONEDNN_OPTS=1`, before TensorFlow is imported. One process a setting, in turn;
milliseconds of processor time, the least of the rounds.

Prints a Markdown table: without, with, and how many times faster that is.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

NAMES = ("mobilenet_v2", "mixnet_s", "resnet18", "espnetv2")
WORK = ("forward", "training step")


def measure(name: str, size: int, batch: int, rounds: int) -> dict[str, float]:
    """Milliseconds of each kind of work, in this process."""
    import keras
    import numpy as np
    import tensorflow as tf

    import kerazoo

    model = kerazoo.create_model(name, weights=None, classes=10, input_shape=(size, size, 3))
    optimizer = keras.optimizers.SGD(0.001, momentum=0.9)
    optimizer.build(model.trainable_variables)
    rng = np.random.default_rng(0)
    x = tf.constant(rng.random((batch, size, size, 3), "float32"))
    y = tf.constant(rng.integers(0, 10, batch))
    loss = keras.losses.SparseCategoricalCrossentropy()

    @tf.function
    def step() -> None:
        with tf.GradientTape() as tape:
            value = loss(y, model(x, training=True))
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)

    @tf.function
    def forward() -> tf.Tensor:
        return model(x, training=False)

    return dict(zip(WORK, (_least(forward, rounds), _least(step, rounds)), strict=True))


def _least(function: Callable, rounds: int) -> float:
    """Milliseconds of processor time of the fastest round, after one that traces."""
    found = []
    for _ in range(1 + rounds):
        start = time.process_time()
        function()
        found.append(1e3 * (time.process_time() - start))
    return min(found[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", metavar="NAME", nargs="*", default=NAMES)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    sizes = (args.size, args.batch, args.rounds)
    if args.here:
        print(json.dumps(measure(args.names[0], *sizes)))
        return
    print("| network | work | without, ms | with, ms | times faster |")
    print("|---|---|---:|---:|---:|", flush=True)
    options = [f"--size={args.size}", f"--batch={args.batch}", f"--rounds={args.rounds}"]
    for name in args.names:
        without, using = (_elsewhere([name, *options], setting) for setting in "01")
        for work in WORK:
            cells = (f"{without[work]:.0f}", f"{using[work]:.0f}")
            print(
                f"| {name} | {work} | {' | '.join(cells)} | {without[work] / using[work]:.2f} |",
                flush=True,
            )


def _elsewhere(words: list[str], setting: str) -> dict[str, float]:
    """What a process with this setting measures, on one thread."""
    environment = {
        **os.environ,
        "TF_ENABLE_ONEDNN_OPTS": setting,
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, __file__, *words, "--here"]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
