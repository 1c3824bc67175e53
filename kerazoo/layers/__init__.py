"""Layers that Keras does not ship, written with `keras.ops` for every backend."""

from kerazoo.layers.adaptive_pool import AdaptiveAveragePooling2D
from kerazoo.layers.batch_norm import BatchNormalization
from kerazoo.layers.bilinear_resize import BilinearResize2D
from kerazoo.layers.channel_shuffle import ChannelShuffle, ChannelSplit
from kerazoo.layers.crop_like import CropLike
from kerazoo.layers.dilated_depthwise import StridedDilatedDepthwiseConv2D
from kerazoo.layers.dilated_pool import DilatedAveragePooling2D
from kerazoo.layers.flgc import FLGCConv2D
from kerazoo.layers.frozen_flgc import FrozenFLGCConv2D, GatherChannels
from kerazoo.layers.grouped_conv import GroupedConv2D
from kerazoo.layers.grouped_pointwise import GroupedPointwiseConv2D
from kerazoo.layers.inference_prelu import InferencePReLU
from kerazoo.layers.l2_normalization import L2Normalization
from kerazoo.layers.learned_upsampling import LearnedUpsampling2D
from kerazoo.layers.mix_conv import MixConv2D
from kerazoo.layers.prelu import PReLU
from kerazoo.layers.squeeze_excite import SqueezeExcite

__all__ = [
    "AdaptiveAveragePooling2D",
    "BatchNormalization",
    "BilinearResize2D",
    "ChannelShuffle",
    "ChannelSplit",
    "CropLike",
    "DilatedAveragePooling2D",
    "FLGCConv2D",
    "FrozenFLGCConv2D",
    "GatherChannels",
    "GroupedConv2D",
    "GroupedPointwiseConv2D",
    "InferencePReLU",
    "L2Normalization",
    "LearnedUpsampling2D",
    "MixConv2D",
    "PReLU",
    "SqueezeExcite",
    "StridedDilatedDepthwiseConv2D",
]
