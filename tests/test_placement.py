"""Where pixels go: `Preprocessing.place` against what is really done to pictures."""

import itertools
import json

import numpy as np
import pytest
from PIL import Image

from kerazoo.placement import Placement
from kerazoo.preprocessing import FITS, ROUNDINGS, Preprocessing

RNG = np.random.default_rng(0)
EXTREME = [(1, 1), (1, 3000), (2500, 2), (7, 300), (333, 5), (97, 131), (96, 130), (31, 4001)]


def sizes(count: int) -> list[tuple[int, int]]:
    """Heights and widths from 5 to 2000, odd and even, wide and tall; then extreme ones."""
    drawn = np.exp(RNG.uniform(np.log(5), np.log(2000), (count, 2))).astype(int)
    return [*map(tuple, drawn.tolist()), *EXTREME]


def record(fit: str, rounding: str = "floor", **changes) -> Preprocessing:
    settings = {"size": (96, 131), "interpolation": "bilinear", "rounding": rounding, "fit": fit}
    return Preprocessing(**{**settings, **changes})


def marked(preprocessing: Preprocessing, height: int, width: int):
    """A black picture with a white rectangle that is seen whole, and its centre; None if none is.

    The rectangle is some pixels wide in the result, away from its borders.
    """
    placed = preprocessing.place(height, width)
    span = [max(1, int(np.ceil(3 / scale))) for scale in placed.scale]
    # Where its first corner can be, in the picture: so far from all borders that none cuts off
    # what scaling spreads to both sides.
    x, y = (3 + np.asarray(placed.scale)).tolist()
    inside = placed.inverse.boxes([[x, y, placed.size[1] - x, placed.size[0] - y]])[0]
    low = np.maximum(np.ceil(inside[:2]), 1).astype(int)
    high = np.minimum(inside[2:], [width - 1, height - 1]).astype(int) - span
    if (high < low).any():
        return None
    x, y = RNG.integers(low, high + 1)
    pixels = np.zeros((height, width), "uint8")
    pixels[y : y + span[1], x : x + span[0]] = 255
    return Image.fromarray(pixels), np.array([x + span[0] / 2, y + span[1] / 2])


def centroid(pixels: np.ndarray) -> np.ndarray:
    weights = pixels.astype(float)
    rows, columns = (np.arange(n) + 0.5 for n in weights.shape)
    return np.array([weights.sum(0) @ columns, weights.sum(1) @ rows]) / weights.sum()


@pytest.mark.parametrize("fraction", [None, 0.9])
@pytest.mark.parametrize(("fit", "rounding"), [*itertools.product(FITS, ROUNDINGS)])
def test_marked_pixels_are_where_it_says(fit, rounding, fraction):
    preprocessing = record(fit, rounding, crop_fraction=fraction)
    if fit == "pad":
        preprocessing = record(fit, rounding, crop_fraction=fraction, fill=(0, 0, 0))
    worst = found = 0.0
    for height, width in sizes(60):
        if (case := marked(preprocessing, height, width)) is None:
            continue
        picture, centre = case
        seen = centroid(preprocessing.crop_pil(picture)[..., 0])
        error = np.abs(preprocessing.place(height, width).points(centre) - seen).max()
        worst, found = max(worst, error), found + 1
        assert error <= 0.5, (height, width, error)
    assert found >= 30
    print(f"{fit} {rounding} {fraction}: {found:.0f} pictures, worst {worst:.3f} pixels")


@pytest.mark.parametrize(("fit", "rounding"), [*itertools.product(FITS, ROUNDINGS)])
def test_points_and_boxes_come_back(fit, rounding):
    for height, width in sizes(100):
        placed = record(fit, rounding).place(height, width)
        corners = np.sort(RNG.uniform(0, 1, (20, 2, 2)), 1) * [width, height]
        boxes = corners.reshape(20, 4)
        for each in (placed, placed.mirror()):
            np.testing.assert_allclose(each.inverse.boxes(each.boxes(boxes)), boxes, atol=1e-6)
            moved = each.points(boxes[:, :2])
            np.testing.assert_allclose(each.inverse.points(moved), boxes[:, :2], atol=1e-6)
        inside = placed.boxes(boxes, clip=True)
        assert inside.min() >= 0
        assert (inside <= [131, 96, 131, 96]).all()
        assert (inside[:, 2:] >= inside[:, :2]).all()


@pytest.mark.parametrize("fit", FITS)
def test_masks_go_where_the_pixels_go(fit):
    preprocessing = record(fit, interpolation="nearest", fill=(0, 0, 0) if fit == "pad" else None)
    for height, width in [(50, 77), (77, 50), (300, 111), (96, 131), (1, 40), (3, 900)]:
        pixels = RNG.integers(1, 256, (height, width)).astype("uint8")
        mask = preprocessing.place(height, width).mask(pixels)
        assert mask.dtype == np.uint8
        assert mask.shape == (96, 131)
        seen = preprocessing.crop_pil(Image.fromarray(pixels))[..., 0]
        # Where a centre falls on an edge between two pixels, Pillow's rounding takes either.
        assert (mask != seen).mean() < 0.03, (height, width)


def test_masks_come_back_and_say_what_was_not_seen():
    mask = RNG.integers(0, 20, (30, 60))
    placed = record("crop", crop_fraction=1.0).place(30, 60)  # scaled up, its sides cut off
    back = placed.inverse.mask(placed.mask(mask), fill=255)
    seen = back != 255
    assert back.shape == mask.shape
    assert (back == mask)[seen].all()
    assert 0.6 < seen.mean() < 0.8
    assert seen.any(0).sum() == seen.sum() // 30  # whole columns
    whole = record("pad").place(30, 60)
    np.testing.assert_array_equal(whole.inverse.mask(whole.mask(mask), fill=255), mask)
    logits = RNG.normal(size=(30, 60, 3))
    np.testing.assert_array_equal(placed.mask(logits)[..., 1], placed.mask(logits[..., 1]))


def test_mirrored():
    placed = record("stretch").place(50, 77)
    mask = RNG.integers(0, 20, (50, 77))
    np.testing.assert_array_equal(placed.mirror().mask(mask), placed.mask(mask)[:, ::-1])
    box = placed.mirror().boxes([[7.0, 0.0, 21.0, 10.0]])[0]
    np.testing.assert_allclose(box[[0, 2]], 131 - np.array([21, 7]) * 131 / 77)
    assert placed.mirror(False) == placed


def test_window_of_a_picture():
    placed = Placement.of_window((100, 200), (10, 20, 40, 80), (80, 80))
    np.testing.assert_allclose(placed.points([[20.0, 10.0], [100.0, 50.0]]), [[0, 0], [80, 80]])
    assert placed.size == (80, 80)


def test_the_same_in_a_graph():
    import tensorflow as tf

    boxes = RNG.uniform(0, 40, (5, 4)).cumsum(1)

    for fit in FITS:
        preprocessing = record(fit)

        @tf.function(reduce_retracing=True)
        def moved(height, width, mask, boxes, flip, preprocessing=preprocessing):
            placed = preprocessing.place(height, width).mirror(flip)
            there = placed.boxes(boxes)
            return there, placed.inverse.boxes(there), placed.mask(mask, fill=9)

        signature = [tf.TensorSpec([], tf.int32)] * 2 + [tf.TensorSpec([None, None], tf.int64)]
        signature += [tf.TensorSpec([None, 4], tf.float32), tf.TensorSpec([], tf.bool)]
        graph = moved.get_concrete_function(*signature)
        for height, width, flip in [(50, 77, False), (301, 200, True), (3, 900, True)]:
            mask = RNG.integers(0, 9, (height, width))
            arguments = (tf.constant(height), tf.constant(width), tf.constant(mask))
            boxes_in = tf.constant(boxes, tf.float32)
            there, back, placed_mask = graph(*arguments, boxes_in, tf.constant(flip))
            placed = preprocessing.place(height, width).mirror(flip)
            np.testing.assert_allclose(there, placed.boxes(boxes), atol=1e-2)
            np.testing.assert_allclose(back, boxes, atol=1e-2)
            np.testing.assert_array_equal(placed_mask, placed.mask(mask, fill=9))
            assert placed_mask.dtype == tf.int64


@pytest.mark.parametrize("fit", ["stretch", "pad"])
def test_all_forms_fit_alike(fit):
    import tensorflow as tf

    preprocessing = record(fit, fill=(0.2, 0.5, 0.9) if fit == "pad" else None)
    y, x = np.mgrid[:121, :300]
    pixels = np.stack([x * 0.8, y * 2, 127 + 80 * np.sin((x + y) / 20)], -1).astype("uint8")
    ours = preprocessing.from_pil(Image.fromarray(pixels))
    theirs = preprocessing.tf_image(tf.constant(pixels)).numpy()
    assert ours.shape == theirs.shape == (96, 131, 3)
    assert np.abs(ours - theirs).mean() * 255 * 0.225 < 0.5
    raw = preprocessing.without_normalisation().from_pil(Image.fromarray(pixels))
    np.testing.assert_allclose(preprocessing.normalise(raw), ours, atol=1e-5)
    if fit == "pad":
        np.testing.assert_allclose(raw[0, 0], [51, 128, 230], atol=1e-3)
        np.testing.assert_allclose(theirs[-1, -1], ours[-1, -1], atol=1e-5)
        assert np.abs(record(fit).from_pil(Image.fromarray(pixels))[0, 0]).max() < 0.5 / 255 / 0.2


def test_records_without_a_fit_crop():
    old = {k: v for k, v in Preprocessing().to_dict().items() if k not in ("fit", "fill")}
    assert Preprocessing.from_dict(old) == Preprocessing()
    assert Preprocessing().to_dict()["fit"] == "crop"
    padded = Preprocessing(fit="pad", fill=[0.5, 0.5, 0.5])
    assert padded.crop_fraction == 1.0
    assert Preprocessing.from_dict(json.loads(json.dumps(padded.to_dict()))) == padded


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fit": "letterbox"}, r"`fit` must be .crop., .stretch. or .pad."),
        ({"fill": (0, 0, 0)}, '`fill` must be None with `fit="crop"`'),
        ({"fit": "pad", "fill": (0, 0, 114)}, "`fill` must be three numbers from 0 to 1 or None"),
    ],
)
def test_wrong_fits_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Preprocessing(**settings)
