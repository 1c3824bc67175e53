"""PReLU in fewer operations than five."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerazoo._graph import Graph
from kerazoo.layers import InferencePReLU, PReLU


@dataclass(frozen=True)
class _Made:
    """A layer to be made on emission, with its slopes."""

    config: dict[str, Any]
    slopes: np.ndarray

    def emit(self, x):
        layer = InferencePReLU.from_config(self.config)
        y = layer(x)
        layer.set_weights([self.slopes])
        return y


def shorten_prelu(graph: Graph, convolved: bool = False) -> None:
    """Put an `InferencePReLU` in place of each PReLU with one slope a channel.

    Args:
        graph: Of the network.
        convolved: As that layer takes it.
    """
    for node in graph.nodes:
        layer = node.operation
        by_channel = type(layer) is PReLU or (
            type(layer) is keras.layers.PReLU
            and list(layer.shared_axes or ()) == [1, 2]
            and len(node.outputs[0].shape) == 4
        )
        if by_channel and node.only is not None and not node.shared:
            slopes = layer.get_weights()[0].reshape(-1)
            config = {"name": layer.name, "dtype": layer.dtype_policy, "trainable": layer.trainable}
            config |= {"bounded": bool((slopes <= 1).all()), "convolved": convolved}
            node.operation = _Made(config, slopes)
