"""Masks, meter, drawing, targets and losses of segmentation, without a network."""

import io
import tracemalloc
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

import kerazoo
from kerazoo.data.source import Source
from kerazoo.placement import Placement
from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks import get_task
from kerazoo.tasks.segmentation import training
from kerazoo.tasks.segmentation.answers import Answers, draw
from kerazoo.tasks.segmentation.confusion import Confusion
from kerazoo.tasks.segmentation.drawing import label_picture, palette
from kerazoo.tasks.segmentation.masks import UNSEEN, class_map
from kerazoo.tasks.segmentation.meter import measured
from kerazoo.tasks.segmentation.predictions import Segments, decode
from kerazoo.tasks.segmentation.targets import check_targets, move, renumber
from kerazoo.tasks.segmentation.training import SegmentationLoss, encode
from kerazoo.training.inputs import open_inputs, recipe_task
from kerazoo.training.recipe import Recipe
from tests.references import REFERENCES

RNG = np.random.default_rng(2)
TASK = get_task("segmentation")


def plain(scores, height, width):
    """Interpolate everything, then decide."""
    rows, columns = scores.shape[:2]
    y = np.clip((np.arange(height) + 0.5) * rows / height - 0.5, 0, rows - 1)
    x = np.clip((np.arange(width) + 0.5) * columns / width - 0.5, 0, columns - 1)
    up, left = y.astype(int), x.astype(int)
    down, right = np.minimum(up + 1, rows - 1), np.minimum(left + 1, columns - 1)
    fy, fx = (y - up)[:, None, None], (x - left)[None, :, None]
    lines = scores[up] * (1 - fy) + scores[down] * fy
    return (lines[:, left] * (1 - fx) + lines[:, right] * fx).argmax(-1)


@pytest.mark.parametrize("size", [(53, 41), (7, 90), (12, 17), (5, 6)])
@pytest.mark.parametrize("strip", [1 << 20, 64])
def test_the_class_of_the_interpolated_scores(size, strip, monkeypatch):
    monkeypatch.setattr("kerazoo.tasks.segmentation.masks.STRIP", strip)
    scores = RNG.normal(size=(12, 17, 5)).astype("float32")
    placement = Preprocessing((24, 34), fit="stretch").place(*size)
    np.testing.assert_array_equal(class_map(scores, placement), plain(scores, *size))


def test_what_the_network_did_not_see():
    scores = np.zeros((4, 4, 3), "float32")
    scores[..., 1] = 1
    mask = class_map(scores, Preprocessing((8, 8), crop_fraction=1.0).place(8, 16))
    assert (mask[:, :4] == UNSEEN).all()
    assert (mask[:, 4:12] == 1).all()
    assert (mask[:, 12:] == UNSEEN).all()
    # A letterbox shows the whole picture.
    assert (class_map(scores, Preprocessing((8, 8), fit="pad").place(8, 16)) == 1).all()


@pytest.mark.parametrize("kind", ["smooth", "noise"])
def test_twelve_megapixels_and_21_classes_in_bounded_memory(kind):
    """All scores at that size would be 1 GB. Noise is unsure everywhere: a part of it will do."""
    height, width = (3000, 4000) if kind == "smooth" else (300, 4000)
    scores = RNG.normal(size=(12, 12, 21)).astype("float32")
    if kind == "smooth":
        scores = scores.repeat(8, 0).repeat(8, 1)
    placement = Preprocessing((384, 384), fit="stretch").place(height, width)
    tracemalloc.start()
    mask = class_map(scores, placement)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert mask.shape == (height, width)
    assert peak < 100e6


