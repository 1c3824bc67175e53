"""Which tensors of a network LiteRT holds in int8, and what therefore has to be on a grid."""

from typing import Any

# Class of tf_keras -> its kernel, and the axes of it that share a scale.
KERNELS = {
    "Conv2D": ("kernel", (0, 1, 2)),
    "DepthwiseConv2D": ("depthwise_kernel", (0, 1)),
    "Conv2DTranspose": ("kernel", (0, 1, 3)),
    "Dense": ("kernel", (0,)),
}
# Their output is on the grid of their input.
SAME = {
    *("MaxPooling2D", "AveragePooling2D", "GlobalMaxPooling2D", "UpSampling2D"),
    *("ZeroPadding2D", "Cropping2D", "Reshape", "Permute", "Flatten"),
    *("SliceChannels", "GatherChannels", "Dropout", "SpatialDropout2D"),
}
# LiteRT lays down their grid.
FIXED = {"sigmoid": (0.0, 255 / 256), "softmax": (0.0, 255 / 256), "tanh": (-1.0, 127 / 128)}


def places(model: Any) -> dict[str, dict[str, Any]]:
    """What each layer of a tf_keras model has on a grid.

    A layer whose only reader is a ReLU becomes one operation with it, and has no output of its
    own. What is only read by a concatenation is written on the grid of that.

    Args:
        model: Functional.

    Returns:
        Layer -> arguments of `Grids`.
    """
    grids = {}
    for layer in model.layers:
        kind = type(layer).__name__
        if kind == "InputLayer":
            continue
        kernel, axes = KERNELS.get(kind, (None, ()))
        output = None if kind in SAME or _joined(layer, kind) else _fixed(layer) or "moving"
        grids[layer.name] = {"kernel": kernel, "axes": axes, "output": output}
    return grids


def _fixed(layer) -> tuple[float, float] | None:
    kind = type(layer).__name__
    name = "softmax" if kind == "Softmax" else ""
    if kind == "Activation":
        name = getattr(layer.activation, "__name__", "")
    return FIXED.get(name)


def _joined(layer, kind: str) -> bool:
    """Whether the layer's output does not exist, or is on the grid of its reader."""
    readers = [node.outbound_layer for node in layer._outbound_nodes]
    if len(readers) != 1:
        return False
    (reader,) = readers
    if type(reader).__name__ == "Concatenate":
        return kind in KERNELS
    plain = type(reader).__name__ == "ReLU" and not (reader.negative_slope or reader.threshold)
    fits = plain and (reader.max_value is None or float(reader.max_value) == 6.0)
    return fits and (kind in KERNELS or kind == "Add")
