"""Layers that Keras does not ship, written with `keras.ops` for every backend."""

from kerazoo.layers.batch_norm import BatchNormalization
from kerazoo.layers.grouped_conv import GroupedConv2D
from kerazoo.layers.grouped_pointwise import GroupedPointwiseConv2D
from kerazoo.layers.mix_conv import MixConv2D
from kerazoo.layers.squeeze_excite import SqueezeExcite

__all__ = [
    "BatchNormalization",
    "GroupedConv2D",
    "GroupedPointwiseConv2D",
    "MixConv2D",
    "SqueezeExcite",
]
