"""Convolutions of channels-last maps as the backend does them best: for layers of several."""

import keras
from keras import ops

from kerazoo.layers.padding import pad_symmetric

if keras.backend.backend() == "torch":
    from kerazoo.layers._torch import convolve, convolve_depthwise
else:

    def convolve(inputs, kernel, strides=(1, 1), padding="valid", dilation=(1, 1)):
        """`ops.conv` with channels last; see `kerazoo.layers._torch.convolve`."""
        return _run(ops.conv, inputs, kernel, strides, padding, dilation)

    def convolve_depthwise(inputs, kernel, strides=(1, 1), padding="valid", dilation=(1, 1)):
        """`ops.depthwise_conv` with channels last."""
        return _run(ops.depthwise_conv, inputs, kernel, strides, padding, dilation)

    def _run(operation, inputs, kernel, strides, padding, dilation):
        if isinstance(padding, int):
            inputs, padding = pad_symmetric(inputs, padding), "valid"
        # TensorFlow's depthwise convolution compares a list with a number.
        strides = strides[0] if strides[0] == strides[1] else tuple(strides)
        return operation(inputs, kernel, strides, padding, "channels_last", tuple(dilation))


__all__ = ["convolve", "convolve_depthwise"]
