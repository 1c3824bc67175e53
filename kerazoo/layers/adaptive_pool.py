"""Means over windows that divide a map evenly, whatever its size."""

import keras
import numpy as np
from keras import ops

from kerazoo.layers._sizes import Sized, known

TAPS = 3  # pixels of a window up to which they are gathered


@keras.saving.register_keras_serializable(package="kerazoo")
class AdaptiveAveragePooling2D(Sized):
    """Average pooling to a share of a map's size, or to the size of another map.

    From n pixels to m, pixel i is the mean of pixels `floor(i n / m)` to `ceil((i + 1) n / m) - 1`:
    windows may overlap, as PyTorch's adaptive pooling has it. (`keras.layers` has it for sizes that
    are known alone.) Input one map or `[map, like]`, output `(batch, height, width, channels)`; see
    `kerazoo.layers._sizes.Sized`.

    Args:
        scale, least: See there.
    """

    def resized(self, x, have, want):
        if known((*have, *want)):
            return self._static(x, tuple(have), tuple(want))
        rows, columns = (_matrix(n, m, x.dtype) for n, m in zip(have, want, strict=True))
        return _weighted(x, rows, columns)

    def _static(self, x, have: tuple[int, int], want: tuple[int, int]):
        if have == want:
            return x
        if all(n % m == 0 for n, m in zip(have, want, strict=True)):
            window = (have[0] // want[0], have[1] // want[1])
            return ops.average_pool(x, window, window, data_format="channels_last")
        windows = [_windows(n, m) for n, m in zip(have, want, strict=True)]
        if max((ends - starts).max() for starts, ends in windows) > TAPS:
            rows, columns = (_matrix(n, m, x.dtype) for n, m in zip(have, want, strict=True))
            return _weighted(x, rows, columns)
        for axis, (starts, ends) in enumerate(windows, 1):
            x = _gathered(x, axis, starts, ends)
        return x


def _windows(n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each window begins and ends."""
    places = np.arange(m, dtype="int32")
    return places * n // m, ((places + 1) * n + m - 1) // m


def _gathered(x, axis: int, starts: np.ndarray, ends: np.ndarray):
    """Sums of a few neighbours: sooner than a product with a matrix of mostly zeros."""
    sizes = ends - starts
    shape = [-1 if i == axis else 1 for i in range(4)]
    total = 0
    for tap in range(sizes.max()):
        part = ops.take(x, np.minimum(starts + tap, ends - 1), axis=axis)
        if sizes.min() < sizes.max():
            share = np.where(tap < sizes, 1 / sizes, 0.0).reshape(shape)
            part = part * ops.cast(share, x.dtype)
        total = total + part
    return total / int(sizes.max()) if sizes.min() == sizes.max() else total


def _matrix(n, m, dtype):
    """Share of each of n pixels in each of m means, `(m, n)`."""
    if known((n, m)):
        starts, ends = _windows(n, m)
        starts, ends, pixels = starts[:, None], ends[:, None], np.arange(n)[None]
        inside = (pixels >= starts) & (pixels < ends)
        return ops.cast(inside / (ends - starts), dtype)
    places = ops.arange(m, dtype="int32")[:, None]
    starts, ends = places * n // m, ((places + 1) * n + m - 1) // m
    pixels = ops.arange(n, dtype="int32")[None]
    inside = ops.logical_and(pixels >= starts, pixels < ends)
    return ops.cast(inside, dtype) / ops.cast(ends - starts, dtype)


def _weighted(x, rows, columns):
    shape = ops.shape(x)
    flat = ops.reshape(x, (shape[0], shape[1], shape[2] * shape[3]))
    y = ops.matmul(rows[None], flat)
    y = ops.reshape(y, (shape[0], ops.shape(rows)[0], shape[2], shape[3]))
    return ops.matmul(columns[None, None], y)
