"""Cuts a feature map to the size of another."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerazoo")
class CropLike(keras.layers.Layer):
    """The first rows and columns of a map, as many as a second map has.

    Upsampling by 2 what a stride of 2 made of an odd size gives one row too many; sizes may be
    unknown when the model is built.

    Inputs `[map (batch, h, w, channels), like (batch, height, width, any)]` with `h >= height` and
    `w >= width`; output `(batch, height, width, channels)`.

    Raises:
        ValueError: if it is not called with two maps, or the first is known to be the smaller.
    """

    def call(self, inputs):
        x, like = inputs
        rows, columns = ops.shape(like)[1:3]
        return x[:, :rows, :columns]

    def build(self, input_shape):
        if len(input_shape) != 2 or any(len(s) != 4 for s in input_shape):
            raise ValueError(
                f"CropLike takes two maps, `[map, like]`. Received shapes: {input_shape}"
            )
        short = any(
            have is not None and want is not None and have < want
            for have, want in zip(input_shape[0][1:3], input_shape[1][1:3], strict=True)
        )
        if short:
            raise ValueError(
                "CropLike needs a first map at least as large as the second. "
                f"Received shapes: {input_shape}"
            )

    def compute_output_shape(self, input_shape):
        x, like = input_shape
        return (x[0], like[1], like[2], x[3])

    def compute_output_spec(self, inputs):
        shape = self.compute_output_shape([tuple(x.shape) for x in inputs])
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        # Without this Keras derives the configuration from the arguments, and refuses a dtype
        # that was given as a policy.
        return super().get_config()
