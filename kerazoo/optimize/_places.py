"""Which tensors of a network LiteRT holds in int8, and what therefore has to be on a grid."""

from typing import Any

# Class of tf_keras -> its kernel, and the axes of it that share a scale.
KERNELS = {
    "Conv2D": ("kernel", (0, 1, 2)),
    "DepthwiseConv2D": ("depthwise_kernel", (0, 1)),
    "Dense": ("kernel", (0,)),
}
# Their output is on the grid of their input.
SAME = {
    *("MaxPooling2D", "AveragePooling2D", "GlobalMaxPooling2D", "UpSampling2D"),
    *("ZeroPadding2D", "Cropping2D", "Reshape", "Permute", "Flatten"),
    *("SliceChannels", "GatherChannels", "Dropout", "SpatialDropout2D"),
}
# They have an int8 operation, and a grid of their own behind it.
OWN = {
    *("Add", "Multiply", "Subtract", "Maximum", "Minimum", "Concatenate"),
    *("ReLU", "LeakyReLU", "PReLU", "HardSwish", "GlobalAveragePooling2D", "Rescaling"),
}
# LiteRT lays down their grid.
FIXED = {"sigmoid": (0.0, 255 / 256), "softmax": (0.0, 255 / 256), "tanh": (-1.0, 127 / 128)}


def places(model: Any) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """What each layer of a tf_keras model has on a grid.

    A layer whose only reader is a ReLU becomes one operation with it, and has no output of its
    own. What is only read by a concatenation is written on the grid of that.

    Args:
        model: Functional, without batch normalisation that could be folded.

    Returns:
        Layer -> arguments of `Grids`; and the layers that stay in float, with the reason.
    """
    grids, floats = {}, {}
    for layer in model.layers:
        kind = type(layer).__name__
        if kind == "InputLayer":
            continue
        kernel, axes = KERNELS.get(kind, (None, ()))
        reason = _reason(layer, kind)
        if reason:
            floats[layer.name] = f"{kind}: {reason}"
        output = None if kind in SAME or _joined(layer, kind) else _fixed(layer) or "moving"
        grids[layer.name] = {"kernel": kernel, "axes": axes, "output": output}
    return grids, floats


def _reason(layer, kind: str) -> str | None:
    if kind in KERNELS or kind in SAME:
        return None
    if kind in OWN:
        many = len(layer.input) > 2 if isinstance(layer.input, list) else False
        if many and kind != "Concatenate":
            return "sums of more than two inputs have no int8 operation"
        if kind == "Rescaling" and layer.scale != 1 and layer.offset != 0:
            return "a product in front of a sum has no range"
        return None
    if kind == "BatchNormalization":
        return "it could not be folded into a convolution"
    if _fixed(layer):
        return None
    function = getattr(getattr(layer, "activation", None), "__name__", "")
    return f"LiteRT has no int8 operation for {function or 'it'}"


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
