"""Times ways to compute grouped convolutions: `python benchmarks/grouped_conv.py [batch]`.

Milliseconds of the forward pass and of a training step (forward and gradients), best of five, for
the 3x3 layers of ResNeXt-50 and two 1x1 layers of ShuffleNet v1. `Conv2D` is Keras' own (compiled
with XLA where the backend is TensorFlow), and so slow in training that it is timed once.
"""

import sys
import time

import keras
import numpy as np
import tensorflow as tf

from kerazoo.layers import GroupedConv2D

LAYERS = (  # height and width, channels, groups, kernel size
    (56, 128, 32, 3),
    (28, 256, 32, 3),
    (14, 512, 32, 3),
    (7, 1024, 32, 3),
    (28, 240, 3, 1),
    (28, 384, 8, 1),
)


class Split(GroupedConv2D):
    """One dense convolution a group: what GroupedConv2D does where it must."""

    def convolution_op(self, inputs, kernel):
        return self._split_op(inputs, kernel)


def measure(layer, x, train: bool, repeats: int) -> float:
    @tf.function
    def step():
        if not train:
            return layer(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(tf.square(layer(x)))
        return tape.gradient(loss, [x, layer.kernel.value])

    step()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        tf.nest.map_structure(np.asarray, step())
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def main() -> None:
    batch = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    print("layer (size, channels, groups, kernel): forward / training step, ms")
    for size, channels, groups, kernel in LAYERS:
        x = tf.random.normal((batch, size, size, channels))
        cells = []
        for kind in (GroupedConv2D, Split, keras.layers.Conv2D):
            layer = kind(channels, kernel, padding="same", groups=groups, use_bias=False)
            layer.build(x.shape)
            repeats = 1 if kind is keras.layers.Conv2D else 5
            forward, step = (measure(layer, x, train, repeats) for train in (False, True))
            cells.append(f"{kind.__name__} {forward:.1f} / {step:.1f}")
        print(f"{(size, channels, groups, kernel)}: {'  '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
