"""Grouped convolution that trains on every backend and device."""

import keras
from keras import ops

from kerazoo.profiling import kernel_macs


@keras.saving.register_keras_serializable(package="kerazoo")
class GroupedConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` with `groups=` that also trains on CPU.

    TensorFlow has no gradient for grouped convolutions on CPU; here every group is an ordinary
    convolution on its slice of the channels. Variables, configuration and results are those of
    `Conv2D`: kernel `(height, width, channels / groups, filters)`.

    Raises:
        ValueError: if `groups` does not divide the channels and the filters (from `Conv2D`).
    """

    def convolution_op(self, inputs, kernel):
        if self.groups == 1:
            return super().convolution_op(inputs, kernel)
        parts = ops.split(inputs, self.groups, axis=-1)
        kernels = ops.split(kernel, self.groups, axis=-1)
        done = [
            ops.conv(
                part,
                k,
                strides=list(self.strides),
                padding=self.padding,
                data_format="channels_last",
                dilation_rate=self.dilation_rate,
            )
            for part, k in zip(parts, kernels, strict=True)
        ]
        return ops.concatenate(done, axis=-1)

    def multiply_adds(self, output_shape) -> int:
        """For `kerazoo.profile`."""
        return kernel_macs([self.kernel], output_shape)
