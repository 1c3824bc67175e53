"""Float arrays that are stored as integers and a scale: a byte a number, and exact.

Networks that were trained for 8 bits have kernels of at most 256 values, a constant apart. `name`
then holds what tells them apart as unsigned integers, `name/zero` the integer that stands for 0,
and `name/scale` the distance: `(name - zero) * scale` in float32 is what the network learned.
"""

from collections.abc import Mapping

import numpy as np

SCALE, ZERO = "/scale", "/zero"
_PARTS = (SCALE, ZERO)


def narrowed(name: str, array: np.ndarray) -> dict[str, np.ndarray]:
    """An array as it is stored: as integers where that is exact, otherwise as it is.

    Args:
        name: Of the array.
        array: float32.
    """
    values = np.unique(array)
    if not 1 < len(values) <= 256 or not np.isfinite(values).all():
        return {name: array}
    # The values are integers times the scale but for rounding: the largest tells the scale best.
    gap = float(np.diff(values.astype("float64")).min())
    largest = values[np.argmax(np.abs(values))]
    scale = np.float32(float(largest) / round(float(largest) / gap))
    nearest = (scale, np.nextafter(scale, np.float32(np.inf)), np.nextafter(scale, np.float32(0)))
    for each in nearest:
        steps = np.round(array / each).astype("int64")
        zero = -int(steps.min())
        if steps.max() + zero > 255:
            continue
        stored = {
            name: (steps + zero).astype("uint8"),
            name + SCALE: np.array(each, "float32"),
            name + ZERO: np.array(zero, "int32"),
        }
        if np.array_equal(widened(stored)[name], array):
            return stored
    return {name: array}


def widened(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The float arrays behind what `narrowed` gave; others stay as they are.

    Raises:
        ValueError: A scale or zero that is not a single number.
    """
    stored = {name for name, array in arrays.items() if _is_stored(name, array.dtype.kind, arrays)}
    parts = {name + part for name in stored for part in _PARTS}
    found = {name: array for name, array in arrays.items() if name not in parts}
    for name in stored:
        scale, zero = (arrays[name + part] for part in _PARTS)
        if scale.shape or zero.shape:
            raise ValueError(f"array {name[:100]!r} has not one scale and one zero")
        found[name] = (arrays[name].astype("int32") - zero).astype("float32") * scale
    return found


def whole_names(kinds: Mapping[str, str]) -> tuple[str, ...]:
    """The names that `widened` gives.

    Args:
        kinds: Name -> kind of number, NumPy's letter for it.
    """
    stored = {name for name, kind in kinds.items() if _is_stored(name, kind, kinds)}
    return tuple(
        name for name in kinds if not (name.endswith(_PARTS) and name.rpartition("/")[0] in stored)
    )


def _is_stored(name: str, kind: str, names: Mapping) -> bool:
    return kind == "u" and all(name + part in names for part in _PARTS)
