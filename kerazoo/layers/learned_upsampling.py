"""Upsampling by a learned kernel that just covers its stride."""

import keras

from kerazoo._checks import check_int, checked
from kerazoo._layer_facts import kernel_macs


@keras.saving.register_keras_serializable(package="kerazoo")
class LearnedUpsampling2D(keras.layers.Conv2DTranspose):
    """Transposed convolution whose kernel is as large as its stride.

    Every pixel becomes `factor` x `factor` pixels, each by its own 1x1 kernel; they do not overlap,
    so there is no checkerboard of unequal sums. Input `(batch, height, width, channels)`, output
    `(batch, factor * height, factor * width, filters)`.

    Args:
        filters: Output channels.
        factor: A positive integer; 1 makes it a 1x1 convolution.
        use_bias, kernel_initializer, …: As in `Conv2DTranspose`; no bias by default.

    Raises:
        ValueError: if `factor` is not a positive integer.
    """

    @checked("filters", "factor", "use_bias")
    def __init__(self, filters: int, factor: int = 2, use_bias: bool = False, **kwargs):
        check_int("filters", filters)
        check_int("factor", factor)
        super().__init__(
            filters, factor, strides=factor, padding="valid", use_bias=use_bias, **kwargs
        )
        self.factor = factor

    def multiply_adds(self, output_shape) -> int:
        """For `kerazoo.profile`: one element of the kernel's area for each output pixel."""
        return kernel_macs([self.kernel], output_shape) // self.factor**2

    def get_config(self):
        config = super().get_config()
        for name in ("kernel_size", "strides", "padding", "output_padding", "dilation_rate"):
            config.pop(name, None)
        return {**config, "factor": self.factor}