def test_decode_gives_masks_of_the_originals_size():
    logits = np.zeros((2, 4, 4, 3), "float32")
    logits[0, :, :2, 0] = logits[0, :, 2:, 1] = logits[1, ..., 2] = 5
    places = [Preprocessing((8, 8), fit="stretch").place(h, w) for h, w in ((10, 20), (6, 3))]
    record = type("Record", (), {"labels": ("sky", "sea", "land")})
    first, second = decode({"logits": logits}, record, places)
    assert (first.mask.shape, second.mask.shape) == ((10, 20), (6, 3))
    assert first.areas == {"sky": 0.5, "sea": 0.5}
    assert second.areas == {"land": 1.0}
    assert TASK.rows(second) == [("100.0", "land")]
    assert TASK.captions(first) == [("sky", 0.5), ("sea", 0.5)]
    (found,) = TASK.json(second)
    assert found == {"index": 2, "name": "land", "share": 1.0, "pixels": 18}
    assert tuple(found) == TASK.fields
    assert decode({"logits": logits}, None)[0].names == ("0", "1", "2")


@pytest.mark.parametrize(
    ("outputs", "labels", "message"),
    [
        (np.zeros((2, 3)), None, "`outputs` must be logits"),
        (np.full((1, 2, 2, 2), np.nan), None, "`outputs` must be finite"),
        (np.zeros((1, 2, 2, 300)), None, "at most 255"),
        (np.zeros((1, 2, 2, 3)), ("a", "b"), "as many names as classes, 3"),
    ],
)
def test_decode_refuses(outputs, labels, message):
    with pytest.raises(ValueError, match=message):
        decode({"logits": outputs}, type("Record", (), {"labels": labels}))


def test_figures_equal_the_references():
    gold = np.load(REFERENCES / "golden/miou.npz")
    confusion = Confusion([str(i) for i in range(int(gold["classes"]))])
    for truth, predicted in zip(gold["truth"], gold["pred"], strict=True):
        confusion.update(truth, predicted)
    np.testing.assert_array_equal(confusion.matrix[:, :-1], gold["confusion"])
    np.testing.assert_allclose(confusion.iou, gold["iou"], atol=1e-6)
    found = measured(confusion, 4, 1.0)
    assert found.headline == pytest.approx(float(gold["miou_nan"]), abs=1e-6)
    assert found.pixel_accuracy == pytest.approx(100 * float(gold["pixel_accuracy"]), abs=1e-4)
    assert found.iou["4"] is None  # in neither mask
    assert found.iou["2"] == 0  # predicted alone
    # One class everywhere: its share of the pixels over the number of classes that there are.
    there = gold["confusion"].sum(1)
    best = 100 * there.max() / there.sum() / np.count_nonzero(there)
    assert found.constant == pytest.approx(best)
    assert f"(one class everywhere: {best:.2f} %)" in str(found)


def test_unseen_pixels_count_as_wrong():
    confusion = Confusion(["a", "b"])
    confusion.update(np.array([0, 0, 1, UNSEEN]), np.array([0, UNSEEN, 1, 0]))
    assert confusion.pixel_accuracy == pytest.approx(2 / 3)
    np.testing.assert_allclose(confusion.iou, [0.5, 1.0])


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [
        ([[0, 1]], [[0], [1]], "`truth` must be of the size of the prediction"),
        ([0, 2], [0, 1], "`truth` must be a class from 0 to 1, or 255. Received: `truth=2`"),
        ([0, 1], [0, 7], "`predicted` must be a class from 0 to 1"),
    ],
)
def test_meter_refuses(truth, predicted, message):
    with pytest.raises(ValueError, match=message):
        Confusion(["a", "b"]).update(np.array(truth), np.array(predicted))


def test_nothing_but_ignored_pixels():
    confusion = Confusion(["a", "b"])
    confusion.update(np.full((2, 2), UNSEEN), np.zeros((2, 2), int))
    with pytest.raises(ValueError, match="No pixel was measured"):
        measured(confusion, 1, 1.0)


def test_palette_is_vocs():
    colours = palette()
    expected = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 15: (192, 128, 128)}
    expected |= {20: (0, 64, 128), 255: (224, 224, 192)}
    assert {i: tuple(map(int, colours[i])) for i in expected} == expected


