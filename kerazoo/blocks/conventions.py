"""What differs between two implementations of one architecture, and the layers it decides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras

from kerazoo._checks import check_choice, check_number, checked_fields
from kerazoo._errors import invalid
from kerazoo.layers import (
    BatchNormalization,
    DilatedAveragePooling2D,
    GroupedConv2D,
    MixConv2D,
    StridedDilatedDepthwiseConv2D,
)


@checked_fields
@dataclass(frozen=True)
class Conventions:
    """Padding and batch-norm constants: a checkpoint fixes them, the architecture does not.

    They also say how dense the maps are: with an `output_stride`, strides beyond it are left out
    and the kernels after them dilated instead ("à trous"), so that with the same weights the map
    has the same values, and others between them.

    Attributes:
        padding: `"same"` (TensorFlow) or `"symmetric"` (PyTorch, k//2 on every side).
        batch_norm_epsilon: 1e-3 in TensorFlow's originals, 1e-5 in PyTorch's.
        batch_norm_momentum: Keras' convention (1 minus PyTorch's); matters in training only.
        substitute: Called with the arguments of every ordinary convolution that `conv` is about
            to make; returns the layer to use in its place, or None for the ordinary one.
        output_stride: Stride of the densest last map that is wanted, a power of 2; None: as the
            architecture has it.
        dilate_strided: Whether the very layer that loses its stride is dilated as well, as in
            torchvision's MobileNetV3. Its inputs lie where they lay, so its weights then mean
            something else; TensorFlow's slim, timm and torchvision's ResNet begin after it.
        reached: Stride by which the architecture has come down to where the next layer reads.
    """

    padding: str = "same"
    batch_norm_epsilon: float = 1e-3
    batch_norm_momentum: float = 0.99
    substitute: Callable[[dict[str, Any]], keras.layers.Layer | None] | None = None
    output_stride: int | None = None
    dilate_strided: bool = False
    reached: int = 1

    def __post_init__(self) -> None:
        check_choice("padding", self.padding, ("same", "symmetric"))
        check_number("batch_norm_epsilon", self.batch_norm_epsilon, least=0)
        check_number("batch_norm_momentum", self.batch_norm_momentum, least=0, most=1)

    @property
    def stride(self) -> int:
        """Real stride of where the next layer reads."""
        return min(self.reached, self.output_stride or self.reached)

    def passed(self, stride: int) -> "Conventions":
        """Those of the layers after one that has `stride` in the architecture."""
        return replace(self, reached=self.reached * stride)

    def grid(self, kernel_size: int, stride: int, dilation: int = 1) -> tuple[int, int]:
        """Stride and dilation that a layer really has.

        Args:
            kernel_size: 1x1 kernels cannot be dilated.
            stride, dilation: What it has in the architecture.
        """
        limit = self.output_stride
        after = self.passed(stride)
        lost = after.stride < after.reached and stride > 1
        if limit is None or kernel_size == 1:
            return 1 if lost else stride, dilation
        reached = after.reached if lost and self.dilate_strided else self.reached
        return 1 if lost else stride, dilation * max(1, reached // limit)


def check_kernels(kernels: Sequence[int]) -> None:
    """Raises a `ValueError` unless these are kernel sizes of a depthwise layer."""
    if not kernels or min(kernels) < 1:
        raise invalid("kernels", kernels, "positive integers, one at least")


def kernel_initializer():
    """He's normal initialisation by fan-out, as the MobileNet and MixNet sources use it.

    Fan-in would be wrong for depthwise kernels: Keras counts all channels as inputs there. Its
    default, by both, leaves depthwise outputs below batch norm's epsilon, and so hides for some
    steps what batch norm does to two pictures of 1x1 maps (docs/training.md).
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
    strides, dilation = conventions.grid(kernel_size, strides, dilation)
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
    x,
    kernel_sizes: Sequence[int],
    conventions,
    name,
    strides: int = 1,
    activation=None,
    use_bias: bool = False,
):
    """Depthwise convolution (mixed when there are several kernel sizes), batch norm, activation.

    Args:
        use_bias: Whether a convolution with one kernel size has a bias as well.
    """
    strides, dilation = conventions.grid(max(kernel_sizes), strides)
    if len(kernel_sizes) > 1:
        x = MixConv2D(
            kernel_sizes,
            strides=strides,
            dilation_rate=dilation,
            padding=conventions.padding,
            depthwise_initializer=kernel_initializer(),
            name=f"{name}_conv",
        )(x)
    elif _larger_than(kernel_sizes[0], x):
        x = StridedDilatedDepthwiseConv2D(  # which leaves out what meets nothing but padding
            kernel_sizes[0],
            strides,
            dilation,
            conventions.padding,
            use_bias=use_bias,
            depthwise_initializer=kernel_initializer(),
            name=f"{name}_conv",
        )(x)
    else:
        x, padding = pad(x, kernel_sizes[0], strides, conventions, f"{name}_pad")
        x = keras.layers.DepthwiseConv2D(
            kernel_sizes[0],
            strides=strides,
            padding=padding,
            dilation_rate=dilation,
            use_bias=use_bias,
            depthwise_initializer=kernel_initializer(),
            name=f"{name}_conv",
        )(x)
    x = batch_norm(x, conventions, f"{name}_bn")
    return activate(x, activation, f"{name}_act")


def _larger_than(kernel_size: int, x) -> bool:
    """Whether many of a kernel's taps lie outside of the map wherever it is put."""
    side = max(size or kernel_size for size in x.shape[1:3])
    return kernel_size > max(7, 2 * side - 1)


def average_pool(x, conventions: Conventions, name: str):
    """3x3 average pooling with stride 2.

    With symmetric padding the zeros around the map count, as in PyTorch: the sum is always divided
    by 9. TensorFlow's "same" divides by the number of real values.
    """
    strides, dilation = conventions.grid(3, 2)
    padding = "same"
    if conventions.padding == "symmetric":
        x, padding = keras.layers.ZeroPadding2D(dilation, name=f"{name}_pad")(x), "valid"
    if dilation > 1:
        return DilatedAveragePooling2D(3, dilation, padding, name=name)(x)
    return keras.layers.AveragePooling2D(3, strides, padding, name=name)(x)
