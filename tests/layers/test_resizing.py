"""Resizing and adaptive pooling against their definitions, sizes known or not."""

import keras
import numpy as np
import pytest

from kerazoo.layers import AdaptiveAveragePooling2D, BilinearResize2D
from kerazoo.layers.bilinear_resize import BilinearResize2D as Resize

RNG = np.random.default_rng(6)


def picture(*shape):
    return RNG.standard_normal(shape).astype("float32")


def interpolation(n: int, m: int, aligned: bool) -> np.ndarray:
    """Share of each of n pixels in each of m, row by row."""
    matrix = np.zeros((m, n))
    for i in range(m):
        at = i * (n - 1) / max(m - 1, 1) if aligned else (i + 0.5) * n / m - 0.5
        at = min(max(at, 0), n - 1)
        first = min(int(at), n - 1)
        matrix[i, first] += 1 - (at - first)
        matrix[i, min(first + 1, n - 1)] += at - first
    return matrix


def windows(n: int, m: int) -> np.ndarray:
    matrix = np.zeros((m, n))
    for i in range(m):
        first, last = i * n // m, -(-(i + 1) * n // m)
        matrix[i, first:last] = 1 / (last - first)
    return matrix


def unknown_sizes(layer, *shapes):
    """The layer in a graph that knows no sizes."""
    import tensorflow as tf

    inputs = [keras.Input((None, None, shape[-1])) for shape in shapes]
    model = keras.Model(inputs, layer(inputs if len(inputs) > 1 else inputs[0]))
    specs = [tf.TensorSpec((None, None, None, shape[-1])) for shape in shapes]
    return tf.function(lambda *x: model(list(x) if len(x) > 1 else x[0]), input_signature=specs)


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("want", [(9, 10), (3, 4), (5, 7), (1, 13)])
def test_interpolation_by_its_definition(aligned, want):
    x, like = picture(2, 5, 7, 3), np.zeros((2, *want, 1), "float32")
    rows, columns = (interpolation(n, m, aligned) for n, m in zip((5, 7), want, strict=True))
    expected = np.einsum("in,jm,bnmc->bijc", rows, columns, x)
    layer = BilinearResize2D(align_corners=aligned)
    np.testing.assert_allclose(layer([x, like]), expected, atol=1e-5)
    np.testing.assert_allclose(
        unknown_sizes(layer, x.shape, like.shape)(x, like), expected, atol=1e-5
    )
    sized = (2, *want, 3)
    assert layer.compute_output_shape([(2, 5, 7, 3), like.shape]) == sized
    # What backends without such an operation do.
    y = Resize(align_corners=aligned)
    for axis, (n, m) in enumerate(zip((5, 7), want, strict=True), 1):
        x = y._along(x, axis, n, m)
    np.testing.assert_allclose(x, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("have", "want"),
    [((12, 8), (6, 2)), ((9, 12), (6, 8)), ((40, 21), (5, 5)), ((3, 4), (5, 5)), ((5, 5), (5, 5))],
)
def test_adaptive_pooling_by_its_definition(have, want):
    x, like = picture(2, *have, 3), np.zeros((2, *want, 1), "float32")
    rows, columns = (windows(n, m) for n, m in zip(have, want, strict=True))
    expected = np.einsum("in,jm,bnmc->bijc", rows, columns, x)
    layer = AdaptiveAveragePooling2D()
    np.testing.assert_allclose(layer([x, like]), expected, atol=1e-5)
    np.testing.assert_allclose(
        unknown_sizes(layer, x.shape, like.shape)(x, like), expected, atol=1e-5
    )


@pytest.mark.parametrize(("scale", "side"), [(0.1, 5), (0.5, 16), (1.5, 48), (2.0, 64), (0.3, 10)])
def test_a_share_of_the_size(scale, side):
    x = picture(1, 32, 32, 2)
    for layer in (BilinearResize2D(scale, 5), AdaptiveAveragePooling2D(scale, 5)):
        y = np.asarray(layer(x))
        assert y.shape == (1, side, side, 2)
        assert layer.compute_output_shape((None, None, 32, 2)) == (None, None, side, 2)
        np.testing.assert_allclose(unknown_sizes(layer, x.shape)(x), y, atol=1e-5)


def test_configuration_and_half_precision():
    layer = BilinearResize2D(1.5, 3, align_corners=True, dtype="bfloat16")
    again = BilinearResize2D.from_config(layer.get_config())
    assert (again.scale, again.least, again.align_corners) == (1.5, 3, True)
    assert keras.backend.standardize_dtype(again(picture(1, 4, 4, 1)).dtype) == "bfloat16"
    pooled = AdaptiveAveragePooling2D.from_config(AdaptiveAveragePooling2D(0.5, 2).get_config())
    assert (pooled.scale, pooled.least) == (0.5, 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BilinearResize2D(0), "`scale` must be a positive number, or None"),
        (lambda: AdaptiveAveragePooling2D("half"), "`scale` must be a positive number, or None"),
        (lambda: BilinearResize2D(2.0, 0), "`least` must be a positive integer"),
        (lambda: BilinearResize2D(align_corners=1), "`align_corners` must be True or False"),
        (lambda: BilinearResize2D()(picture(1, 4, 4, 1)), "takes two maps"),
        (lambda: AdaptiveAveragePooling2D(2.0)([picture(1, 4, 4, 1)] * 2), "takes one map"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_gradients_reach_the_input():
    import tensorflow as tf

    x = tf.constant(picture(1, 6, 6, 2))
    for layer in (BilinearResize2D(1.5, align_corners=True), AdaptiveAveragePooling2D(0.7)):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(layer(x) ** 2)
        assert (np.abs(tape.gradient(y, x)) > 0).all()
