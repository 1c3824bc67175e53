"""Layers that sum products: what a change of scale before or behind them does to their weights."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from kerazoo.layers import (
    BatchNormalization,
    FrozenFLGCConv2D,
    GroupedConv2D,
    GroupedPointwiseConv2D,
    LearnedUpsampling2D,
    MixConv2D,
    StridedDilatedDepthwiseConv2D,
)

Kernels = list[np.ndarray]
_L = keras.layers


@dataclass(frozen=True)
class Affine:
    """`x * scale + shift`, a number each for every channel of the last axis, in float64."""

    scale: np.ndarray
    shift: np.ndarray

    def __getitem__(self, channels) -> "Affine":
        return Affine(self.scale[channels], self.shift[channels])

    @property
    def centred(self) -> bool:
        """Whether zero stays zero."""
        return not self.shift.any()

    @property
    def rising(self) -> bool:
        return bool((self.scale > 0).all())


@dataclass(frozen=True)
class Linear:
    """A layer to be made: its class, configuration and weights.

    Attributes:
        filters: Number of output channels.
        config: With `use_bias`, and an activation where the old layer had one.
        zeros: Rows and columns of zeros to put on every side first.
    """

    kind: type
    name: str
    config: dict[str, Any]
    kernels: Kernels
    bias: np.ndarray | None
    filters: int
    zeros: int = 0

    @property
    def open(self) -> bool:
        """Whether nothing comes between the sum and the output."""
        return self.config.get("activation", "linear") in (None, "linear")

    @property
    def takes_input(self) -> bool:
        """Whether a change of scale of the input can be taken up."""
        return KINDS[self.kind].input is not None

    @property
    def pads(self) -> bool:
        """Whether it adds zeros around its input."""
        return self.config.get("padding", "valid") != "valid" and any(
            max(k.shape[:2]) > 1 for k in self.kernels
        )

    def then(self, affine: Affine) -> "Linear":
        """The layer with `affine` applied to its output."""
        bias = affine.shift
        if self.bias is not None:
            bias = bias + self.bias * affine.scale
        kernels = KINDS[self.kind].output(self, affine.scale)
        return replace(self, kernels=kernels, bias=bias)

    def after(self, affine: Affine) -> "Linear":
        """The layer for an input that `affine` was not applied to."""
        change, bias = KINDS[self.kind].input, self.bias
        assert change is not None, "ask `takes_input` first"
        if not affine.centred:
            added = _sums(self, change(self, affine.shift))
            bias = added if bias is None else bias + added
        return replace(self, kernels=change(self, affine.scale), bias=bias)

    def emit(self, x):
        """The new layer on the tensor `x`."""
        if self.zeros:
            x = _L.ZeroPadding2D(self.zeros, name=f"{self.name}_zeros")(x)
        layer = self.kind.from_config({**self.config, "use_bias": self.bias is not None})
        y = layer(x)
        layer.set_weights(self.kernels if self.bias is None else [*self.kernels, self.bias])
        return y


@dataclass(frozen=True)
class _Kind:
    """How one class of layers keeps its kernels.

    Attributes:
        output: Kernels for outputs `scale` times as large.
        input: Kernels for inputs `1 / scale` times as large, where that is possible.
        filters: Number of output channels.
    """

    output: Callable[[Linear, np.ndarray], Kernels]
    input: Callable[[Linear, np.ndarray], Kernels] | None
    filters: Callable[[Any, Kernels], int]


def _sums(linear: Linear, kernels: Kernels) -> np.ndarray:
    """Each filter's sum, the output for an input of ones."""
    if linear.kind in _DEPTHWISE:
        return kernels[0].sum((0, 1)).reshape(-1)
    if linear.kind is MixConv2D:
        return np.concatenate([k.sum((0, 1)).reshape(-1) for k in kernels])
    if linear.kind is _L.SeparableConv2D:
        return kernels[0].sum((0, 1)).reshape(-1) @ kernels[1][0, 0]
    sums = [k.sum(tuple(range(k.ndim - 1))) for k in kernels]
    rest = linear.filters - sum(map(len, sums))  # filters without channels
    return np.concatenate([*sums, np.zeros(rest)])


def _cut(values: np.ndarray, sizes) -> list[np.ndarray]:
    return np.split(values, np.cumsum(sizes)[:-1])


def _each_output(linear, scale):
    sizes = [k.shape[-1] for k in linear.kernels]
    parts = _cut(scale, [*sizes, len(scale) - sum(sizes)])
    return [k * s for k, s in zip(linear.kernels, parts, strict=False)]


def _grouped_input(linear, scale):
    (kernel,) = linear.kernels
    groups = len(scale) // kernel.shape[-2]
    parts = np.split(kernel, groups, axis=-1)
    scaled = [k * s[:, None] for k, s in zip(parts, np.split(scale, groups), strict=True)]
    return [np.concatenate(scaled, axis=-1)]


