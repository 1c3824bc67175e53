"""Layers with kernels as ordinary, depthwise and transposed convolutions of tf_keras."""

from collections.abc import Sequence

import keras
import numpy as np

from kerazoo.layers import (
    FrozenFLGCConv2D,
    GroupedConv2D,
    GroupedPointwiseConv2D,
    LearnedUpsampling2D,
    MixConv2D,
    SqueezeExcite,
    StridedDilatedDepthwiseConv2D,
)
from kerazoo.layers.mix_conv import dilation_of
from kerazoo.optimize.lowering._make import Make, Piece, cut, rule, whole
from kerazoo.optimize.lowering.activations import activate, then_activate

_L = keras.layers


def _geometry(layer) -> dict:
    return {
        "kernel_size": layer.kernel_size,
        "strides": layer.strides,
        "padding": layer.padding,
        "dilation_rate": layer.dilation_rate,
    }


def _weights(kernel: Piece, bias: Piece | None, attribute: str = "kernel") -> dict[str, Piece]:
    return {attribute: kernel} if bias is None else {attribute: kernel, "bias": bias}


def _bias(layer) -> Piece | None:
    return whole(layer.bias) if layer.use_bias else None


def _biases(layer, sizes) -> Sequence[Piece | None]:
    return cut(layer.bias, sizes) if layer.use_bias else [None] * len(sizes)