def test_label_files_keep_every_number(tmp_path):
    mask = np.array([[0, 1, 20], [255, 7, 3]], "uint8")
    segments = Segments(mask, ("background", *map(str, range(1, 21))))
    segments.save_mask(tmp_path / "mask.png")
    with Image.open(tmp_path / "mask.png") as picture:
        assert picture.mode == "P"
        np.testing.assert_array_equal(np.asarray(picture), mask)
        assert picture.convert("RGB").getpixel((1, 0)) == (128, 0, 0)
    with pytest.raises(ValueError, match=r"`path` must be a file name in .png"):
        segments.save_mask(tmp_path / "mask.jpg")


def test_overlay_has_colours_and_a_legend():
    mask = np.zeros((60, 80), "uint8")
    mask[:, 40:] = 15
    names = kerazoo.labels.label_names("voc_segmentation")
    picture = Image.new("RGB", (80, 60), (100, 100, 100))
    drawn = TASK.draw(picture, Segments(mask, names))
    assert drawn.height >= 60
    assert drawn.width > 80  # the legend
    assert drawn.getpixel((10, 30)) == (100, 100, 100)  # background stays
    assert drawn.getpixel((60, 30)) == tuple(round(0.45 * 100 + 0.55 * c) for c in (192, 128, 128))
    colours = {colour for _, colour in drawn.crop((81, 0, *drawn.size)).getcolors(1 << 20)}
    assert (192, 128, 128) in colours
    with_picture = Segments(mask, names, picture)
    assert with_picture.draw().size == drawn.size
    assert str(with_picture) == "background 50%, person 50%"
    with pytest.raises(ValueError, match="it is not known what these were found on"):
        Segments(mask, names).draw()
    with pytest.raises(ValueError, match="must be 80 x 60 pixels"):
        TASK.draw(Image.new("RGB", (60, 80)), Segments(mask, names))


def test_confusion_can_be_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    confusion = Confusion(["sky", "road", "nowhere"])
    confusion.update(np.array([0, 0, 1]), np.array([0, 1, 1]))
    answers = Answers(confusion, 1)
    draw(answers, tmp_path)
    assert answers.interval is None
    with Image.open(tmp_path / "confusion.png") as picture:
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 10


def png(mask):
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(mask, "uint8")).save(buffer, "PNG")
    return buffer.getvalue()


def test_masks_move_with_their_pictures():
    import tensorflow as tf

    mask = np.arange(24).reshape(4, 6)
    target = {"mask": tf.constant(png(mask))}
    window = Placement.of_window((4, 6), (1, 2, 3, 4), (3, 4)).mirror()
    np.testing.assert_array_equal(move(target, window)["mask"], mask[1:4, 2:6][:, ::-1])
    beyond = Placement.of_window((4, 6), (-1, 0, 4, 6), (4, 6))
    found = move(target, beyond)["mask"].numpy()
    assert (found[0] == UNSEEN).all()
    np.testing.assert_array_equal(found[1:], mask[:3])


def test_renumbered_masks():
    import tensorflow as tf

    numbers = tf.constant([2, 0], tf.int64)
    data = png([[0, 1, 255]])
    one = renumber({"mask": tf.constant(data)}, numbers)["mask"]
    np.testing.assert_array_equal(tf.io.decode_png(one)[..., 0], [[2, 0, 255]])
    batch = renumber({"mask": tf.constant([data, data])}, numbers)["mask"]
    np.testing.assert_array_equal(tf.io.decode_png(batch[1])[..., 0], [[2, 0, 255]])
    moved = renumber({"mask": tf.constant([[0, 255]], tf.uint8)}, numbers)["mask"]
    np.testing.assert_array_equal(moved, [[2, 255]])


def test_targets_are_checked():
    source = type(
        "S", (), {"classes": ("a", "b"), "name": "set", "split": "train",
                  "picture_name": lambda self, i: f"p{i}"},
    )()  # fmt: skip
    good = {"mask": np.array([png([[0, 1]]), png([[255, 1]])], object)}
    check_targets(good, source, complete=True)
    with pytest.raises(ValueError, match=r"classes within 0 to 1; it has 2.*`source='p1'"):
        check_targets({"mask": np.array([png([[0]]), png([[2]])], object)}, source)
    with pytest.raises(ValueError, match="pixels of two classes"):
        check_targets({"mask": np.array([png([[0, 255]])], object)}, source, complete=True)
    with pytest.raises(ValueError, match="targets that have mask"):
        check_targets(np.zeros(3), source)


