"""PReLU in two operations in place of five, for the slopes that training ends with."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerazoo.deploy.fuse_graph import Graph
from kerazoo.layers import MaximumPReLU, PReLU


@dataclass(frozen=True)
class _Made:
    """A layer to be made on emission, with its slopes."""

    config: dict[str, Any]
    slopes: np.ndarray

    def emit(self, x):
        layer = MaximumPReLU.from_config(self.config)
        y = layer(x)
        layer.set_weights([self.slopes])
        return y


def take_maxima(graph: Graph) -> None:
    """Put a `MaximumPReLU` in place of each PReLU by channel that no slope above 1 forbids."""
    for node in graph.nodes:
        layer = node.operation
        by_channel = type(layer) is PReLU or (
            type(layer) is keras.layers.PReLU
            and list(layer.shared_axes or ()) == [1, 2]
            and len(node.outputs[0].shape) == 4
        )
        if not by_channel or node.only is None or node.shared:
            continue
        slopes = layer.get_weights()[0].reshape(-1)
        if (slopes <= 1).all():
            config = {"name": layer.name, "dtype": layer.dtype_policy, "trainable": layer.trainable}
            node.operation = _Made(config, slopes)
