"""Grouped 1x1 convolution with groups that need not divide the channels evenly."""

from typing import Any

import keras
from keras import ops

from kerazoo._checks import check_int, checked
from kerazoo._errors import invalid
from kerazoo._layer_facts import kernel_macs
from kerazoo._rules import is_int
from kerazoo.layers._convolution import convolve
from kerazoo.layers._initializers import fresh
from kerazoo.layers._partition import split_channels


@keras.saving.register_keras_serializable(package="kerazoo")
class GroupedPointwiseConv2D(keras.layers.Layer):
    """1x1 convolution whose input channels and filters are divided among groups.

    MixNet uses it for expansion and projection (tensorflow/tpu `mixnet/custom_layers.py`,
    `GroupConv2D`). It differs from `Conv2D(groups=…)` in two ways: an uneven division is allowed
    (the first group takes the remainder), and it trains on CPU, where TensorFlow has no gradient
    for grouped convolutions: each group is an ordinary dense convolution.

    Input `(batch, height, width, channels)`, output `(batch, height, width, filters)`.

    Args:
        filters: Number of output channels.
        groups: Number of groups, at most the smaller of channels and filters.
        use_bias: Whether to add a bias.
        kernel_initializer, bias_initializer, kernel_regularizer: As in `Conv2D`.

    Raises:
        ValueError: if `filters` or `groups` is not positive, or a group would be empty.
    """

    @checked("filters", "groups", "use_bias")
    def __init__(
        self,
        filters: int,
        groups: int = 2,
        use_bias: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = check_int("filters", filters)
        if not is_int(groups) or not 1 <= groups <= filters:
            raise invalid("groups", groups, f"an integer from 1 to `filters` ({filters})")
        self.groups = groups
        self.use_bias = bool(use_bias)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape):
        channels = input_shape[-1]
        if channels is None or channels < self.groups:
            raise invalid("groups", self.groups, f"at most the {channels} input channels")
        self.splits = split_channels(channels, self.groups)
        self.filter_splits = split_channels(self.filters, self.groups)
        self.kernels = [
            self.add_weight(
                name=f"kernel_{i}",
                shape=(1, 1, c, f),
                initializer=fresh(self.kernel_initializer),
                regularizer=self.kernel_regularizer,
            )
            for i, (c, f) in enumerate(zip(self.splits, self.filter_splits, strict=True))
        ]
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.filters,), initializer=self.bias_initializer
            )
        self.input_spec = keras.layers.InputSpec(ndim=4, axes={-1: channels})

    def call(self, inputs):
        edges = [sum(self.splits[: i + 1]) for i in range(self.groups - 1)]
        parts = ops.split(inputs, edges, axis=-1) if edges else [inputs]
        done = [convolve(part, kernel) for part, kernel in zip(parts, self.kernels, strict=True)]
        outputs = ops.concatenate(done, axis=-1) if edges else done[0]
        return outputs if self.bias is None else ops.add(outputs, self.bias)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def multiply_adds(self, output_shape) -> int:
        """For `kerazoo.profile`."""
        return kernel_macs(self.kernels, output_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "groups": self.groups,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
