"""A training step of MixNet-S on CIFAR-sized pictures, with our batch norm and with Keras' own.

    python benchmarks/training_step.py [--batch 128] [--rounds 6]

Both networks run in turn in one process; medians in milliseconds a picture.
"""

import argparse
import statistics
import time
from unittest import mock

import keras
import tensorflow as tf

import kerazoo
from kerazoo.layers import BatchNormalization


def training_step(batch: int):
    """A compiled step on fixed random pictures; its first calls, which trace it, are done."""
    model = kerazoo.MixNetS(
        weights=None,
        classes=10,
        input_shape=(32, 32, 3),
        stem_strides=1,
        classifier_activation=None,
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)
    optimizer.build(model.trainable_variables)
    x = tf.random.normal((batch, 32, 32, 3))
    y = tf.random.uniform((batch,), 0, 10, tf.int32)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            value = loss(y, model(x, training=True))
        gradients = tape.gradient(value, [v.value for v in model.trainable_variables])
        optimizer.apply(gradients, model.trainable_variables)
        return value

    step()
    step()
    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=6)
    args = parser.parse_args()
    steps = {"kerazoo": training_step(args.batch)}
    with mock.patch.object(BatchNormalization, "call", keras.layers.BatchNormalization.call):
        steps["keras.layers.BatchNormalization"] = training_step(args.batch)
    times = {name: [] for name in steps}
    for _ in range(args.rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            times[name].append(1e3 * (time.perf_counter() - start) / args.batch)
    print("| batch norm | median ms a picture | fastest |\n|---|---:|---:|")
    for name, values in times.items():
        print(f"| {name} | {statistics.median(values):.2f} | {min(values):.2f} |")


if __name__ == "__main__":
    main()
