"""MixConv: one depthwise convolution with kernels of several sizes (Tan & Le, BMVC 2019)."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerazoo._checks import check_int, checked
from kerazoo._errors import invalid
from kerazoo._layer_facts import DEPTHWISE, kernel_macs
from kerazoo._rules import is_int
from kerazoo.layers._convolution import convolve_depthwise
from kerazoo.layers._initializers import fresh
from kerazoo.layers._partition import split_channels
from kerazoo.layers.padding import PADDINGS

IMPLEMENTATIONS = ("split", "merged")


def _kernel_sizes(kernel_sizes, groups) -> tuple[int, ...]:
    if (kernel_sizes is None) == (groups is None):
        raise ValueError(
            "Give exactly one of `kernel_sizes` (a list) and `groups` (a number g, for kernels "
            f"3, 5, …, 2g+1). Received: `kernel_sizes={kernel_sizes!r}`, `groups={groups!r}`"
        )
    if groups is not None:
        check_int("groups", groups)
        return tuple(range(3, 2 * groups + 2, 2))
    sizes = tuple(kernel_sizes) if isinstance(kernel_sizes, Sequence) else ()
    if not sizes or any(not is_int(k) or k < 1 or k % 2 == 0 for k in sizes):
        raise invalid("kernel_sizes", kernel_sizes, "a non-empty list of odd positive integers")
    return sizes


def dilation_of(size: int, dilated: bool, dilation_rate: int) -> int:
    """Of the kernel that stands for one of `size` in a `MixConv2D`; 1x1 kernels have none."""
    if size == 1:
        return 1
    return dilation_rate * (size - 1) // 2 if dilated else dilation_rate


@keras.saving.register_keras_serializable(package="kerazoo")
class MixConv2D(keras.layers.Layer):
    """Mixed depthwise convolution: the channels are split in groups, each with its kernel size.

    Source: "MixConv: Mixed Depthwise Convolutional Kernels", https://arxiv.org/abs/1907.09595,
    section 3; channel split as in tensorflow/tpu `mixnet/custom_layers.py`.

    Input and output: `(batch, height, width, channels)`; spatial sizes may be unknown.

    Args:
        kernel_sizes: Odd kernel sizes, one a group, for instance `[3, 5, 7]`.
        groups: In place of `kernel_sizes`: the number of groups g, for kernels 3, 5, …, 2g+1.
        partition: `"equal"`, `"exponential"` or a list with the channels of each group.
        dilated: Use 3x3 kernels with dilation (k-1)/2 in place of k x k ones. Needs stride 1.
        strides: 1 or more, the same for height and width.
        dilation_rate: 1 or more, likewise, of every kernel (times its own, if `dilated`). Above 1
            it needs stride 1.
        padding: `"same"` (TensorFlow's rule) or `"symmetric"` (k//2 on every side, PyTorch's).
        use_bias: Whether to add a bias, one number a channel.
        depthwise_initializer, bias_initializer, depthwise_regularizer: As in `DepthwiseConv2D`.
        implementation: `"split"` (one convolution a group, then concatenation) or `"merged"`
            (kernels zero-padded to the largest and run as one convolution). Weights and results
            are the same; which is faster depends on the runtime. Training on CPU favours split.

    Raises:
        ValueError: for even or missing kernel sizes, unknown `partition`, `padding` or
            `implementation`, `dilated` with a stride, fewer channels than groups.
    """

    torch_axes = DEPTHWISE  # of each of its kernels

    @checked(
        "kernel_sizes",
        "groups",
        "partition",
        "dilated",
        "strides",
        "dilation_rate",
        "padding",
        "use_bias",
        "implementation",
    )
    def __init__(
        self,
        kernel_sizes: Sequence[int] | None = None,
        groups: int | None = None,
        partition: str | Sequence[int] = "equal",
        dilated: bool = False,
        strides: int = 1,
        dilation_rate: int = 1,
        padding: str = "same",
        use_bias: bool = False,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        implementation: str = "split",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.kernel_sizes = _kernel_sizes(kernel_sizes, groups)
        if isinstance(partition, str):  # checked now, on a channel count that any rule can split
            split_channels(2 ** len(self.kernel_sizes), len(self.kernel_sizes), partition)
            self.partition = partition
        else:
            self.partition = list(partition)
        check_int("strides", strides)
        if padding not in PADDINGS:
            raise invalid("padding", padding, f"one of {PADDINGS}")
        if implementation not in IMPLEMENTATIONS:
            raise invalid("implementation", implementation, f"one of {IMPLEMENTATIONS}")
        check_int("dilation_rate", dilation_rate)
        if (dilated or dilation_rate > 1) and strides != 1:
            asked = "dilated=True" if dilated else f"dilation_rate={dilation_rate}"
            raise ValueError(
                f"`{asked}` needs `strides=1`: no backend convolves with stride and dilation "
                f"together. Received: `strides={strides}`"
            )
        if dilated and implementation == "merged":
            raise ValueError(
                "`dilated=True` needs `implementation='split'`: dilations differ by group. "
                f"Received: `implementation={implementation!r}`"
            )
        self.dilated = bool(dilated)
        self.strides = strides
        self.dilation_rate = dilation_rate
        self.padding = padding
        self.use_bias = bool(use_bias)
        self.depthwise_initializer = keras.initializers.get(depthwise_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.depthwise_regularizer = keras.regularizers.get(depthwise_regularizer)
        self.implementation = implementation
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape):
        channels = input_shape[-1]
        if channels is None:
            raise ValueError(f"MixConv2D needs a known channel count. Received: {input_shape}")
        self.splits = split_channels(channels, len(self.kernel_sizes), self.partition)
        self.kernels = [
            self.add_weight(
                name=f"kernel_{i}",
                shape=(3, 3, c, 1) if self.dilated else (k, k, c, 1),
                initializer=fresh(self.depthwise_initializer),
                regularizer=self.depthwise_regularizer,
            )
            for i, (k, c) in enumerate(zip(self.kernel_sizes, self.splits, strict=True))
        ]
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(channels,), initializer=self.bias_initializer
            )
        self.input_spec = keras.layers.InputSpec(ndim=4, axes={-1: channels})

    def call(self, inputs):
        # A kernel smaller than the stride sits on another grid under "same" padding.
        exact = self.padding == "symmetric" or min(self.kernel_sizes) >= self.strides
        if self.implementation == "merged" and exact:
            outputs = self._convolve(inputs, self.merged_kernel(), max(self.kernel_sizes))
        else:
            edges = [sum(self.splits[: i + 1]) for i in range(len(self.splits) - 1)]
            parts = ops.split(inputs, edges, axis=-1) if edges else [inputs]
            done = [
                self._convolve(part, kernel, size)
                for part, kernel, size in zip(parts, self.kernels, self.kernel_sizes, strict=True)
            ]
            outputs = ops.concatenate(done, axis=-1) if edges else done[0]
        return outputs if self.bias is None else ops.add(outputs, self.bias)

    def merged_kernel(self):
        """All kernels as one of the largest size, `(k, k, channels, 1)`, zeros around the small."""
        largest = max(self.kernel_sizes)
        margins = [(largest - k) // 2 for k in self.kernel_sizes]
        return ops.concatenate(
            [
                ops.pad(kernel, [[m, m], [m, m], [0, 0], [0, 0]])
                for kernel, m in zip(self.kernels, margins, strict=True)
            ],
            axis=2,
        )

    def _convolve(self, inputs, kernel, size):
        # At stride 1 the two rules agree and a separate padding operation would cost time.
        padding = size // 2 if self.padding == "symmetric" and self.strides > 1 else "same"
        dilation = dilation_of(size, self.dilated, self.dilation_rate)
        return convolve_depthwise(inputs, kernel, (self.strides,) * 2, padding, (dilation,) * 2)

    def compute_output_shape(self, input_shape):
        # Both paddings give ceil(n / stride) for odd kernels.
        spatial = [None if n is None else -(-n // self.strides) for n in input_shape[1:3]]
        return (input_shape[0], *spatial, input_shape[-1])

    def multiply_adds(self, output_shape) -> int:
        """For `kerazoo.profile`."""
        return kernel_macs(self.kernels, output_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_sizes": list(self.kernel_sizes),
            "partition": self.partition,
            "dilated": self.dilated,
            "strides": self.strides,
            "dilation_rate": self.dilation_rate,
            "padding": self.padding,
            "use_bias": self.use_bias,
            "depthwise_initializer": keras.initializers.serialize(self.depthwise_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "depthwise_regularizer": keras.regularizers.serialize(self.depthwise_regularizer),
            "implementation": self.implementation,
        }