def test_loss_is_keras_cross_entropy_and_dice_of_what_counts():
    truth = np.array([[[0, 1], [255, 1]]])
    scores = RNG.normal(size=(1, 2, 2, 3)).astype("float32")
    found = float(SegmentationLoss()(truth, scores))
    shares = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    kept, wanted = shares[truth != 255], truth[truth != 255]
    entropy = -np.log(kept[np.arange(3), wanted]).mean()
    hot = np.eye(3)[wanted]
    dice = [1 - 2 * (hot[:, c] * kept[:, c]).sum() / (hot[:, c] + kept[:, c]).sum() for c in (0, 1)]
    assert found == pytest.approx(entropy + np.mean(dice), abs=1e-4)
    # What does not count has no gradient, and a batch of nothing else no loss.
    other = scores.copy()
    other[0, 1, 0] += 3
    assert float(SegmentationLoss()(truth, other)) == pytest.approx(found, abs=1e-6)
    assert float(SegmentationLoss()(np.full((1, 2, 2), 255), scores)) == pytest.approx(0, abs=1e-6)


TRUTH = np.array([[[0, 1], [255, 1]]])
SCORES = np.array([[[[2.0, 0, 1], [0, 1, 0]], [[0, 0, 0], [1, 0, 3]]]], "float32")


def test_cross_entropy_can_weigh_classes():
    shares = np.exp(SCORES) / np.exp(SCORES).sum(-1, keepdims=True)
    each = -np.log([shares[0, 0, 0, 0], shares[0, 0, 1, 1], shares[0, 1, 1, 1]])
    plain = SegmentationLoss(parts=["cross-entropy"])
    assert float(plain(TRUTH, SCORES)) == pytest.approx(each.mean(), abs=1e-5)
    weighted = SegmentationLoss(parts=["cross-entropy"], class_weights=(3.0, 1.0, 1.0))
    expected = (3 * each[0] + each[1] + each[2]) / 5
    assert float(weighted(TRUTH, SCORES)) == pytest.approx(expected, abs=1e-5)
    likely = np.array([shares[0, 0, 0, 0], shares[0, 0, 1, 1], shares[0, 1, 1, 1]])
    focal = SegmentationLoss(parts=["focal"])
    expected = ((1 - likely) ** 2 * each).mean()
    assert float(focal(TRUTH, SCORES)) == pytest.approx(expected, abs=1e-4)
    both = SegmentationLoss(parts=["focal", "dice"])
    dice = float(SegmentationLoss(parts=["dice"])(TRUTH, SCORES))
    assert float(both(TRUTH, SCORES)) == pytest.approx(expected + dice, abs=1e-4)


def test_the_loss_is_the_recipes_choice():
    def chosen(**keys):
        recipe = Recipe.from_dict({"model": "lraspp", "epochs": 1, "loss": keys})
        return training.loss(recipe, SimpleNamespace(output=None), source)

    masks = [{"mask": png([[0, 0, 0], [1, 255, 255]])}, {"mask": png([[0]])}]
    pictures = SimpleNamespace(as_numpy_iterator=lambda: iter([(None, m) for m in masks]))
    source = SimpleNamespace(classes=("a", "b"), pictures=pictures)
    assert chosen().parts == ("cross-entropy", "dice")
    assert chosen().class_weights is None
    assert chosen(name="focal + dice").parts == ("focal", "dice")
    assert chosen(class_weights=[1, 2]).class_weights == (1, 2)
    raw = 1 / np.log(1.02 + np.array([0.8, 0.2]))
    found = chosen(class_weights="shares").class_weights
    np.testing.assert_allclose(found, raw / raw.mean(), atol=1e-4)
    with pytest.raises(ValueError, match="a number for each of the 2 classes"):
        chosen(class_weights=[1, 2, 3])
    with pytest.raises(ValueError, match="with Dice alone"):
        chosen(name="dice", class_weights=[1, 2])


