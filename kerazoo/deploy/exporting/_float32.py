"""A network that computes in half precision, as one of float32 layers with the same weights."""

from typing import Any

import keras

from kerazoo._keras_graph import is_graph, layers_of
from kerazoo._layer_facts import in_half_precision


def in_float32(model: keras.Model) -> keras.Model:
    """The model itself, or a copy where layers compute in float16 or bfloat16.

    Under a mixed policy weights are float32 anyway; folding batch norms into them and converting
    them is exact only where the arithmetic is.

    Args:
        model: A functional or sequential model.
    """
    if not any(map(in_half_precision, layers_of(model))):
        return model
    copy = keras.models.clone_model(model, clone_function=_copied)
    copy.set_weights(model.get_weights())
    return copy


def _copied(layer: Any) -> Any:
    if is_graph(layer):
        return in_float32(layer)
    return type(layer).from_config(_full(layer.get_config()))


def _full(config: Any) -> Any:
    """A layer's configuration with float32 for half precision, that of inner layers too."""
    if isinstance(config, list | tuple):
        return type(config)(map(_full, config))
    if not isinstance(config, dict):
        return config
    return {k: "float32" if k == "dtype" and _is_half(v) else _full(v) for k, v in config.items()}


def _is_half(dtype: Any) -> bool:
    """Of a policy as layers write it: `"mixed_bfloat16"`, or that in a serialised `DTypePolicy`."""
    if isinstance(dtype, dict):
        dtype = dtype.get("config", {}).get("name")
    return isinstance(dtype, str) and dtype.endswith("float16")
