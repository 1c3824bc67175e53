"""What other code must know of a layer, asked of the layer itself.

kerazoo's layers have a method `multiply_adds(output_shape)` and, where their kernels are not laid
out as a convolution's, an attribute `torch_axes`. For Keras' own layers the table below answers.
"""

import math
from typing import Any, NamedTuple

CONVOLUTION = (2, 3, 1, 0)  # PyTorch's (out, in, height, width) as (height, width, in, out)
DEPTHWISE = (2, 3, 0, 1)  # (channels, 1, height, width) as (height, width, channels, 1)


class _Facts(NamedTuple):
    kernels: tuple[str, ...] = ("kernel",)
    torch_axes: tuple[int, ...] = CONVOLUTION


_KERAS = {
    "Conv2D": _Facts(),
    "DepthwiseConv2D": _Facts(torch_axes=DEPTHWISE),
    "SeparableConv2D": _Facts(("depthwise_kernel", "pointwise_kernel")),
    "Dense": _Facts(),  # as a 1x1 convolution, where a publisher has it so
}


def in_half_precision(layer: Any) -> bool:
    """Whether it computes in float16 or bfloat16."""
    return layer.dtype_policy.compute_dtype in ("float16", "bfloat16")


def multiply_adds(layer: Any, output_shape: tuple) -> int:
    """Of a layer for one picture; 0 for what has no kernel."""
    if hasattr(layer, "multiply_adds"):
        return layer.multiply_adds(output_shape)
    facts = _of_keras(layer)
    if facts is None:
        return 0
    return kernel_macs([getattr(layer, name) for name in facts.kernels], output_shape)


def torch_axes(layer: Any) -> tuple[int, ...]:
    """The axes of PyTorch's four-dimensional kernel in the order in which the layer has them."""
    facts = _of_keras(layer) or _Facts()
    return getattr(layer, "torch_axes", facts.torch_axes)


def kernel_macs(kernels: Any, output_shape: tuple) -> int:
    """Multiply-adds of a convolution or dense layer: each kernel element once a place."""
    return math.prod(output_shape[1:-1]) * sum(math.prod(kernel.shape) for kernel in kernels)


def _of_keras(layer: Any) -> _Facts | None:
    """By the nearest class of Keras that the layer is of; Keras itself need not be imported."""
    for each in type(layer).__mro__:
        if each.__module__.startswith("keras.") and each.__name__ in _KERAS:
            return _KERAS[each.__name__]
    return None
