"""PReLU with one slope a channel."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerazoo")
class PReLU(keras.layers.PReLU):
    """`x` where it is positive, `alpha * x` elsewhere, with one learned slope a channel.

    The slopes are a vector `(channels,)`, as PyTorch keeps them, so that trained weights move over
    and the spatial size of the input plays no part. `keras.layers.PReLU` has a slope for every
    element, and with `shared_axes` one of shape `(1, 1, channels)`.

    Input and output: `(batch, height, width, channels)`.

    Args:
        alpha_initializer: Of the slopes; default 0.25, as in PyTorch and the PReLU paper
            (He et al., 2015).
        alpha_regularizer, alpha_constraint: As in the Keras layer.
    """

    def __init__(
        self, alpha_initializer=None, alpha_regularizer=None, alpha_constraint=None, **kwargs
    ):
        kwargs.pop("shared_axes", None)  # the base class writes it into the configuration
        if alpha_initializer is None:
            alpha_initializer = keras.initializers.Constant(0.25)
        super().__init__(
            alpha_initializer=alpha_initializer,
            alpha_regularizer=alpha_regularizer,
            alpha_constraint=alpha_constraint,
            **kwargs,
        )
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape):
        channels = input_shape[-1]
        if channels is None:
            raise ValueError(f"PReLU needs a known channel count. Received: {input_shape}")
        self.alpha = self.add_weight(
            name="alpha",
            shape=(channels,),
            initializer=self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )
        self.input_spec = keras.layers.InputSpec(ndim=4, axes={-1: channels})

    def call(self, inputs):
        # TFLite's converter recognises this very form, slopes of shape (1, 1, channels) included.
        slopes = ops.reshape(self.alpha, (1, 1, -1))
        return ops.relu(inputs) + (-slopes) * ops.relu(-inputs)
