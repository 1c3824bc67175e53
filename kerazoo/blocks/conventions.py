"""What differs between two implementations of one architecture, and the layers it decides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from kerazoo.layers import BatchNormalization, GroupedConv2D, MixConv2D


@dataclass(frozen=True)
class Conventions:
    """Padding and batch-norm constants: a checkpoint fixes them, the architecture does not.

    Attributes:
        padding: `"same"` (TensorFlow) or `"symmetric"` (PyTorch, k//2 on every side).
        batch_norm_epsilon: 1e-3 in TensorFlow's originals, 1e-5 in PyTorch's.
        batch_norm_momentum: Keras' convention (1 minus PyTorch's); matters in training only.
        substitute: Called with the arguments of every ordinary convolution that `conv` is about
            to make; returns the layer to use in its place, or None for the ordinary one.
    """

    padding: str = "same"
    batch_norm_epsilon: float = 1e-3
    batch_norm_momentum: float = 0.99
    substitute: Callable[[dict[str, Any]], keras.layers.Layer | None] | None = None


def kernel_initializer():
    """He's normal initialisation by fan-out, as the MobileNet and MixNet sources use it.

    Fan-in would be wrong for depthwise kernels: Keras counts all channels as inputs there.
    """
    return keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")


def output_dtype():
    """Of outputs: probabilities and losses need float32's range under mixed precision."""
    policy = keras.config.dtype_policy()
    return policy if policy.compute_dtype == policy.variable_dtype else "float32"


def batch_norm(x, conventions: Conventions, name: str):
    return BatchNormalization(
        epsilon=conventions.batch_norm_epsilon,
        momentum=conventions.batch_norm_momentum,
        name=name,
    )(x)


def activate(x, activation: str | None, name: str):
    """`activation` as a layer of its own, so that exporters and quantisers find it."""
    if activation in (None, "linear"):
        return x
    if activation == "relu6":
        return keras.layers.ReLU(6.0, name=name)(x)
    return keras.layers.Activation(activation, name=name)(x)


def pad(x, kernel_size: int, strides: int, conventions: Conventions, name: str, dilation: int = 1):
    """Zeros before a strided convolution where the convention asks; the padding left to it."""
    # At stride 1 both rules agree, and a layer less is faster.
    if conventions.padding == "same" or strides == 1:
        return x, "same"
    amount = (kernel_size - 1) * dilation // 2
    return (keras.layers.ZeroPadding2D(amount, name=name)(x) if amount else x), "valid"


def conv(
    x,
    filters: int,
    kernel_size: int,
    conventions: Conventions,
    name: str,
    strides: int = 1,
    groups: int = 1,
    dilation: int = 1,
):
    """A convolution without bias, padded by the convention: `<name>_conv`."""
    x, padding = pad(x, kernel_size, strides, conventions, f"{name}_pad", dilation)
    arguments = {
        "filters": filters,
        "kernel_size": kernel_size,
        "strides": strides,
        "padding": padding,
        "dilation_rate": dilation,
        "use_bias": False,
        "kernel_initializer": kernel_initializer(),
        "name": f"{name}_conv",
    }
    if groups > 1:
        return GroupedConv2D(groups=groups, **arguments)(x)
    other = conventions.substitute(arguments) if conventions.substitute else None
    return (other or keras.layers.Conv2D(**arguments))(x)


def conv_bn(x, filters, kernel_size, conventions, name, strides=1, activation=None, **kw):
    """Convolution, batch normalisation, activation: `<name>_conv`, `<name>_bn`, `<name>_act`."""
    x = conv(x, filters, kernel_size, conventions, name, strides, **kw)
    x = batch_norm(x, conventions, f"{name}_bn")
    return activate(x, activation, f"{name}_act")


def depthwise_bn(
    x, kernel_sizes: Sequence[int], conventions, name, strides: int = 1, activation=None
):
    """Depthwise convolution (mixed when there are several kernel sizes), batch norm, activation."""
    if len(kernel_sizes) > 1:
        x = MixConv2D(
            kernel_sizes,
            strides=strides,
            padding=conventions.padding,
            depthwise_initializer=kernel_initializer(),
            name=f"{name}_conv",
        )(x)
    else:
        x, padding = pad(x, kernel_sizes[0], strides, conventions, f"{name}_pad")
        x = keras.layers.DepthwiseConv2D(
            kernel_sizes[0],
            strides=strides,
            padding=padding,
            use_bias=False,
            depthwise_initializer=kernel_initializer(),
            name=f"{name}_conv",
        )(x)
    x = batch_norm(x, conventions, f"{name}_bn")
    return activate(x, activation, f"{name}_act")
