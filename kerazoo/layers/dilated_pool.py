"""Average pooling of a dilated window."""

import keras
from keras import ops

from kerazoo._checks import check_int, checked
from kerazoo._errors import invalid
from kerazoo._rules import is_int

POOL_PADDINGS = ("same", "valid")


@keras.saving.register_keras_serializable(package="kerazoo")
class DilatedAveragePooling2D(keras.layers.Layer):
    """The mean of every `dilation_rate`-th pixel of a window, at stride 1.

    What becomes of average pooling with a stride in a network whose strides are left out; Keras has
    no such pooling. It runs as a depthwise convolution.

    Input `(batch, height, width, channels)`, spatial sizes may be unknown; output the same, with
    `padding="valid"` smaller by `dilation_rate * (pool_size - 1)`.

    Args:
        pool_size: An odd number.
        dilation_rate: 1 or more.
        padding: `"same"` (pixels outside the map do not count) or `"valid"`.

    Raises:
        ValueError: for an even pool size, a dilation below 1 or an unknown padding.
    """

    @checked("pool_size", "dilation_rate", "padding")
    def __init__(self, pool_size: int = 3, dilation_rate: int = 1, padding: str = "same", **kwargs):
        super().__init__(**kwargs)
        if not is_int(pool_size) or pool_size < 1 or pool_size % 2 == 0:
            raise invalid("pool_size", pool_size, "an odd positive integer")
        check_int("dilation_rate", dilation_rate)
        if padding not in POOL_PADDINGS:
            raise invalid("padding", padding, f"one of {POOL_PADDINGS}")
        self.pool_size, self.dilation_rate, self.padding = pool_size, dilation_rate, padding
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs):
        sums = self._sums(inputs)
        if self.padding == "valid":
            return sums / self.pool_size**2
        return sums / self._sums(ops.ones_like(inputs[:1, :, :, :1]))

    def _sums(self, inputs):
        ones = ops.ones((self.pool_size, self.pool_size, inputs.shape[-1], 1), inputs.dtype)
        return ops.depthwise_conv(
            inputs,
            ones,
            padding=self.padding,
            data_format="channels_last",
            dilation_rate=self.dilation_rate,
        )

    def compute_output_shape(self, input_shape):
        less = 0 if self.padding == "same" else self.dilation_rate * (self.pool_size - 1)
        spatial = [None if n is None else n - less for n in input_shape[1:3]]
        return (input_shape[0], *spatial, input_shape[-1])

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "dilation_rate": self.dilation_rate,
            "padding": self.padding,
        }