@pytest.mark.parametrize(
    ("model", "loss", "message"),
    [
        ("lraspp", {"name": "dcie"}, "Did you mean 'dice'"),
        ("mixnet_s", {"name": "dice"}, "`loss` must be left out: classification has one loss"),
    ],
)
def test_losses_that_there_are_not(model, loss, message):
    recipe = Recipe.from_dict({"model": model, "epochs": 1, "batch_size": 1, "loss": loss})
    source = Source("set", "all", recipe_task(recipe).name, ("a", "b"), 4, None)
    with pytest.raises(ValueError, match=message):
        open_inputs(recipe, sources={"train": source, "test": source})


def test_encoded_masks_fit_the_outputs():
    mask = {"mask": np.arange(16).reshape(1, 4, 4).astype("uint8")}
    assert encode(mask, None).shape == (1, 4, 4)
    x = keras.Input((4, 4, 3))
    coarse = keras.Model(x, keras.layers.Conv2D(2, 2, 2)(x))
    np.testing.assert_array_equal(encode(mask, coarse)[0], [[5, 7], [13, 15]])
    heads = {name: keras.layers.Conv2D(2, 1)(x) for name in ("logits", "auxiliary")}
    found = encode(mask, keras.Model(x, heads))
    assert set(found) == {"logits", "auxiliary"}


def test_new_classes_start_as_those_of_the_same_name():
    def network(classes):
        x = keras.Input((8, 8, 3))
        y = keras.layers.Conv2D(4, 1, name="decoder")(x)
        model = keras.Model(x, keras.layers.Conv2D(classes, 1, name="predictions")(y))
        model.info = type("Info", (), {"head": ("decoder", "predictions")})
        return model

    old, new = network(3), network(4)
    old.get_layer("predictions").bias.assign([1.0, 2.0, 3.0])
    before = new.get_layer("predictions").get_weights()[0].copy()
    names = ["Tree", "car", "Pavement", "dog"]
    assert TASK.adopt(new, ["sidewalk", "vegetation", "bus"], names, lambda: old) == 2
    kernel, bias = new.get_layer("predictions").get_weights()
    np.testing.assert_array_equal(bias, [2, 0, 1, 0])
    had = old.get_layer("predictions").get_weights()[0]
    np.testing.assert_array_equal(kernel[..., [0, 2]], had[..., [1, 0]])
    np.testing.assert_array_equal(kernel[..., [1, 3]], before[..., [1, 3]])
    assert TASK.adopt(new, ["bus", "train", "pole"], names, lambda: old) == 0


def test_networks_are_checked():
    x = keras.Input((8, 8, 3))
    TASK.check(keras.Model(x, keras.layers.Conv2D(2, 1)(x)))
    classifier = keras.Model(x, keras.layers.Dense(3)(keras.layers.Flatten()(x)))
    for wrong in (classifier, keras.Model(x, keras.layers.Conv2D(1, 1)(x))):
        with pytest.raises(ValueError, match="a segmenter: one input and one output"):
            TASK.check(wrong)
    source = type("Source", (), {"classes": ("a", "b", "c"), "name": "set"})
    with pytest.raises(ValueError, match="a segmenter of the 3 classes of 'set'"):
        TASK.check(keras.Model(x, keras.layers.Conv2D(2, 1)(x)), source)


def test_label_picture_shows_its_palette():
    three = np.array([[3]], "uint8")
    assert label_picture(three).convert("RGB").getpixel((0, 0)) == (128, 128, 0)
    # Black is for the background: where the first class is another, colours move up by one.
    first = np.array([[0]], "uint8")
    assert label_picture(first, ("background", "cat")).convert("RGB").getpixel((0, 0)) == (0, 0, 0)
    assert label_picture(first, ("road", "sky")).convert("RGB").getpixel((0, 0)) == (128, 0, 0)
    assert label_picture(three, ("road", "sky")).convert("RGB").getpixel((0, 0)) == (0, 0, 128)
