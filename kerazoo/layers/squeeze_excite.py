"""Squeeze-and-excite (Hu et al., CVPR 2018), as the mobile networks use it."""

from typing import Any

import keras
from keras import ops

from kerazoo._checks import check_int, checked
from kerazoo._layer_facts import kernel_macs
from kerazoo.layers._initializers import fresh


@keras.saving.register_keras_serializable(package="kerazoo")
class SqueezeExcite(keras.layers.Layer):
    """Scale each channel by a gate computed from the channel means.

    `x * gate(expand(act(reduce(mean(x)))))`, with `reduce` and `expand` 1x1 convolutions with
    bias. Source: https://arxiv.org/abs/1709.01507; the width is given, not a ratio, since the
    families count it from different layers (MixNet, MnasNet: the block's input; MobileNetV3: the
    expanded channels).

    Input and output: `(batch, height, width, channels)`.

    Args:
        filters: Channels of the squeezed layer.
        activation: Activation of the squeezed layer.
        gate_activation: Activation of the gate; Keras' `"hard_sigmoid"` is relu6(x + 3) / 6.
        kernel_initializer: Of both convolutions.

    Raises:
        ValueError: if `filters` is not a positive integer.
    """

    @checked("filters")
    def __init__(
        self,
        filters: int,
        activation: Any = "relu",
        gate_activation: Any = "sigmoid",
        kernel_initializer: Any = "glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = check_int("filters", filters)
        self.activation = keras.activations.get(activation)
        self.gate_activation = keras.activations.get(gate_activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape):
        def conv(filters, name):
            initializer = fresh(self.kernel_initializer)
            return keras.layers.Conv2D(
                filters,
                1,
                data_format="channels_last",
                kernel_initializer=initializer,
                dtype=self.dtype_policy,
                name=name,
            )

        self.reduce = conv(self.filters, "reduce")
        self.expand = conv(input_shape[-1], "expand")
        self.reduce.build((input_shape[0], 1, 1, input_shape[-1]))
        self.expand.build((input_shape[0], 1, 1, self.filters))

    def call(self, inputs):
        squeezed = ops.mean(inputs, axis=(1, 2), keepdims=True)
        gate = self.expand(self.activation(self.reduce(squeezed)))
        return ops.multiply(inputs, self.gate_activation(gate))

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def multiply_adds(self, output_shape) -> int:
        """For `kerazoo.profile`: the two 1x1 convolutions on the pooled vector."""
        return kernel_macs([self.reduce.kernel, self.expand.kernel], (1, 1, 1, 1))

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "activation": keras.activations.serialize(self.activation),
            "gate_activation": keras.activations.serialize(self.gate_activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
