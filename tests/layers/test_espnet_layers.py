"""The layers and blocks that ESPNet and ESPNetv2 are made of, against plain definitions."""

import keras
import numpy as np
import pytest
from keras import ops

from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import Conventions
from kerazoo.blocks.eesp_unit import (
    EESP,
    PicturePyramid,
    average_pool,
    dilations,
    eesp_stages,
    eesp_unit,
    strided_eesp,
)
from kerazoo.layers import CropLike, PReLU, StridedDilatedDepthwiseConv2D
from tests.references import REFERENCES

SYMMETRIC, SAME = Conventions("symmetric", 1e-5, 0.9), Conventions("same", 1e-5, 0.9)
RNG = np.random.default_rng(5)


def naive_depthwise(x, kernel, stride, dilation, padding):
    """The definition: pad by the rule, then every output is one sum."""
    seen = (kernel.shape[0] - 1) * dilation
    margins = []
    for n in x.shape[1:3]:
        total = max((-(-n // stride) - 1) * stride + seen + 1 - n, 0)
        margins.append((total // 2, total - total // 2) if padding == "same" else (seen // 2,) * 2)
    padded = np.pad(x, [(0, 0), *margins, (0, 0)])
    rows, columns = (-(-n // stride) for n in x.shape[1:3])
    out = np.zeros((x.shape[0], rows, columns, x.shape[3]), x.dtype)
    for r in range(rows):
        for c in range(columns):
            window = padded[
                :,
                r * stride : r * stride + seen + 1 : dilation,
                c * stride : c * stride + seen + 1 : dilation,
            ]
            out[:, r, c] = (window * kernel[..., 0]).sum(axis=(1, 2))
    return out


@pytest.mark.parametrize("padding", ["symmetric", "same"])
@pytest.mark.parametrize("size", [(8, 8), (9, 7), (6, 11), (2, 3)])
@pytest.mark.parametrize("dilation", [1, 2, 3, 4])
@pytest.mark.parametrize("static", [True, False])
def test_stride_and_dilation_together(padding, size, dilation, static):
    x = RNG.standard_normal((2, *size, 3)).astype("float32")
    layer = StridedDilatedDepthwiseConv2D(3, 2, dilation, padding, use_bias=False)
    tensor = keras.Input((*(size if static else (None, None)), 3))
    model = keras.Model(tensor, layer(tensor))
    expected = naive_depthwise(x, np.asarray(layer.kernel), 2, dilation, padding)
    assert (model.output_shape[1:3] == expected.shape[1:3]) == static
    np.testing.assert_allclose(model(x), expected, atol=1e-5)


def test_depthwise_bias_activation_and_configuration():
    layer = StridedDilatedDepthwiseConv2D(
        3, 2, 3, "same", bias_initializer="ones", activation="relu", name="conv"
    )
    x = RNG.standard_normal((1, 6, 6, 2)).astype("float32")
    expected = naive_depthwise(x, np.asarray((layer(x), layer.kernel)[1]), 2, 3, "same")
    np.testing.assert_allclose(layer(x), np.maximum(expected + 1, 0), atol=1e-5)
    config = layer.get_config()
    again = StridedDilatedDepthwiseConv2D.from_config(config)
    assert again.get_config() == config
    assert config["padding"] == "same"
    assert layer.multiply_adds((1, 3, 3, 2)) == 9 * 9 * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel_size": 4}, "`kernel_size` must be an odd number. Received: `kernel_size=4`"),
        ({"strides": 0}, "`strides` must be a positive integer"),
        ({"strides": (1, 2)}, "the same for height and width. Received: `strides=(1, 2)`"),
        ({"dilation_rate": 1.5}, "`dilation_rate` must be a positive integer"),
        ({"padding": "valid"}, "`padding` must be one of ('same', 'symmetric')"),
        ({"padding": "same", "strides": 3}, "`strides` must be at most 2"),
    ],
)
def test_depthwise_errors(arguments, message):
    with pytest.raises(ValueError) as error:
        StridedDilatedDepthwiseConv2D(**arguments)
    assert message in str(error.value)


def test_prelu_has_one_slope_a_channel():
    ours, keras_own = PReLU(), keras.layers.PReLU(shared_axes=[1, 2])
    x = RNG.standard_normal((2, 4, 5, 3)).astype("float32")
    ours.build(x.shape)
    keras_own.build(x.shape)
    np.testing.assert_array_equal(ours.alpha, np.full(3, 0.25, "float32"))
    slopes = np.array([0.1, -0.5, 2.0], "float32")
    ours.alpha.assign(slopes)
    keras_own.alpha.assign(slopes.reshape(1, 1, 3))
    np.testing.assert_allclose(ours(x), keras_own(x))
    np.testing.assert_allclose(ours(x), np.where(x > 0, x, slopes * x), rtol=1e-6)
    again = PReLU.from_config(ours.get_config())
    assert again.get_config() == ours.get_config()
    with pytest.raises(ValueError, match="known channel count"):
        PReLU().build((None, 4, 4, None))


def test_crop_like():
    big, small = keras.Input((None, 6, 2)), keras.Input((None, 5, 7))
    model = keras.Model([big, small], CropLike()([big, small]))
    assert model.output_shape == (None, None, 5, 2)
    x = RNG.standard_normal((1, 4, 6, 2)).astype("float32")
    y = model([x, np.zeros((1, 3, 5, 7), "float32")])
    np.testing.assert_array_equal(y, x[:, :3, :5])
    with pytest.raises(ValueError, match="first map at least as large"):
        CropLike()([keras.Input((4, 4, 2)), keras.Input((5, 4, 2))])
    with pytest.raises(ValueError, match="takes two maps"):
        CropLike()([keras.Input((4, 4, 2))])


def test_dilations_are_those_of_the_original():
    import json

    spec = json.loads((REFERENCES / "specs/espnetv2_s_1.0.json").read_text())
    limits = {"level2_0.eesp": 13, "level3_0.eesp": 11, "level3.0": 9, "level4_0.eesp": 9}
    limits |= {"level4.0": 7, "level5_0.eesp": 7, "level5.0": 5}
    found = {name: list(dilations(4, limit)) for name, limit in limits.items()}
    assert found == spec["details"]["dilations"]


def test_pooling_counts_the_padding_or_not():
    ones = np.ones((1, 4, 4, 1), "float32")
    counted = np.asarray(average_pool(ones, SYMMETRIC, "pool"))[0, ..., 0]
    np.testing.assert_allclose(counted, [[4 / 9, 6 / 9], [6 / 9, 1]], rtol=1e-6)
    np.testing.assert_allclose(average_pool(ones, SAME, "pool")[0, ..., 0], np.ones((2, 2)))


@pytest.mark.parametrize("conventions", [SYMMETRIC, SAME], ids=lambda c: c.padding)
def test_picture_pyramid_has_the_sizes_of_the_features(conventions):
    picture = keras.Input((37, 50, 3))
    pyramid = PicturePyramid(picture, conventions)
    assert pyramid.at(1) is picture
    assert pyramid.at(8).shape[1:3] == (5, 7)
    assert pyramid.at(8) is pyramid.at(8)
    assert sorted(pyramid.levels) == [2, 4, 8]
    with pytest.raises(ValueError, match=r"`stride` must be a power of 2.*`stride=6`"):
        pyramid.at(6)


def test_fusion_is_cumulative_and_the_residual_needs_equal_channels():
    x = keras.Input((8, 8, 16))
    names = {layer.name for layer in keras.Model(x, eesp_unit(x, 16, SYMMETRIC, "u")).layers}
    assert {"u_branch2_add", "u_branch3_add", "u_branch4_add", "u_add"} <= names
    wider = keras.Model(x, eesp_unit(x, 32, SYMMETRIC, "u"))
    assert "u_add" not in {layer.name for layer in wider.layers}

    # Centre taps only, so that the merged channels are 1, 2, 3, 4 times the reduced ones.
    model = keras.Model(x, eesp_unit(x, 16, SYMMETRIC, "v"))
    centre = np.zeros((3, 3, 4, 1), "float32")
    centre[1, 1] = 1
    for branch in range(1, 5):
        model.get_layer(f"v_branch{branch}_conv").set_weights([centre])
    probe = keras.Model(
        x, [model.get_layer("v_reduce_act").output, model.get_layer("v_merge_concat").output]
    )
    reduced, merged = probe(RNG.standard_normal((1, 8, 8, 16)).astype("float32"))
    expected = np.concatenate([np.asarray(reduced) * k for k in (1, 2, 3, 4)], axis=-1)
    np.testing.assert_allclose(merged, expected, rtol=1e-5, atol=1e-6)


def test_reducing_unit_starts_with_the_pooled_input():
    x = keras.Input((9, 6, 16))
    model = keras.Model(x, strided_eesp(x, 32, SYMMETRIC, "u"))
    assert model.output_shape == (None, 5, 3, 32)
    probe = keras.Model(x, model.get_layer("u_concat").output)
    value = RNG.standard_normal((1, 9, 6, 16)).astype("float32")
    np.testing.assert_allclose(
        probe(value)[..., :16], average_pool(value, SYMMETRIC, "pool"), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: eesp_unit(x, 18, SYMMETRIC, "u"), "`filters` must be a positive multiple of"),
        (lambda x: eesp_unit(x, 12, SYMMETRIC, "u"), "`filters` must be a multiple of 4**2"),
        (lambda x: eesp_unit(x, 9, SYMMETRIC, "u", branches=3), "`input channels` must be a"),
        (lambda x: eesp_unit(x, 16, SYMMETRIC, "u", branches=0), "`branches` must be a positive"),
        (
            lambda x: eesp_unit(x, 16, SYMMETRIC, "u", receptive_field=8),
            "`receptive_field` must be an odd number from 3, which a 3x3 kernel sees. "
            "Received: `receptive_field=8`",
        ),
        (lambda x: strided_eesp(x, 16, SYMMETRIC, "u"), "`filters` must be more than the 16"),
        (
            lambda x: strided_eesp(x, 32, SYMMETRIC, "u", picture=keras.Input((3, 4, 3))),
            "`picture` must be pooled to the size of the features, (4, 4); it may be too small",
        ),
    ],
)
def test_block_errors(make, message):
    with pytest.raises(ValueError) as error:
        make(keras.Input((8, 8, 16)))
    assert message in str(error.value)


def test_stages_take_the_picture_at_each_stride():
    picture = keras.Input((None, None, 3))
    pyramid = PicturePyramid(picture, SYMMETRIC)
    trunk = Trunk(keras.layers.Conv2D(16, 3, padding="same")(picture), SYMMETRIC)
    eesp_stages(trunk, (EESP(32), EESP(64, repeats=2, reinforce=False)), pyramid)
    assert (trunk.stride, sorted(pyramid.levels)) == (4, [2])
    y = keras.Model(picture, trunk.x)(ops.zeros((1, 13, 10, 3)))
    assert y.shape == (1, 4, 3, 64)
