"""Which layers let their channels be reordered, and what that does to their weights."""

from collections.abc import Callable

import keras
import numpy as np

Weights = list[np.ndarray]

_L = keras.layers
# Nothing in them depends on which channel is which.
_PASSIVE = (
    *(_L.ReLU, _L.LeakyReLU, _L.ELU, _L.Dropout, _L.SpatialDropout2D),
    *(_L.ZeroPadding2D, _L.Cropping2D, _L.UpSampling2D, _L.MaxPooling2D, _L.AveragePooling2D),
    *(_L.GlobalMaxPooling2D, _L.GlobalAveragePooling2D),
)
_ELEMENTWISE = (
    *("elu", "gelu", "hard_sigmoid", "hard_swish", "hard_tanh", "leaky_relu", "linear", "mish"),
    *("relu", "relu6", "selu", "sigmoid", "silu", "softplus", "softsign", "swish", "tanh"),
)
MERGES = (_L.Add, _L.Average, _L.Maximum, _L.Minimum, _L.Multiply, _L.Subtract)


def pass_through(layer) -> Callable[[Weights, np.ndarray], Weights] | None:
    """How the layer's weights follow a new order of its channels; None if it cannot follow.

    The function takes the weights as `layer.get_weights()` gives them and the order (new channel i
    is old channel `order[i]`); the layer's output has the same order as its input.
    """
    # Exact types: a subclass may do anything to its channels.
    if type(layer) in _PASSIVE:
        return lambda weights, order: weights
    if type(layer) is keras.layers.Activation:
        name = getattr(layer.activation, "__name__", None)
        builtin = name in _ELEMENTWISE and keras.activations.get(name) is layer.activation
        return (lambda weights, order: weights) if builtin else None
    if isinstance(layer, keras.layers.BatchNormalization) and layer.axis in (-1, 3):
        return lambda weights, order: [w[order] for w in weights]
    if isinstance(layer, keras.layers.PReLU) and list(layer.shared_axes or ()) == [1, 2]:
        return lambda weights, order: [w[..., order] for w in weights]
    if type(layer) is keras.layers.DepthwiseConv2D and layer.depth_multiplier == 1:
        return lambda weights, order: [weights[0][:, :, order], *(w[order] for w in weights[1:])]
    return None


def absorb(layer) -> Callable[[Weights, np.ndarray], Weights] | None:
    """How a layer that sums over all channels undoes a new order of them; None for others."""
    if is_plain_convolution(layer):
        return lambda weights, order: [weights[0][:, :, order], *weights[1:]]
    if type(layer) is keras.layers.Dense and layer.built and len(layer.get_weights()) <= 2:
        return lambda weights, order: [weights[0][order], *weights[1:]]
    return None


def is_plain_convolution(layer) -> bool:
    """Whether every filter sees every channel, and the weights are a kernel and a bias."""
    return (
        type(layer) is keras.layers.Conv2D
        and layer.groups == 1
        and layer.data_format == "channels_last"
        and len(layer.get_weights()) == 1 + layer.use_bias
    )


def reorder_filters(weights: Weights, order: np.ndarray) -> Weights:
    """A plain convolution's weights for filters in another order."""
    return [w[..., order] for w in weights]
