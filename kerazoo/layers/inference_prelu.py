"""PReLU in fewer operations, for inference."""

import keras
from keras import ops

from kerazoo._checks import checked
from kerazoo.layers.prelu import PReLU


@keras.saving.register_keras_serializable(package="kerazoo")
class InferencePReLU(PReLU):
    """`PReLU` as `max(x, alpha * x)`, or as `relu(x) + alpha * min(x, 0)` for slopes above 1.

    `kerazoo.deploy.fuse` makes it of a trained PReLU, whose five operations become two or four;
    with two, ESPNetv2 takes three quarters of the time in TensorFlow on CPU
    (`benchmarks/fuse.py`).

    With `convolved` it is `x + relu((alpha - 1) * x)`, less `relu((1 - alpha) * x)` for slopes
    above 1, the products being 1x1 depthwise convolutions. That is for LiteRT in int8, which is
    slow at PReLU and at products by channel, but fast at these with ReLU in one. A maximum is fast
    there as well, but its outputs drift upwards, and a trained ESPNetv2 gets most pictures wrong.

    Input and output: `(batch, height, width, channels)`.

    Args:
        bounded: Whether no slope exceeds 1 (negative ones do not matter), as the first form needs.
            Nobody checks the slopes.
        convolved: Whether to take the form with convolutions.
        **kwargs: As in `PReLU`.
    """

    @checked("bounded", "convolved")
    def __init__(self, bounded: bool = False, convolved: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.bounded, self.convolved = bool(bounded), bool(convolved)

    def call(self, inputs):
        if self.convolved:
            outputs = ops.add(inputs, self._part(inputs, self.alpha - 1.0))
            return outputs if self.bounded else outputs - self._part(inputs, 1.0 - self.alpha)
        if self.bounded:
            return ops.maximum(inputs, ops.multiply(inputs, self.alpha))
        negative = ops.multiply(ops.minimum(inputs, 0.0), self.alpha)
        return ops.add(ops.relu(inputs), negative)

    def _part(self, inputs, factors):
        """`relu(min(factors, 0) * inputs)`."""
        kernel = ops.reshape(ops.minimum(factors, 0.0), (1, 1, -1, 1))
        return ops.relu(ops.depthwise_conv(inputs, kernel, data_format="channels_last"))

    def get_config(self):
        return {**super().get_config(), "bounded": self.bounded, "convolved": self.convolved}
