"""Layers without kernels: normalisation, merging, pooling, moving numbers about."""

import keras

from kerazoo._keras_graph import maker
from kerazoo.layers import (
    BatchNormalization,
    ChannelShuffle,
    ChannelSplit,
    CropLike,
    GatherChannels,
)
from kerazoo.optimize.lowering._make import Make, rule, whole
from kerazoo.optimize.lowering.convolutions import gathered

_L = keras.layers
# They act in training only, where the tf_keras model leaves them out: vary the data instead.
TRAINING_ONLY = (
    *(_L.RandomBrightness, _L.RandomContrast, _L.RandomFlip, _L.RandomRotation),
    *(_L.RandomTranslation, _L.RandomZoom, _L.GaussianNoise, _L.GaussianDropout),
    *(_L.AlphaDropout, _L.ActivityRegularization, _L.Identity),
)


@rule(*TRAINING_ONLY)
def nothing(layer, x, make: Make):
    return x


@rule(_L.Dropout)
def dropout(layer, x, make: Make):
    return make("Dropout", x, rate=layer.rate, noise_shape=layer.noise_shape)


@rule(_L.SpatialDropout2D)
def spatial_dropout(layer, x, make: Make):
    return make("SpatialDropout2D", x, rate=layer.rate)


@rule(_L.BatchNormalization, BatchNormalization)
def batch_norm(layer, x, make: Make):
    if layer.axis not in (-1, len(x.shape) - 1) or layer.renorm:
        raise make.refuse(layer, "of batch normalisation over the last axis, without renorm")
    names = ("gamma",) * layer.scale + ("beta",) * layer.center + ("moving_mean", "moving_variance")
    return make(
        "BatchNormalization",
        x,
        weights={name: whole(getattr(layer, name)) for name in names},
        momentum=layer.momentum,
        epsilon=layer.epsilon,
        center=layer.center,
        scale=layer.scale,
    )


@rule(_L.Rescaling)
def rescaling(layer, x, make: Make):
    return make("Rescaling", x, scale=layer.scale, offset=layer.offset)


def _merge(layer, x, make: Make):
    return make(type(layer).__name__, x)


rule(_L.Add, _L.Multiply, _L.Subtract, _L.Average, _L.Maximum, _L.Minimum)(_merge)


@rule(_L.Concatenate)
def concatenate(layer, x, make: Make):
    return make("Concatenate", x, axis=layer.axis)


@rule(_L.MaxPooling2D, _L.AveragePooling2D)
def pooling(layer, x, make: Make):
    return make(
        type(layer).__name__,
        x,
        pool_size=layer.pool_size,
        strides=layer.strides,
        padding=layer.padding,
    )


@rule(_L.GlobalAveragePooling2D, _L.GlobalMaxPooling2D)
def global_pooling(layer, x, make: Make):
    return make(type(layer).__name__, x, keepdims=layer.keepdims)


@rule(_L.ZeroPadding2D)
def zero_padding(layer, x, make: Make):
    return make("ZeroPadding2D", x, padding=layer.padding)


@rule(_L.Cropping2D)
def cropping(layer, x, make: Make):
    return make("Cropping2D", x, cropping=layer.cropping)


@rule(_L.UpSampling2D)
def upsampling(layer, x, make: Make):
    return make("UpSampling2D", x, size=layer.size, interpolation=layer.interpolation)


@rule(_L.Reshape)
def reshape(layer, x, make: Make):
    return make("Reshape", x, target_shape=layer.target_shape)


@rule(_L.Permute)
def permute(layer, x, make: Make):
    return make("Permute", x, dims=layer.dims)


@rule(_L.Flatten)
def flatten(layer, x, make: Make):
    return make("Flatten", x)


@rule(ChannelShuffle)
def channel_shuffle(layer, x, make: Make):
    height, width, channels = x.shape[1:]
    groups, each = layer.groups, channels // layer.groups
    if None in (height, width):  # at most one unknown size fits into a reshape
        order = [g * each + i for i in range(each) for g in range(groups)]
        return gathered(x, order, make)
    x = make("Reshape", x, "groups", target_shape=(height, width, groups, each))
    x = make("Permute", x, "swap", dims=(1, 2, 4, 3))
    return make("Reshape", x, target_shape=(height, width, channels))


@rule(ChannelSplit)
def channel_split(layer, x, make: Make):
    return make.split(x, [x.shape[-1] // layer.parts] * layer.parts)


# `kerazoo.deploy.fuse` cuts channels with this operation, which has no public class.
_Split = type(maker(keras.ops.split(keras.KerasTensor((1, 2)), 2, axis=-1)[0]))


@rule(_Split)
def split(operation, x, make: Make):
    edges = operation.indices_or_sections
    if operation.axis not in (-1, len(x.shape) - 1) or isinstance(edges, int):
        raise make.refuse(operation, "of splits of channels at given edges")
    ends = [*map(int, edges), x.shape[-1]]
    return make.split(x, [end - start for start, end in zip([0, *ends], ends, strict=False)])


@rule(GatherChannels)
def gather_channels(layer, x, make: Make):
    return gathered(x, layer.indices, make, "channels")


@rule(CropLike)
def crop_like(layer, x, make: Make):
    x, like = x
    sizes = (*x.shape[1:3], *like.shape[1:3])
    if None in sizes:
        raise make.refuse(layer, "of known height and width in front of this layer")
    margins = [(0, have - want) for have, want in zip(sizes[:2], sizes[2:], strict=True)]
    return make("Cropping2D", x, cropping=margins)
