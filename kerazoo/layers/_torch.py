"""What PyTorch does itself, for the torch backend; imported there alone.

Keras keeps channels last. `(batch, height, width, channels)`, its axes renamed to PyTorch's order,
is what PyTorch calls channels-last memory: its kernels read and write it as it lies. Keras' own
backend copies every map twice for each convolution, there and back, and composes batch norm of a
dozen operations (`benchmarks/backends.py` shows what that costs).
"""

# pyright: reportMissingImports=false
# torch is no dependency: who has set the backend to it has it.

import functools
from typing import Any

import keras
import torch
from keras import ops
from torch.nn import functional

TO_TORCH, TO_KERAS = (0, 3, 1, 2), (0, 2, 3, 1)


def convolve(inputs, kernel, strides=(1, 1), padding="valid", dilation=(1, 1)):
    """`ops.conv` with channels last; fewer kernel than input channels mean groups.

    Args:
        inputs: `(batch, height, width, channels)`.
        kernel: `(height, width, channels / groups, filters)`.
        strides, dilation: Of height and width.
        padding: `"valid"`, `"same"`, or zeros on every side.
    """
    x, kernel = (ops.convert_to_tensor(tensor) for tensor in (inputs, kernel))
    x, kernel = x.permute(TO_TORCH), kernel.permute(3, 2, 0, 1)
    x, zeros = _padded(x, kernel.shape[2:], strides, padding, dilation)
    groups = x.shape[1] // kernel.shape[1]
    outputs = functional.conv2d(x, kernel, None, strides, zeros, dilation, groups)
    return outputs.permute(TO_KERAS)


def convolve_depthwise(inputs, kernel, strides=(1, 1), padding="valid", dilation=(1, 1)):
    """`ops.depthwise_conv` with channels last; `kernel` is `(height, width, channels, n)`."""
    kernel = ops.convert_to_tensor(kernel)
    height, width, channels, each = kernel.shape
    kernel = kernel.permute(2, 3, 0, 1).reshape(channels * each, 1, height, width)
    return convolve(inputs, kernel.permute(2, 3, 1, 0), strides, padding, dilation)


def _padded(x, size, strides, padding: str | int, dilation, value: float = 0.0):
    """The map and the zeros on each side of height and width that the operation has to add."""
    if padding == "valid":
        return x, (0, 0)
    if isinstance(padding, int):
        return x, (padding, padding)
    sides = []
    for have, k, stride, step in zip(x.shape[2:], size, strides, dilation, strict=True):
        total = max(0, (-(-have // stride) - 1) * stride + (k - 1) * step + 1 - have)
        sides.append((total // 2, total - total // 2))
    if all(before == after for before, after in sides):
        return x, tuple(before for before, _ in sides)
    (top, bottom), (left, right) = sides
    return functional.pad(x, (left, right, top, bottom), value=value), (0, 0)


def normalise(inputs, mean, variance, gamma, beta, epsilon: float):
    """Batch norm with given statistics, by one kernel; any of `gamma` and `beta` may be None."""
    x = ops.convert_to_tensor(inputs).permute(TO_TORCH)
    values = (_wide(v, x) for v in (mean, variance, gamma, beta))
    return functional.batch_norm(x, *values, False, 0.0, epsilon).permute(TO_KERAS)


def normalise_batch(inputs, gamma, beta, epsilon: float):
    """Batch norm in training: outputs, and the batch's mean and (biased) variance."""
    x = ops.convert_to_tensor(inputs).permute(TO_TORCH)
    gamma, beta = (_wide(v, x) for v in (gamma, beta))
    y, mean, inverse = torch.native_batch_norm(x, gamma, beta, None, None, True, 0.0, epsilon)
    mean, inverse = mean.detach(), inverse.detach()
    # PyTorch's own running variance is the unbiased one, Keras keeps the biased.
    return y.permute(TO_KERAS), mean, (inverse**-2 - epsilon).clamp_(min=0.0)


def resize(inputs, size, align_corners: bool):
    """Bilinear interpolation to `size`, height and width; see `BilinearResize2D`."""
    x = ops.convert_to_tensor(inputs).permute(TO_TORCH)
    y = functional.interpolate(x, tuple(size), mode="bilinear", align_corners=align_corners)
    return y.permute(TO_KERAS)


def _wide(variable, x):
    """A channel's numbers in the dtype that the kernel takes beside the map's, at least float32."""
    if variable is None:
        return None
    value = ops.convert_to_tensor(variable)
    return value.to(x.dtype if x.dtype == torch.float64 else torch.float32)


def _conv2d(layer, inputs, kernel):
    return convolve(inputs, kernel, layer.strides, layer.padding, layer.dilation_rate)


def _depthwise(layer, inputs):
    y = convolve_depthwise(inputs, layer.kernel, layer.strides, layer.padding, layer.dilation_rate)
    if layer.bias is not None:
        y = y + ops.convert_to_tensor(layer.bias)
    return y if layer.activation is None else layer.activation(y)


def _max_pool(layer, inputs):
    x = ops.convert_to_tensor(inputs).permute(TO_TORCH)
    lowest = float("-inf")
    x, zeros = _padded(x, layer.pool_size, layer.strides, layer.padding, (1, 1), lowest)
    return functional.max_pool2d(x, layer.pool_size, layer.strides, zeros).permute(TO_KERAS)


def _zero_padding(layer, inputs):
    (top, bottom), (left, right) = layer.padding
    x = ops.convert_to_tensor(inputs)
    return functional.pad(x, (0, 0, left, right, top, bottom))


# Keras' layer -> the method that is replaced, and what takes its place. Their class and
# configuration stay Keras': what is saved on one backend opens on every other.
_FORMS: dict[type, tuple[str, Any]] = {
    keras.layers.Conv2D: ("convolution_op", _conv2d),
    keras.layers.DepthwiseConv2D: ("call", _depthwise),
    keras.layers.MaxPooling2D: ("call", _max_pool),
    keras.layers.ZeroPadding2D: ("call", _zero_padding),
}


def prepare(layers) -> None:
    """Let Keras' own layers run as PyTorch runs them, and lay their kernels as it reads them.

    Args:
        layers: Built layers, their variables with values. Those with channels first are left alone.
    """
    for layer in layers:
        if not hasattr(layer, "_torch_params"):  # Keras waits with that for values
            layer._track_variables()
        method, form = _FORMS.get(type(layer), ("", None))
        if form is not None and layer.data_format == "channels_last":
            setattr(layer, method, functools.partial(form, layer))
        for variable in layer._trainable_variables:
            if len(variable.shape) == 4:
                _lay_out(variable.value, depthwise=variable.shape[-1] == 1)


def _lay_out(kernel: torch.Tensor, depthwise: bool) -> None:
    """Same shape and numbers, in the memory order filters, height, width, channels."""
    order = (2, 3, 0, 1) if depthwise else (3, 0, 1, 2)
    back = (2, 3, 0, 1) if depthwise else (1, 2, 3, 0)
    kernel.data = kernel.data.permute(order).contiguous().permute(back)
