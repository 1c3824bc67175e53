"""What freezing makes of learned groups: plain convolutions, one a group, and an index list."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerazoo._checks import check_int, checked
from kerazoo._errors import invalid
from kerazoo._layer_facts import kernel_macs
from kerazoo._rules import is_int
from kerazoo.layers._initializers import fresh


@keras.saving.register_keras_serializable(package="kerazoo")
class GatherChannels(keras.layers.Layer):
    """Channels of the input in another order: output channel i is input channel `indices[i]`.

    Input `(batch, …, channels)`, output `(batch, …, len(indices))`.

    Args:
        indices: Channel numbers from 0; a channel may be used several times or not at all.

    Raises:
        ValueError: if an index is negative or the list is empty.
    """

    @checked("indices")
    def __init__(self, indices: Sequence[int], **kwargs):
        super().__init__(**kwargs)
        self.indices = _indices("indices", indices)

    def call(self, inputs):
        consecutive = _range(self.indices)
        if consecutive:
            return inputs[..., consecutive]
        return _unflatten(ops.transpose(_rows(inputs, self.indices)), inputs)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], len(self.indices))

    def get_config(self):
        return {**super().get_config(), "indices": list(self.indices)}


def _indices(argument: str, values) -> tuple[int, ...]:
    values = tuple(values)
    if not values or any(not is_int(i) or i < 0 for i in values):
        raise invalid(argument, list(values), "a non-empty list of channel numbers from 0")
    return values


def _range(indices: tuple[int, ...]) -> slice | None:
    """The slice that the indices are, if they are consecutive."""
    first, last = indices[0], indices[-1] + 1
    return slice(first, last) if indices == tuple(range(first, last)) else None


def _rows(inputs, indices: tuple[int, ...]):
    """The given channels as rows `(len(indices), batch * places)`.

    Gathering single numbers along the last axis takes TensorFlow about twice as long on CPU as
    transposing, gathering whole rows and transposing back (`benchmarks/flgc_conv.py`).
    """
    flat = ops.transpose(ops.reshape(inputs, (-1, inputs.shape[-1])))
    return ops.take(flat, np.array(indices, "int32"), axis=0)


def _unflatten(outputs, like):
    """`(batch * places, channels)` as a tensor with the leading axes of `like`."""
    known = [-1 if n is None else n for n in like.shape[:-1]]
    leading = ops.shape(like)[:-1] if known.count(-1) > 1 else known
    return ops.reshape(outputs, (*leading, outputs.shape[-1]))


@keras.saving.register_keras_serializable(package="kerazoo")
class FrozenFLGCConv2D(keras.layers.Layer):
    """One plain convolution for each group, on channels gathered for it; results concatenated.

    `kerazoo.deploy.freeze_groups` makes it of an `FLGCConv2D`. Filters come out sorted by group;
    those of groups without channels come last and are their bias alone.

    Input `(batch, height, width, channels)`, output `(batch, height', width', filters)`, with
    `filters` the sum of `group_filters` and `constant_filters`.

    Args:
        group_channels: For every group the input channels that its filters see.
        group_filters: For every group the number of filters.
        kernel_size, strides, padding, dilation_rate, use_bias, activation: As in `Conv2D`.
        constant_filters: Filters that see no channel.
        kernel_initializer, bias_initializer: As in `Conv2D`.

    Raises:
        ValueError: if the groups' lists are empty or differ in length.
    """

    @checked(
        "group_channels",
        "group_filters",
        "kernel_size",
        "strides",
        "padding",
        "dilation_rate",
        "constant_filters",
        "use_bias",
    )
    def __init__(
        self,
        group_channels: Sequence[Sequence[int]],
        group_filters: Sequence[int],
        kernel_size: tuple[int, int] = (1, 1),
        strides: tuple[int, int] = (1, 1),
        padding: str = "valid",
        dilation_rate: tuple[int, int] = (1, 1),
        constant_filters: int = 0,
        use_bias: bool = True,
        activation: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.group_channels = tuple(_indices("group_channels", g) for g in group_channels)
        self.group_filters = tuple(group_filters)
        if not self.group_channels:
            raise invalid("group_channels", group_channels, "a list for each group")
        right = len(self.group_filters) == len(self.group_channels)
        if not right or min(self.group_filters) < 1:
            rule = f"one positive number for each of the {len(self.group_channels)} groups"
            raise invalid("group_filters", list(group_filters), rule)
        check_int("constant_filters", constant_filters, 0)
        sizes = {"kernel_size": kernel_size, "strides": strides, "dilation_rate": dilation_rate}
        for name, pair in sizes.items():
            if min(pair) < 1:
                raise invalid(name, pair, "two positive integers")
        if padding not in ("valid", "same"):
            raise invalid("padding", padding, 'one of "valid" and "same"')
        self.kernel_size = tuple(kernel_size)
        self.strides = tuple(strides)
        self.padding = padding
        self.dilation_rate = tuple(dilation_rate)
        self.constant_filters = constant_filters
        self.use_bias = bool(use_bias)
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.filters = sum(self.group_filters) + constant_filters
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape):
        self.kernels = [
            self.add_weight(
                name=f"kernel_{i}",
                shape=(*self.kernel_size, len(channels), filters),
                initializer=fresh(self.kernel_initializer),
            )
            for i, (channels, filters) in enumerate(
                zip(self.group_channels, self.group_filters, strict=True)
            )
        ]
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.filters,), initializer=self.bias_initializer
            )
        self.input_spec = keras.layers.InputSpec(ndim=4, axes={-1: input_shape[-1]})

    def call(self, inputs):
        ranges = [_range(channels) for channels in self.group_channels]
        if all(ranges):
            parts = [inputs[..., channels] for channels in ranges]
            done = [self._convolve(p, k) for p, k in zip(parts, self.kernels, strict=True)]
        else:
            done = self._convolve_gathered(inputs)
        outputs = ops.concatenate(done, axis=-1) if len(done) > 1 else done[0]
        if self.constant_filters:
            outputs = ops.pad(outputs, [[0, 0], [0, 0], [0, 0], [0, self.constant_filters]])
        if self.bias is not None:
            outputs = ops.add(outputs, self.bias)
        return self.activation(outputs)

    def _convolve(self, inputs, kernel):
        return ops.conv(
            inputs,
            kernel,
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            data_format="channels_last",
        )

    def _convolve_gathered(self, inputs) -> list:
        """Channels gathered as rows; a 1x1 convolution takes them as they are."""
        pointwise = self.kernel_size == (1, 1)
        if pointwise:
            inputs = inputs[:, :: self.strides[0], :: self.strides[1]]
        everything = tuple(i for channels in self.group_channels for i in channels)
        edges = np.cumsum([len(channels) for channels in self.group_channels])[:-1].tolist()
        rows = _rows(inputs, everything)
        parts = [ops.transpose(p) for p in (ops.split(rows, edges, axis=0) if edges else [rows])]
        if pointwise:
            done = [ops.matmul(p, k[0, 0]) for p, k in zip(parts, self.kernels, strict=True)]
            return [_unflatten(y, inputs) for y in done]
        parts = [_unflatten(p, inputs) for p in parts]
        return [self._convolve(p, k) for p, k in zip(parts, self.kernels, strict=True)]

    def compute_output_shape(self, input_shape):
        # Conv2D knows the rule and the complaint about inputs that are too small.
        dense = keras.layers.Conv2D(
            self.filters,
            self.kernel_size,
            strides=self.strides,
            padding=self.padding,
            data_format="channels_last",
            dilation_rate=self.dilation_rate,
        )
        return dense.compute_output_shape(input_shape)

    def multiply_adds(self, output_shape) -> int:
        """For `kerazoo.profile`: only the connections that are left."""
        return kernel_macs(self.kernels, output_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "group_channels": [list(g) for g in self.group_channels],
            "group_filters": list(self.group_filters),
            "kernel_size": list(self.kernel_size),
            "strides": list(self.strides),
            "padding": self.padding,
            "dilation_rate": list(self.dilation_rate),
            "constant_filters": self.constant_filters,
            "use_bias": self.use_bias,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }
