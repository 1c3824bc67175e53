"""Overlaps and box codes."""

import keras
import numpy as np
import pytest

from kerazoo.tasks.detection import boxes as b
from tests.tasks.detection import corners, golden

CODERS = {"torchvision": b.TORCHVISION, "ssd": b.SSD, "tensorflow": b.TENSORFLOW}


def draw(seed: int, count: int, least: float = 2.0, side: float = 300.0) -> np.ndarray:
    """Boxes with sides from `least` pixels on, some of them over the picture's edge."""
    generator = np.random.default_rng(seed)
    centres = generator.uniform(0, side, (count, 2))
    sides = np.exp(generator.uniform(np.log(least), np.log(side), (count, 2)))
    return np.concatenate([centres - sides / 2, centres + sides / 2], axis=1).astype("float32")


@pytest.mark.parametrize("seed", range(3))
def test_keras_iou_is_exact_in_pixels(seed):
    a, c = draw(seed, 40), draw(seed + 100, 60)
    exact = b.overlaps(a.astype("float64"), c.astype("float64"))
    assert np.abs(np.asarray(b.iou(a, c)) - exact).max() <= 1e-6
    batch = np.asarray(b.iou(np.stack([a, a[::-1]]), c))
    np.testing.assert_array_equal(batch[1], batch[0][::-1])


def test_boxes_without_area_overlap_nothing():
    empty, whole = np.float32([[5, 5, 5, 9], [9, 9, 2, 2]]), np.float32([[0, 0, 10, 10]])
    assert not b.overlaps(empty, whole).any()
    assert not b.overlaps(empty, empty).any()
    assert not np.asarray(b.iou(empty[:1], whole)).any()


@pytest.mark.parametrize("name", CODERS)
@pytest.mark.parametrize("seed", range(3))
def test_decode_undoes_encode(name, seed):
    coder, anchors = CODERS[name], draw(seed, 50, 5.0)  # up to 60 times larger is within the limit
    boxes = np.stack([draw(seed + 10, 50), draw(seed + 20, 50)])
    codes = keras.ops.convert_to_numpy(coder.encode(anchors, boxes))
    again = keras.ops.convert_to_numpy(coder.decode(anchors, codes))
    assert np.abs(again - boxes).max() <= 2e-3
    np.testing.assert_allclose(coder.decode_array(anchors, codes), again, rtol=1e-5, atol=1e-3)


def test_codes_of_a_known_box():
    anchor, box = np.float32([[0, 0, 20, 40]]), np.float32([[6, 8, 26, 88]])
    x, y, width, height = 10 * 6 / 20, 10 * 28 / 40, 0.0, 5 * np.log(2)
    codes = keras.ops.convert_to_numpy(b.SSD.encode(anchor, box))
    np.testing.assert_allclose(codes, [[x, y, width, height]], atol=1e-5)
    codes = keras.ops.convert_to_numpy(b.TENSORFLOW.encode(anchor, box))
    np.testing.assert_allclose(codes, [[y, x, height, width]], atol=1e-5)


def test_uneven_scales_follow_the_order():
    anchor, box = np.float32([[0, 0, 20, 40]]), np.float32([[6, 8, 26, 88]])
    there = b.BoxCoder((1.0, 2.0, 3.0, 4.0), order="yxhw")
    codes = keras.ops.convert_to_numpy(there.encode(anchor, box))
    np.testing.assert_allclose(codes, [[2 * 28 / 40, 6 / 20, 4 * np.log(2), 0]], atol=1e-5)
    np.testing.assert_allclose(there.decode_array(anchor, codes), box, atol=1e-4)


def test_decoded_as_torchvision():
    gold = golden("ssd_postprocessing")
    assert gold["bbox_regression"].max() > 20  # some sizes are beyond the limit
    for decode in (b.TORCHVISION.decode, b.TORCHVISION.decode_array):
        ours = np.asarray(decode(gold["anchors"], gold["bbox_regression"]))
        assert np.abs(ours - gold["decoded"]).max() <= 1e-3
    beyond = np.asarray(b.SSD.decode_array(gold["anchors"], gold["bbox_regression"]))
    assert np.abs(beyond - gold["decoded"]).max() > 100


@pytest.mark.parametrize(
    ("name", "rows", "codes"),
    [
        ("espnetv2_ssd300_s_2.0", "rows", "bbox_regression_sub"),
        ("pytorch_ssd_mb2_ssd_lite", "cls_rows", "bbox_regression"),
    ],
)
def test_decoded_as_edgenets_and_pytorch_ssd(name, rows, codes):
    gold = golden(name)
    rows = gold[rows]
    values = gold[codes] if codes.endswith("sub") else gold[codes][:, rows]
    ours = b.SSD.decode_array(corners(gold["priors"][rows]), values)
    scale = np.abs(gold["boxes_sub"]).max()
    assert np.abs(ours - gold["boxes_sub"]).max() <= 1e-6 * max(scale, 1)


def test_clipped():
    box = np.float32([[-5, 10, 400, 90], [310, 0, 320, 5]])
    np.testing.assert_array_equal(b.clipped(box, (50, 300)), [[0, 10, 300, 50], [300, 0, 300, 5]])


def test_wrong_coder_is_named():
    with pytest.raises(ValueError, match="Unknown `order`"):
        b.BoxCoder(order="xyhw")
    with pytest.raises(ValueError, match="`scales` must be four positive numbers"):
        b.BoxCoder(scales=(10.0, 10.0))
