"""Grouped convolution that trains on every backend and device."""

import functools

import keras
from keras import ops

from kerazoo._layer_facts import kernel_macs
from kerazoo.layers._convolution import convolve


@keras.saving.register_keras_serializable(package="kerazoo")
class GroupedConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` with `groups=` that also trains on CPU, and fast.

    Variables, configuration and results are those of `Conv2D`: kernel
    `(height, width, channels / groups, filters)`. Only the way to compute differs, since Keras
    compiles grouped convolutions with XLA on TensorFlow, which takes seconds a layer in training
    (`benchmarks/grouped_conv.py`):

    * TensorFlow: the runtime's grouped kernel where its gradient exists (oneDNN, GPU), which is
      found out by trying; elsewhere one dense convolution a group.
    * JAX: one dense convolution a group, which XLA for CPU handles far better.
    * PyTorch: its own grouped convolution, without copies of channels-last maps.

    Channels first (`data_format`) are turned to the last axis and back: right, and slower.

    Raises:
        ValueError: if `groups` does not divide the channels and the filters (from `Conv2D`).
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # `fit` then does not choose XLA by itself, under which every variant is slow on CPU.
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def convolution_op(self, inputs, kernel):
        if self.groups == 1:
            return super().convolution_op(inputs, kernel)
        if self.data_format == "channels_last":
            return self._grouped_op(inputs, kernel)
        outputs = self._grouped_op(ops.transpose(inputs, (0, 2, 3, 1)), kernel)
        return ops.transpose(outputs, (0, 3, 1, 2))

    def _grouped_op(self, inputs, kernel):
        backend = keras.backend.backend()
        if backend == "torch":
            return convolve(inputs, kernel, self.strides, self.padding, self.dilation_rate)
        # oneDNN, whose gradient that is, has no float64.
        single = keras.backend.standardize_dtype(inputs.dtype) != "float64"
        if backend == "tensorflow" and single and _tensorflow_has_grouped_gradient():
            return self._tensorflow_op(inputs, kernel)
        return self._split_op(inputs, kernel)

    def _tensorflow_op(self, inputs, kernel):
        import tensorflow as tf

        return tf.nn.convolution(
            inputs, kernel, list(self.strides), self.padding.upper(), "NHWC", self.dilation_rate
        )

    def _split_op(self, inputs, kernel):
        parts = ops.split(inputs, self.groups, axis=-1)
        kernels = ops.split(kernel, self.groups, axis=-1)
        done = [
            convolve(part, k, self.strides, self.padding, self.dilation_rate)
            for part, k in zip(parts, kernels, strict=True)
        ]
        return ops.concatenate(done, axis=-1)

    def multiply_adds(self, output_shape) -> int:
        """For `kerazoo.profile`."""
        return kernel_macs([self.kernel], output_shape)


@functools.cache
def _tensorflow_has_grouped_gradient() -> bool:
    """Whether this TensorFlow differentiates grouped convolutions on its device, and rightly.

    TensorFlow's own CPU kernels do not; with oneDNN (the default on x86) they do.
    """
    import tensorflow as tf

    with tf.init_scope():  # tried now, even where a graph is being traced
        x = tf.reshape(tf.range(32.0) / 32, (1, 4, 4, 2))
        kernel = tf.reshape(tf.range(36.0) / 36, (3, 3, 1, 4))
        upstream = tf.reshape(tf.range(64.0) / 64, (1, 4, 4, 4))
        try:
            found = _tensorflow_gradients(x, kernel, upstream)
        except (tf.errors.OpError, ValueError):
            return False
        parts = (tf.split(tensor, 2, axis=-1) for tensor in (x, kernel, upstream))
        by_group = [_tensorflow_gradients(*group) for group in zip(*parts, strict=True)]
        expected = [tf.concat(pair, axis=-1) for pair in zip(*by_group, strict=True)]
        return all(
            bool(tf.reduce_all(tf.abs(a - b) < 1e-2)) for a, b in zip(found, expected, strict=True)
        )


def _tensorflow_gradients(x, kernel, upstream):
    """By the operations themselves: under `init_scope` no tape records."""
    import tensorflow as tf

    fixed = {"strides": [1, 1, 1, 1], "padding": "SAME"}
    return (
        tf.raw_ops.Conv2DBackpropInput(
            input_sizes=x.shape, filter=kernel, out_backprop=upstream, **fixed
        ),
        tf.raw_ops.Conv2DBackpropFilter(
            input=x, filter_sizes=kernel.shape, out_backprop=upstream, **fixed
        ),
    )
