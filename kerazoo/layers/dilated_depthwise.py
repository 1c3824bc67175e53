"""Depthwise convolution with stride and dilation together."""

import keras
from keras import ops

from kerazoo._errors import invalid
from kerazoo._layer_facts import kernel_macs
from kerazoo.layers._convolution import convolve_depthwise
from kerazoo.layers.padding import PADDINGS


@keras.saving.register_keras_serializable(package="kerazoo")
class StridedDilatedDepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """`keras.layers.DepthwiseConv2D` that has a stride and a dilation at the same time.

    TensorFlow offers no such operation, so the convolution runs at stride 1 and every second row
    and column is kept. Where the stride divides the dilation, only the kept ones meet each other:
    then they are picked first and no work is wasted.

    Input `(batch, height, width, channels)`, spatial sizes may be unknown; output
    `(batch, ceil(height / strides), ceil(width / strides), channels)`.

    Args:
        kernel_size: An odd number.
        strides: 1 or more, the same for height and width.
        dilation_rate: 1 or more, likewise.
        padding: `"symmetric"` (PyTorch's `dilation * (kernel - 1) / 2` on every side: the first
            row is kept) or `"same"` (TensorFlow's rule: at stride 2 the last row is kept).
        use_bias, depthwise_initializer, …: As in `DepthwiseConv2D`.

    Raises:
        ValueError: for an even kernel, a stride or a dilation that is not a positive number, or
            an unknown padding.
    """

    def __init__(
        self,
        kernel_size: int = 3,
        strides: int = 1,
        dilation_rate: int = 1,
        padding: str = "symmetric",
        **kwargs,
    ):
        kernel_size, strides, dilation_rate = (
            _one(name, value)
            for name, value in (
                ("kernel_size", kernel_size),
                ("strides", strides),
                ("dilation_rate", dilation_rate),
            )
        )
        if kernel_size % 2 == 0:
            raise invalid("kernel_size", kernel_size, "an odd number")
        if padding not in PADDINGS:
            raise invalid("padding", padding, f"one of {PADDINGS}")
        if padding == "same" and strides > 2:
            raise invalid("strides", strides, 'at most 2 with `padding="same"`')
        super().__init__(
            kernel_size, strides=strides, padding="same", dilation_rate=dilation_rate, **kwargs
        )
        self.convention = padding
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs):
        stride, dilation = self.strides[0], self.dilation_rate[0]
        if stride == 1:
            return self._convolve(inputs, dilation)
        # With "same" padding and stride 2 the grid always ends at the last row, whether the
        # size is even or odd: seen from there the two conventions are one.
        from_the_end = self.convention == "same"
        kernel = self.kernel
        if from_the_end:
            inputs, kernel = ops.flip(inputs, (1, 2)), ops.flip(kernel, (0, 1))
        if dilation % stride == 0:
            outputs = self._convolve(inputs[:, ::stride, ::stride], dilation // stride, kernel)
        else:
            outputs = self._convolve(inputs, dilation, kernel)[:, ::stride, ::stride]
        return ops.flip(outputs, (1, 2)) if from_the_end else outputs

    def _convolve(self, inputs, dilation: int, kernel=None):
        kernel = self.kernel if kernel is None else kernel
        outputs = convolve_depthwise(inputs, kernel, padding="same", dilation=(dilation,) * 2)
        if self.use_bias:
            outputs = ops.add(outputs, self.bias)
        return self.activation(outputs) if self.activation is not None else outputs

    def compute_output_shape(self, input_shape):
        # Both paddings give ceil(n / stride) for odd kernels.
        spatial = [None if n is None else -(-n // self.strides[0]) for n in input_shape[1:3]]
        return (input_shape[0], *spatial, input_shape[-1])

    def multiply_adds(self, output_shape) -> int:
        """For `kerazoo.profile`: those of the outputs that are kept, as every paper counts."""
        return kernel_macs([self.kernel], output_shape)

    def get_config(self):
        return {**super().get_config(), "padding": self.convention}


def _one(name: str, value) -> int:
    """The number behind `value`, which a saved configuration has as a pair."""
    pair = tuple(value) if isinstance(value, list | tuple) else (value, value)
    alike = len(pair) == 2 and pair[0] == pair[1]
    if not alike or not isinstance(pair[0], int) or isinstance(pair[0], bool) or pair[0] < 1:
        raise invalid(name, value, "a positive integer, the same for height and width")
    return pair[0]
