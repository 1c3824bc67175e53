"""Convolutions of channels-last maps as the backend does them best: for layers of several."""

import keras
from keras import ops

from kerazoo.layers.padding import pad_symmetric

if keras.backend.backend() == "torch":
    from kerazoo.layers._torch import convolve
    from kerazoo.layers._torch import convolve_depthwise as _convolve_depthwise
else:

    def convolve(inputs, kernel, strides=(1, 1), padding="valid", dilation=(1, 1)):
        """`ops.conv` with channels last; see `kerazoo.layers._torch.convolve`."""
        return _run(ops.conv, inputs, kernel, strides, padding, dilation)

    def _convolve_depthwise(inputs, kernel, strides, padding, dilation):
        return _run(ops.depthwise_conv, inputs, kernel, strides, padding, dilation)

    def _run(operation, inputs, kernel, strides, padding, dilation):
        if isinstance(padding, int):
            inputs, padding = pad_symmetric(inputs, padding), "valid"
        # TensorFlow's depthwise convolution compares a list with a number.
        strides = strides[0] if strides[0] == strides[1] else tuple(strides)
        return operation(inputs, kernel, strides, padding, "channels_last", tuple(dilation))


def convolve_depthwise(inputs, kernel, strides=(1, 1), padding="valid", dilation=(1, 1)):
    """`ops.depthwise_conv` with channels last, without the taps that meet nothing but padding.

    A 13x13 kernel on a map of 4x4 pixels has 7x7 that ever touch one; backends run all of them,
    and the gradient of the others, which is zero, may take most of the time of a training step.
    """
    if padding == "same":
        sizes = zip(inputs.shape[1:3], kernel.shape[:2], strides, dilation, strict=True)
        kernel = kernel[tuple(_useful_taps(*each) for each in sizes)]
    return _convolve_depthwise(inputs, kernel, strides, padding, dilation)


def _useful_taps(size: int | None, taps: int, stride: int, step: int) -> slice:
    """Along an axis: those that meet the map somewhere, if "same" padding then stays in place."""
    if size is None:
        return slice(None)
    last = -(-size // stride) - 1  # output

    def before(taps):
        return max(0, last * stride + (taps - 1) * step + 1 - size) // 2

    at = [tap * step - before(taps) for tap in range(taps)]  # of the first output
    useful = [tap for tap in range(taps) if at[tap] + last * stride >= 0 and at[tap] < size]
    first, end = useful[0], useful[-1] + 1
    in_place = before(end - first) == before(taps) - first * step
    return slice(first, end) if in_place else slice(None)


__all__ = ["convolve", "convolve_depthwise"]
