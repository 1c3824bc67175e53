"""Moving channels about: the shuffle and the split of the ShuffleNets."""

import keras
from keras import ops

from kerazoo._checks import check_flag, check_int
from kerazoo._errors import invalid


@keras.saving.register_keras_serializable(package="kerazoo")
class ChannelShuffle(keras.layers.Layer):
    """Interleave the channels of `groups` groups, so that the next grouped layer mixes them.

    Channel `g * n + i` (the i-th of group g, n channels a group) becomes channel
    `i * groups + g`. Source: https://arxiv.org/abs/1707.01083, figure 1.

    Input and output: `(batch, height, width, channels)`.

    Args:
        groups: Number of groups; must divide the channels.
        planes: Whether whole planes of a picture are moved, between two transposes: for runtimes
            whose channels come first, and whose converters take the transposes away.

    Raises:
        ValueError: if `groups` is not positive or does not divide the channels.
    """

    def __init__(self, groups: int, planes: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.groups = check_int("groups", groups)
        self.planes = check_flag("planes", planes)

    def build(self, input_shape):
        _check_divides("groups", self.groups, input_shape[-1])

    def call(self, inputs):
        _, height, width, channels = inputs.shape
        # Unknown sizes come from the tensor itself; at most one -1 fits into a reshape.
        height, width = (
            ops.shape(inputs)[i + 1] if n is None else n for i, n in enumerate((height, width))
        )
        if self.planes:
            x = ops.transpose(inputs, (0, 3, 1, 2))
            x = ops.reshape(x, (-1, self.groups, channels // self.groups, height, width))
            x = ops.reshape(ops.swapaxes(x, 1, 2), (-1, channels, height, width))
            return ops.transpose(x, (0, 2, 3, 1))
        x = ops.reshape(inputs, (-1, height, width, self.groups, channels // self.groups))
        x = ops.swapaxes(x, 3, 4)
        return ops.reshape(x, (-1, height, width, channels))

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "groups": self.groups, "planes": self.planes}


@keras.saving.register_keras_serializable(package="kerazoo")
class ChannelSplit(keras.layers.Layer):
    """Cut the channels into equal parts, first channels first.

    Input `(batch, height, width, channels)`, output a list of `parts` such tensors.

    Args:
        parts: Number of parts; must divide the channels.
        sliced: Whether each part is cut out by itself: the same result, for converters that take
            transposes past a slice and not past a split.

    Raises:
        ValueError: if `parts` is not positive or does not divide the channels.
    """

    def __init__(self, parts: int = 2, sliced: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.parts = check_int("parts", parts)
        self.sliced = check_flag("sliced", sliced)

    def build(self, input_shape):
        _check_divides("parts", self.parts, input_shape[-1])

    def call(self, inputs):
        if self.sliced:
            size = inputs.shape[-1] // self.parts
            return [inputs[..., i * size : (i + 1) * size] for i in range(self.parts)]
        return ops.split(inputs, self.parts, axis=-1)

    def compute_output_shape(self, input_shape):
        return [(*input_shape[:-1], input_shape[-1] // self.parts)] * self.parts

    def get_config(self):
        return {**super().get_config(), "parts": self.parts, "sliced": self.sliced}


def _check_divides(argument: str, value: int, channels: int) -> None:
    if channels % value:
        raise invalid(argument, value, f"a divisor of the {channels} input channels")
