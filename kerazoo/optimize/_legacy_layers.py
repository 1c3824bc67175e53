"""The few layers that lowering needs and Keras 2 does not ship. Imports tf_keras."""

import tensorflow as tf
import tf_keras


@tf_keras.saving.register_keras_serializable(package="kerazoo")
class SliceChannels(tf_keras.layers.Layer):
    """Channels `start` to `stop - 1` of the input: `(batch, …, channels)` to `(batch, …, n)`."""

    def __init__(self, start: int, stop: int, **kwargs):
        super().__init__(**kwargs)
        self.start, self.stop = start, stop

    def call(self, inputs):
        return inputs[..., self.start : self.stop]

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.stop - self.start)

    def get_config(self):
        return {**super().get_config(), "start": self.start, "stop": self.stop}


@tf_keras.saving.register_keras_serializable(package="kerazoo")
class GatherChannels(tf_keras.layers.Layer):
    """Channels in another order: output channel i is input channel `indices[i]`."""

    def __init__(self, indices: list[int], **kwargs):
        super().__init__(**kwargs)
        self.indices = list(indices)

    def call(self, inputs):
        return tf.gather(inputs, self.indices, axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], len(self.indices))

    def get_config(self):
        return {**super().get_config(), "indices": self.indices}


@tf_keras.saving.register_keras_serializable(package="kerazoo")
class HardSwish(tf_keras.layers.Layer):
    """`x * relu6(x + 3) / 6`, written so that LiteRT makes its one operation of it."""

    def call(self, inputs):
        return inputs * tf.nn.relu6(inputs + 3.0) * (1.0 / 6.0)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)
