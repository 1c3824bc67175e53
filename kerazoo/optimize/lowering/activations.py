"""Activation functions as tf_keras layers."""

import keras

from kerazoo.layers import InferencePReLU, PReLU
from kerazoo.optimize.lowering._make import Make, rule, whole

_L = keras.layers
# Keras 2 has the same function under the same name.
_SAME = ("elu", "exponential", "gelu", "selu", "sigmoid", "softmax", "softplus", "softsign", "tanh")


def activate(x, function, make: Make, layer, part: str = ""):
    """`function(x)` in layers that LiteRT has one operation for.

    Args:
        function: Of `keras.activations`.
        layer: To blame.
        part: Added to the names.
    """
    name = getattr(function, "__name__", str(function))
    if function in (None, keras.activations.linear):
        return x
    if name == "relu":
        return make("ReLU", x, part)
    if name == "relu6":
        return make("ReLU", x, part, max_value=6.0)
    if name == "leaky_relu":
        return make("LeakyReLU", x, part, alpha=0.2)
    if name == "silu":
        gate = make("Activation", x, _named(part, "sigmoid"), activation="sigmoid")
        return make("Multiply", [x, gate], part)
    if name == "hard_silu":
        return make(make.own("HardSwish"), x, part)
    if name == "hard_sigmoid":
        return _hard_sigmoid(x, make, part)
    if name in _SAME and function is getattr(keras.activations, name):
        return make("Activation", x, part, activation=name)
    raise make.refuse(layer, f"free of the activation {name!r}, which cannot be lowered")


def _named(part: str, more: str) -> str:
    return f"{part}_{more}" if part else more


def _hard_sigmoid(x, make: Make, part: str):
    # Keras 2 calls another function so.
    x = make("Rescaling", x, _named(part, "add3"), scale=1.0, offset=3.0)
    x = make("ReLU", x, _named(part, "relu6"), max_value=6.0)
    return make("Rescaling", x, part, scale=1 / 6)


def then_activate(x, layer, make: Make):
    """The activation that a layer has inside, as a layer of its own behind it."""
    function = getattr(layer, "activation", None)
    return activate(x, function, make, layer, getattr(function, "__name__", ""))


@rule(_L.Activation)
def activation(layer, x, make: Make):
    return activate(x, layer.activation, make, layer)


@rule(_L.ReLU)
def relu(layer, x, make: Make):
    return make(
        "ReLU",
        x,
        max_value=layer.max_value,
        negative_slope=layer.negative_slope,
        threshold=layer.threshold,
    )


@rule(_L.LeakyReLU)
def leaky_relu(layer, x, make: Make):
    return make("LeakyReLU", x, alpha=layer.negative_slope)


@rule(_L.ELU)
def elu(layer, x, make: Make):
    return make("ELU", x, alpha=layer.alpha)


@rule(_L.Softmax)
def softmax(layer, x, make: Make):
    return make("Softmax", x, axis=layer.axis)


@rule(PReLU, InferencePReLU)
def prelu(layer, x, make: Make):
    slopes = whole(layer.alpha, (1, 1, -1))
    return make("PReLU", x, weights={"alpha": slopes}, shared_axes=[1, 2])


@rule(_L.PReLU)
def keras_prelu(layer, x, make: Make):
    return make(
        "PReLU", x, weights={"alpha": whole(layer.alpha)}, shared_axes=layer.shared_axes or None
    )
