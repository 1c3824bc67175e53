"""Normalisation of every place's channels to one length, which is learned (ParseNet, SSD)."""

import keras
from keras import ops

from kerazoo._checks import checked
from kerazoo._errors import invalid
from kerazoo._rules import is_number


@keras.saving.register_keras_serializable(package="kerazoo")
class L2Normalization(keras.layers.Layer):
    """Divides the channels of each place by their length, and multiplies each with its scale.

    Source: SSD (arXiv 1512.02325, section 3.1) after ParseNet (arXiv 1506.04579); as torchvision's
    `ssd300_vgg16` has it.

    Args:
        initial_scale: That the scales start from; 20 in SSD.
        epsilon: Least length that is divided by.
    """

    @checked("initial_scale", "epsilon")
    def __init__(self, initial_scale: float = 20.0, epsilon: float = 1e-12, **kwargs):
        super().__init__(**kwargs)
        for name, value in (("initial_scale", initial_scale), ("epsilon", epsilon)):
            if not is_number(value) or value <= 0:
                raise invalid(name, value, "a positive number")
        self.initial_scale, self.epsilon = float(initial_scale), float(epsilon)

    def build(self, input_shape):
        self.scale = self.add_weight(
            name="scale",
            shape=(input_shape[-1],),
            initializer=keras.initializers.Constant(self.initial_scale),
        )

    def call(self, inputs):
        length = ops.sqrt(ops.sum(ops.square(inputs), axis=-1, keepdims=True))
        return inputs / ops.maximum(length, self.epsilon) * self.scale

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "initial_scale": self.initial_scale,
            "epsilon": self.epsilon,
        }
