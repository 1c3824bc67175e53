"""Average pooling as depthwise convolution."""

import keras
import numpy as np

from kerazoo._graph import Graph, Node, unpadded
from kerazoo.deploy.fusion.linear import Linear, common_config

_L = keras.layers


def convolve_pools(graph: Graph, most: int) -> None:
    """Put a depthwise convolution in place of each average pooling of few channels.

    Only where pooling counts the zeros around its input, or has none around it.

    Args:
        graph: Of the network.
        most: Up to so many channels.
    """
    for node in graph.nodes:
        if node.only is not None and _fits(node, most):
            source, zeros = unpadded(node.only)
            graph.replace(node, _convolution(node, zeros), (source,))
    graph.prune()


def _fits(node: Node, most: int) -> bool:
    layer = node.operation
    if type(layer) is not _L.AveragePooling2D or node.shared:
        return False
    channels = node.outputs[0].shape[-1]
    plain = (layer.padding, layer.data_format) == ("valid", "channels_last")
    # TensorFlow has no depthwise convolution with two different strides.
    return plain and channels is not None and channels <= most and len(set(layer.strides)) == 1


def _convolution(node: Node, zeros: int) -> Linear:
    layer, channels = node.operation, node.outputs[0].shape[-1]
    height, width = layer.pool_size
    config = {
        **common_config(layer.get_config()),
        "kernel_size": layer.pool_size,
        "strides": layer.strides[0],
        "padding": "valid",
    }
    kernel = np.full((height, width, channels, 1), 1 / (height * width))
    return Linear(_L.DepthwiseConv2D, layer.name, config, [kernel], None, channels, zeros)
