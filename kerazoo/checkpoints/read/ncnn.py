"""Kernels of ncnn's 8-bit networks, read into arrays: integers, and a scale for each channel.

`name_int8` holds what was rounded, `inv_scale` beside it what each output channel had been
multiplied with.
"""

from collections.abc import Iterable, Mapping

import numpy as np

_INTEGERS, _SCALE = "_int8", "inv_scale"


def whole(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """With float kernels in place of integers and scales; other arrays stay as they are.

    Raises:
        ValueError: There is not one positive scale for each channel.
    """
    pairs = _pairs(arrays)
    aside = {name for pair in pairs.values() for name in pair}
    found = {name: array for name, array in arrays.items() if name not in aside}
    for name, (kernel, inverse) in pairs.items():
        values, scale = arrays[kernel].astype("float32"), arrays[inverse]
        # Of a depthwise kernel (height, width, channels, 1) the channels are the third axis.
        depthwise = values.ndim == 4 and values.shape[3] == 1 != scale.size
        channels = values.shape[2] if depthwise else values.shape[-1]
        if scale.shape != (channels,) or not (scale > 0).all():
            raise ValueError(f"array {kernel[:100]!r} has not one positive scale a channel")
        found[name] = values / (scale[:, None] if depthwise else scale)
    return found


def whole_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names that `whole` gives."""
    names = tuple(names)
    pairs = _pairs(dict.fromkeys(names))
    aside = {name for pair in pairs.values() for name in pair}
    return (*(name for name in names if name not in aside), *pairs)


def _pairs(names: Mapping[str, object]) -> dict[str, tuple[str, str]]:
    """Name of the float array -> those of its integers and of their scales."""
    found = {}
    for name in names:
        inverse = f"{name.rpartition('/')[0]}/{_SCALE}"
        if name.endswith(_INTEGERS) and inverse in names:
            found[name.removesuffix(_INTEGERS)] = (name, inverse)
    return found
