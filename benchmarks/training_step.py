"""A training step of MixNet-S on CIFAR-sized pictures, in the forms that its layers could have.

    python benchmarks/training_step.py [--batch 128] [--rounds 6]

* `kerazoo`: as it is: split mixed kernels, 1x1 convolutions by group, our batch norm;
* `merged`: all kernels of a mixed convolution as one of the largest size, at every step;
* `dense`: grouped 1x1 convolutions with one kernel, zeros between the groups, at every step;
* `keras_batch_norm`: with `keras.layers.BatchNormalization`.

Channels come last in all: TensorFlow has no depthwise convolution with channels first on CPU
(`--formats` shows what it says). All run in turn in one process; milliseconds a picture.
peers.py runs the same step beside timm's.
"""

import argparse
import contextlib
from unittest import mock

VARIANTS = ("kerazoo", "merged", "dense", "keras_batch_norm")


def training_step(batch: int, variant: str = "kerazoo"):
    """A step on fixed random pictures, as a function; traced already. And the model."""
    import keras
    import tensorflow as tf

    import kerazoo
    from kerazoo.layers import MixConv2D

    model = kerazoo.MixNetS(
        weights=None,
        classes=10,
        input_shape=(32, 32, 3),
        stem_strides=1,
        classifier_activation=None,
    )
    if variant == "merged":
        for layer in model.layers:
            if isinstance(layer, MixConv2D):
                layer.implementation = "merged"
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)
    optimizer.build(model.trainable_variables)
    x = tf.random.normal((batch, 32, 32, 3))
    y = tf.random.uniform((batch,), 0, 10, tf.int32)

    @tf.function(jit_compile=False)
    def step():
        with tf.GradientTape() as tape:
            value = loss(y, model(x, training=True))
        gradients = tape.gradient(value, [v.value for v in model.trainable_variables])
        optimizer.apply(gradients, model.trainable_variables)
        return value

    with _patched(variant):
        step()
    return lambda: step().numpy(), model


def _patched(variant: str):
    import keras

    from kerazoo.layers import BatchNormalization, GroupedPointwiseConv2D

    if variant == "keras_batch_norm":
        call = keras.layers.BatchNormalization.call
        return mock.patch.object(BatchNormalization, "call", call)
    if variant == "dense":
        return mock.patch.object(GroupedPointwiseConv2D, "call", _dense_call)
    return contextlib.nullcontext()


def _dense_call(layer, inputs):
    """`GroupedPointwiseConv2D.call` with one kernel."""
    from keras import ops

    rows, first = [], 0
    for kernel in layer.kernels:
        last = first + kernel.shape[-1]
        margins = [[0, 0], [0, 0], [0, 0], [first, layer.filters - last]]
        rows.append(ops.pad(kernel, margins))
        first = last
    return ops.conv(
        inputs, ops.concatenate(rows, axis=2), padding="valid", data_format="channels_last"
    )


def channels_first() -> str:
    """What TensorFlow says to a depthwise convolution with channels first."""
    import tensorflow as tf

    try:
        tf.nn.depthwise_conv2d(
            tf.ones((1, 4, 8, 8)), tf.ones((3, 3, 4, 1)), [1] * 4, "SAME", data_format="NCHW"
        )
    except (tf.errors.OpError, ValueError) as error:
        return str(error).splitlines()[0]
    return "works"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--formats", action="store_true", help="only try channels first")
    args = parser.parse_args()
    if args.formats:
        print(channels_first())
        return
    from kerazoo.benchmark.report import table
    from kerazoo.benchmark.timing import round_robin, summary

    steps = {name: training_step(args.batch, name)[0] for name in VARIANTS}
    rows = []
    for name, seconds in round_robin(steps, args.rounds, repeats=1).items():
        found = summary(seconds, args.batch)
        times = (found[key] / args.batch for key in ("median_ms", "fastest_ms"))
        rows.append((name, *(f"{ms:.3f}" for ms in times)))
    print(table(("form", "median ms a picture", "fastest"), rows, left=1))


if __name__ == "__main__":
    main()