def _split_input(linear, scale):
    parts = _cut(scale, [k.shape[2] for k in linear.kernels])
    return [k * s[:, None] for k, s in zip(linear.kernels, parts, strict=True)]


def _gathered_input(linear, scale):
    channels = linear.config["group_channels"]
    return [k * scale[c][:, None] for k, c in zip(linear.kernels, channels, strict=True)]


def _depthwise_output(linear, scale):
    (kernel,) = linear.kernels
    return [kernel * scale.reshape(kernel.shape[2:])]


def _mixed(linear, scale):
    parts = _cut(scale, [k.shape[2] for k in linear.kernels])
    return [k * s[:, None] for k, s in zip(linear.kernels, parts, strict=True)]


def _last(layer, kernels):
    return kernels[-1].shape[-1]


_DEPTHWISE = (_L.DepthwiseConv2D, StridedDilatedDepthwiseConv2D)
_dense = _Kind(_each_output, _grouped_input, _last)
_depthwise = _Kind(
    _depthwise_output,
    lambda linear, scale: [linear.kernels[0] * scale[:, None]],
    lambda layer, kernels: kernels[0].shape[2] * kernels[0].shape[3],
)
_transposed = _Kind(
    lambda linear, scale: [linear.kernels[0] * scale[:, None]],
    None,
    lambda layer, kernels: kernels[0].shape[2],
)
# Exact classes: a subclass may do anything with its weights.
KINDS: dict[type, _Kind] = {
    _L.Conv2D: _dense,
    _L.Dense: _dense,
    GroupedConv2D: _dense,
    _L.DepthwiseConv2D: _depthwise,
    StridedDilatedDepthwiseConv2D: _depthwise,
    MixConv2D: _Kind(_mixed, _mixed, lambda layer, kernels: sum(layer.splits)),
    GroupedPointwiseConv2D: _Kind(_each_output, _split_input, lambda layer, kernels: layer.filters),
    FrozenFLGCConv2D: _Kind(_each_output, _gathered_input, lambda layer, kernels: layer.filters),
    _L.SeparableConv2D: _Kind(
        lambda linear, scale: [linear.kernels[0], linear.kernels[1] * scale],
        lambda linear, scale: [linear.kernels[0] * scale[:, None], linear.kernels[1]],
        _last,
    ),
    _L.Conv2DTranspose: _transposed,
    LearnedUpsampling2D: _transposed,
}


def linear(layer) -> Linear | None:
    """The layer as a `Linear`; None if it is of another kind or quantised."""
    if type(layer) not in KINDS or getattr(layer, "data_format", None) == "channels_first":
        return None
    if getattr(layer, "quantization_mode", None) or getattr(layer, "lora_enabled", False):
        return None
    weights = [np.asarray(w, "float64") for w in layer.get_weights()]
    bias = weights.pop() if layer.use_bias else None
    config = layer.get_config()
    for key in config:  # they belong to training
        if key.endswith(("_regularizer", "_constraint")):
            config[key] = None
    activation = getattr(layer, "activation", None)
    if activation in (None, keras.activations.linear) and "activation" in config:
        config["activation"] = "linear"
    filters = KINDS[type(layer)].filters(layer, weights)
    return Linear(type(layer), layer.name, config, weights, bias, filters)


def common_config(config: dict[str, Any]) -> dict[str, Any]:
    """What a layer of another class takes over from the old one's configuration."""
    kept = {key: config[key] for key in ("name", "dtype", "trainable")}
    return {**kept, "data_format": "channels_last"}


def affine(layer, channels: int) -> Affine | None:
    """What the layer does, if at inference it multiplies and adds by channel; else None."""
    if type(layer) is _L.Rescaling:
        return _rescaling(layer, channels)
    if type(layer) not in (_L.BatchNormalization, BatchNormalization) or layer.renorm:
        return None
    return _batch_norm(layer) if layer.axis in (-1, layer.input_spec.ndim - 1) else None


def _batch_norm(layer) -> Affine:
    mean, variance = (
        np.asarray(keras.ops.convert_to_numpy(v), "float64")
        for v in (layer.moving_mean, layer.moving_variance)
    )
    scale = 1 / np.sqrt(variance + layer.epsilon)
    if layer.scale:
        scale = scale * keras.ops.convert_to_numpy(layer.gamma)
    shift = -mean * scale
    return Affine(scale, shift + keras.ops.convert_to_numpy(layer.beta) if layer.center else shift)


def _rescaling(layer, channels: int) -> Affine | None:
    try:
        scale, shift = (
            np.broadcast_to(np.asarray(v, "float64"), (channels,))
            for v in (layer.scale, layer.offset)
        )
    except (ValueError, TypeError):  # other shapes
        return None
    return Affine(scale, shift)