@rule(_L.Conv2D, GroupedConv2D)
def conv(layer, x, make: Make):
    """Groups become a convolution each: Keras 2 cannot train grouped ones on every device."""
    config = {**_geometry(layer), "use_bias": layer.use_bias}
    if layer.groups == 1:
        weights = _weights(whole(layer._kernel), _bias(layer))
        y = make("Conv2D", x, weights=weights, filters=layer.filters, **config)
        return then_activate(y, layer, make)
    sizes = [layer.filters // layer.groups] * layer.groups
    parts = make.split(x, [x.shape[-1] // layer.groups] * layer.groups)
    done = [
        make("Conv2D", part, f"group{i}", _weights(kernel, bias), filters=sizes[i], **config)
        for i, (part, kernel, bias) in enumerate(
            zip(parts, cut(layer._kernel, sizes), _biases(layer, sizes), strict=True)
        )
    ]
    return then_activate(make.join(done), layer, make)


@rule(GroupedPointwiseConv2D)
def grouped_pointwise(layer, x, make: Make):
    biases = _biases(layer, layer.filter_splits)
    done = [
        make(
            "Conv2D",
            part,
            f"group{i}",
            _weights(whole(layer.kernels[i]), biases[i]),
            filters=layer.filter_splits[i],
            kernel_size=1,
            use_bias=layer.use_bias,
        )
        for i, part in enumerate(make.split(x, layer.splits))
    ]
    return make.join(done)


@rule(_L.DepthwiseConv2D)
def depthwise(layer, x, make: Make):
    y = _depthwise(layer, x, make, _geometry(layer))
    return then_activate(y, layer, make)


def _depthwise(layer, x, make: Make, geometry: dict):
    return make(
        "DepthwiseConv2D",
        x,
        weights=_weights(whole(layer.kernel), _bias(layer), "depthwise_kernel"),
        depth_multiplier=layer.depth_multiplier,
        use_bias=layer.use_bias,
        **geometry,
    )


@rule(StridedDilatedDepthwiseConv2D)
def strided_dilated_depthwise(layer, x, make: Make):
    """Rows and columns are picked by a pooling of one element, before or behind."""
    stride, dilation = layer.strides[0], layer.dilation_rate[0]
    early = dilation % stride == 0
    geometry = _geometry(layer) | {"strides": 1}
    if early:
        geometry["dilation_rate"] = dilation // stride
    if stride == 1 or early:
        y = _depthwise(layer, _pick(layer, x, make, stride), make, geometry)
    else:
        y = _pick(layer, _depthwise(layer, x, make, geometry), make, stride)
    return then_activate(y, layer, make)


def _pick(layer, x, make: Make, stride: int):
    """Every `stride`-th row and column, the first or (TensorFlow's padding) the last one kept."""
    if stride == 1:
        return x
    if layer.convention == "same":
        if None in x.shape[1:3]:
            raise make.refuse(layer, "of known height and width in front of this layer")
        margins = [((n - 1) % stride, 0) for n in x.shape[1:3]]
        if np.any(margins):
            x = make("Cropping2D", x, "skip", cropping=margins)
    return make("MaxPooling2D", x, "pick", pool_size=1, strides=stride)


@rule(MixConv2D)
def mix_conv(layer, x, make: Make):
    biases = _biases(layer, layer.splits)
    done = []
    for i, part in enumerate(make.split(x, layer.splits)):
        size, padding = layer.kernel_sizes[i], "same"
        if layer.padding == "symmetric" and layer.strides > 1:
            part, padding = make("ZeroPadding2D", part, f"pad{i}", padding=size // 2), "valid"
        y = make(
            "DepthwiseConv2D",
            part,
            f"group{i}",
            _weights(whole(layer.kernels[i]), biases[i], "depthwise_kernel"),
            kernel_size=layer.kernels[i].shape[:2],
            strides=layer.strides,
            padding=padding,
            dilation_rate=dilation_of(size, layer.dilated, layer.dilation_rate),
            use_bias=layer.use_bias,
        )
        done.append(y)
    return make.join(done)


@rule(FrozenFLGCConv2D)
def frozen_flgc(layer, x, make: Make):
    sizes = [*layer.group_filters, layer.constant_filters]
    biases = _biases(layer, sizes if layer.constant_filters else sizes[:-1])
    config = {**_geometry(layer), "use_bias": layer.use_bias}
    done = []
    for i, channels in enumerate(layer.group_channels):
        part = gathered(x, channels, make, f"channels{i}")
        weights = _weights(whole(layer.kernels[i]), biases[i])
        done.append(make("Conv2D", part, f"group{i}", weights, filters=sizes[i], **config))
    if layer.constant_filters:
        # Filters without channels give their bias: a kernel of zeros that is never trained.
        zeros = Piece(np.zeros((1, 1, done[0].shape[-1], sizes[-1]), "float32"))
        config = {"filters": sizes[-1], "kernel_size": 1, "use_bias": layer.use_bias}
        weights = _weights(zeros, biases[-1])
        done.append(make("Conv2D", done[0], "constant", weights, trainable=False, **config))
    return then_activate(make.join(done), layer, make)


def gathered(x, indices, make: Make, part: str = ""):
    """Input channels in the order of `indices`."""
    first, last = indices[0], indices[-1] + 1
    if tuple(indices) == tuple(range(first, last)):
        return make.slice(x, first, last, part)
    return make(make.own("GatherChannels"), x, part, indices=list(indices))


@rule(_L.SeparableConv2D)
def separable(layer, x, make: Make):
    x = make(
        "DepthwiseConv2D",
        x,
        "depthwise",
        {"depthwise_kernel": whole(layer.depthwise_kernel)},
        depth_multiplier=layer.depth_multiplier,
        use_bias=False,
        **_geometry(layer),
    )
    y = make(
        "Conv2D",
        x,
        "pointwise",
        _weights(whole(layer.pointwise_kernel), _bias(layer)),
        filters=layer.filters,
        kernel_size=1,
        use_bias=layer.use_bias,
    )
    return then_activate(y, layer, make)


@rule(_L.Conv2DTranspose, LearnedUpsampling2D)
def transposed(layer, x, make: Make):
    y = make(
        "Conv2DTranspose",
        x,
        weights=_weights(whole(layer.kernel), _bias(layer)),
        filters=layer.filters,
        output_padding=layer.output_padding,
        use_bias=layer.use_bias,
        **_geometry(layer),
    )
    return then_activate(y, layer, make)


@rule(_L.Dense)
def dense(layer, x, make: Make):
    weights = _weights(whole(layer._kernel), _bias(layer))
    y = make("Dense", x, weights=weights, units=layer.units, use_bias=layer.use_bias)
    return then_activate(y, layer, make)


@rule(SqueezeExcite)
def squeeze_excite(layer, x, make: Make):
    gate = make("GlobalAveragePooling2D", x, "pool", keepdims=True)
    for part in (layer.reduce, layer.expand):
        weights = _weights(whole(part._kernel), whole(part.bias))
        gate = make("Conv2D", gate, part.name, weights, filters=part.filters, kernel_size=1)
        if part is layer.reduce:
            gate = activate(gate, layer.activation, make, layer, "reduce_act")
    gate = activate(gate, layer.gate_activation, make, layer, "gate")
    return make("Multiply", [x, gate])
