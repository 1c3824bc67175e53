"""Bilinear interpolation of feature maps, by either rule for the corners."""

import keras
from keras import ops

from kerazoo._checks import check_flag
from kerazoo.layers._sizes import Sized, known


@keras.saving.register_keras_serializable(package="kerazoo")
class BilinearResize2D(Sized):
    """Bilinear interpolation to a share of a map's size, or to the size of another map.

    Nothing is smoothed where the result is smaller. Input one map or `[map, like]`, output
    `(batch, height, width, channels)`; see `kerazoo.layers._sizes.Sized`.

    Args:
        scale, least: See there.
        align_corners: Whether the centres of the corner pixels lie on one another (`align_corners`
            of PyTorch and TensorFlow 1), or the outer edges (half-pixel centres).
    """

    def __init__(
        self, scale: float | None = None, least: int = 1, align_corners: bool = False, **kwargs
    ):
        super().__init__(scale, least, **kwargs)
        check_flag("align_corners", align_corners)
        self.align_corners = align_corners
        self.supports_jit = keras.backend.backend() != "tensorflow"  # as `GroupedConv2D`

    def resized(self, x, have, want):
        if known((*have, *want)) and tuple(have) == tuple(want):
            return x
        backend = keras.backend.backend()
        if backend == "tensorflow":
            return self._by_tensorflow(x, want)
        if backend == "torch":
            from kerazoo.layers._torch import resize

            return resize(x, want, self.align_corners)
        for axis, (n, m) in enumerate(zip(have, want, strict=True), 1):
            x = self._along(x, axis, n, m)
        return x

    def _by_tensorflow(self, x, want):
        """Its own operation, which every export format has."""
        import tensorflow as tf

        y = tf.raw_ops.ResizeBilinear(
            images=tf.cast(x, tf.float32),
            size=tf.stack(want),
            align_corners=self.align_corners,
            half_pixel_centers=not self.align_corners,
        )
        return tf.cast(y, x.dtype)

    def _along(self, x, axis: int, n: int, m: int):
        places = ops.arange(m, dtype="float32")
        if self.align_corners:
            places = places * ((n - 1) / max(m - 1, 1))
        else:
            places = ops.maximum((places + 0.5) * (n / m) - 0.5, 0.0)
        first = ops.cast(ops.floor(places), "int32")
        shape = [m if i == axis else 1 for i in range(4)]
        share = ops.cast(ops.reshape(places - ops.cast(first, "float32"), shape), x.dtype)
        before, after = (
            ops.take(x, ops.minimum(first + step, n - 1), axis=axis) for step in (0, 1)
        )
        return before + (after - before) * share

    def get_config(self):
        return {**super().get_config(), "align_corners": self.align_corners}
