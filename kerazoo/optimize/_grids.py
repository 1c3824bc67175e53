"""What TF-MOT's wrappers put on the grid of int8: kernels by channel, activations by range."""

from typing import Any

import tensorflow as tf

from kerazoo.optimize._tfmot import legacy

_quantization = legacy().tfmot.quantization.keras
_MOMENTUM = 0.99  # TF-MOT's 0.999 goes a tenth of the way in 100 steps
MOST = 0.95


class KernelGrid(_quantization.quantizers.Quantizer):
    """Symmetric int8 with a scale of its own for each output channel, -127 to 127 as in LiteRT.

    TF-MOT's own scales are by the last axis alone, which in depthwise kernels has one element.

    Args:
        axes: Those that share a scale.
    """

    def __init__(self, axes: tuple[int, ...]):
        self.axes = tuple(axes)

    def build(self, tensor_shape, name, layer):
        return {}  # computed of the kernel at every step: nothing to remember

    def __call__(self, inputs, training, weights, **kwargs):
        peak = tf.reduce_max(tf.abs(inputs), self.axes, keepdims=True)
        scale = tf.maximum(tf.stop_gradient(peak), 1e-9) / 127.0
        return inputs + tf.stop_gradient(tf.round(inputs / scale) * scale - inputs)

    def get_config(self):
        return {"axes": self.axes}


class MovingRange(_quantization.quantizers.Quantizer):
    """The moving average of the range that most pictures of a batch stay in.

    TF-MOT's own takes the extremes of the batch. With the MixNet-S trained here on CIFAR-10 one
    picture of 300 is at 700 in layers where the median one stays under 1.
    """

    def build(self, tensor_shape, name, layer):
        def add(which, value):
            return layer.add_weight(
                f"{name}_{which}",
                initializer=legacy().keras.initializers.Constant(value),
                trainable=False,
            )

        return {"low": add("low", -6.0), "high": add("high", 6.0)}

    def __call__(self, inputs, training, weights, **kwargs):
        low, high = weights["low"], weights["high"]
        if training:
            now_low, now_high = range_of_most(*picture_extremes(inputs))
            low = low.assign(low * _MOMENTUM + now_low * (1 - _MOMENTUM))
            high = high.assign(high * _MOMENTUM + now_high * (1 - _MOMENTUM))
        return tf.quantization.fake_quant_with_min_max_vars(inputs, low, high)

    def get_config(self):
        return {}


class FixedRange(_quantization.quantizers.Quantizer):
    """Where LiteRT lays down the range: sigmoid, softmax and tanh."""

    def __init__(self, low: float, high: float):
        self.low, self.high = low, high

    def build(self, tensor_shape, name, layer):
        return {}

    def __call__(self, inputs, training, weights, **kwargs):
        return tf.quantization.fake_quant_with_min_max_args(inputs, self.low, self.high)

    def get_config(self):
        return {"low": self.low, "high": self.high}


def picture_extremes(x):
    """The least and the largest value of each picture, `(batch,)` and `(batch,)`."""
    flat = tf.reshape(x, (tf.shape(x)[0], -1))
    return tf.reduce_min(flat, 1), tf.reduce_max(flat, 1)


def range_of_most(lows, highs):
    """What 95 % of the pictures stay above, and below; zero is always inside."""
    last = tf.cast(MOST * tf.cast(tf.shape(lows)[0] - 1, tf.float32) + 0.999, tf.int32)
    low = tf.sort(lows, direction="DESCENDING")[last]
    high = tf.sort(highs)[last]
    return tf.minimum(low, 0.0), tf.maximum(high, 1e-6)


class Grids(_quantization.QuantizeConfig):
    """The grids of one layer.

    Args:
        kernel: Attribute of the kernel; None for layers without one.
        axes: Of it that share a scale.
        output: `"moving"`, a fixed `(low, high)`, or None to leave the output as it is.
    """

    def __init__(self, kernel: Any = None, axes=(), output: Any = None):
        self.kernel: Any = kernel
        self.axes = tuple(axes)
        self.output: Any = output if output in (None, "moving") else tuple(output)

    def get_weights_and_quantizers(self, layer):
        return [(getattr(layer, self.kernel), KernelGrid(self.axes))] if self.kernel else []

    def get_activations_and_quantizers(self, layer):
        return []

    def set_quantize_weights(self, layer, quantize_weights):
        for value in quantize_weights:
            setattr(layer, self.kernel, value)

    def set_quantize_activations(self, layer, quantize_activations):
        pass

    def get_output_quantizers(self, layer):
        if self.output is None:
            return []
        return [MovingRange() if self.output == "moving" else FixedRange(*self.output)]

    def get_config(self):
        return {"kernel": self.kernel, "axes": self.axes, "output": self.output}
