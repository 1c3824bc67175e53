"""Pictures with masks: every layout, every kind of mask, and what is refused."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerazoo.data.arrays import array_source
from kerazoo.data.augmentation import Augmentation
from kerazoo.data.masks.source import masks_source, masks_splits
from kerazoo.data.masks.values import found_values, given_values, read_values
from kerazoo.data.open import open_source, split_names
from kerazoo.data.pipeline import evaluation_batches, training_data
from kerazoo.preprocessing import Preprocessing
from kerazoo.training.finetuning.splits import choose_splits

SIZE = (12, 16)
CLASSES = ["sky", "road", "car"]


def mask_of(seed, values=(0, 1, 2, 255)):
    return np.random.default_rng(seed).choice(values, SIZE).astype("uint8")


def save(folder, name, masks, mask, mode=None):
    """A picture, and its mask in another folder."""
    masks.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 255, (*SIZE, 3)).astype("uint8")
    Image.fromarray(pixels).save(folder / f"{name}.jpg")
    picture = Image.fromarray(mask)
    (picture.convert(mode) if mode else picture).save(masks / f"{name}.png")


def camvid(root, counts=(("train", 4), ("test", 2))):
    for split, count in counts:
        lines = []
        for i in range(count):
            save(root / split, f"{split}{i}", root / f"{split}annot", mask_of(i))
            lines.append(f"{split}/{split}{i}.jpg {split}annot/{split}{i}.png")
        (root / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture
def folder(tmp_path):
    return camvid(tmp_path / "set")


def masks_in(source):
    decode = tf.io.decode_png
    return [decode(y["mask"], 1)[..., 0].numpy() for _, y in source.pictures]


def test_list_files(folder):
    assert masks_splits(folder) == ("test", "train")
    source = masks_source(folder, "train", classes=CLASSES)
    assert (source.task, source.count, source.classes) == ("segmentation", 4, tuple(CLASSES))
    names = [int(file[-5]) for file in source.files]
    for found, number in zip(masks_in(source), names, strict=True):
        np.testing.assert_array_equal(found, mask_of(number))
    assert masks_source(folder, "train[:50%]", classes=CLASSES).count == 2
    parts = {"train": 0.5, "validation": 0.5}
    assert masks_source(folder, "validation", classes=CLASSES, fractions=parts).count == 2


def test_a_drive_is_held_out_by_the_names_of_its_pictures(folder):
    def numbers(split):
        source = masks_source(folder, split, classes=CLASSES)
        return sorted(int(file[-5]) for file in source.files)

    assert numbers("train[train2*]") == [2]
    assert numbers("train[!*2.jpg]") == [0, 1, 3]
    assert len(numbers("train[!train2*][:2]")) == 2
    assert not set(numbers("train[!train2*][:50%]")) & {2}
    with pytest.raises(ValueError, match="a pattern that fits the names of some"):
        masks_source(folder, "train[tram*]", classes=CLASSES)
    pictures, labels = np.zeros((4, 8, 8, 3), "uint8"), np.array([0, 1, 0, 1])
    with pytest.raises(ValueError, match="for data without file names"):
        array_source(pictures, labels, classes=2, split="all[a*]")


def test_the_order_does_not_depend_on_where_the_folder_is(folder, tmp_path):
    moved = tmp_path / "elsewhere/set"
    shutil.copytree(folder, moved)
    one, other = (masks_source(f, "train", classes=CLASSES).files for f in (folder, moved))
    assert [Path(f).name for f in one] == [Path(f).name for f in other]


def test_any_command_knows_them(folder):
    assert set(split_names(folder)) == {"train", "test"}
    assert open_source(folder, "test", classes=CLASSES).task == "segmentation"


@pytest.mark.parametrize(
    ("pictures", "masks", "split"),
    [
        ("images", "masks", "all"),
        ("train/images", "train/masks", "train"),
        ("images/train", "masks/train", "train"),
        ("train", "trainannot", "train"),
    ],
)
def test_folders_side_by_side(tmp_path, pictures, masks, split):
    for i in range(3):
        save(tmp_path / pictures, f"p{i}", tmp_path / masks, mask_of(i))
    (tmp_path / "classes.txt").write_text("sky\nroad\ncar\n")
    source = masks_source(tmp_path, split)
    assert (source.count, source.classes) == (3, tuple(CLASSES))


def test_pascal_voc(tmp_path):
    lists = tmp_path / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    for i in range(2):
        mask = mask_of(i, (0, 15, 255))
        save(tmp_path / "JPEGImages", f"p{i}", tmp_path / "SegmentationClass", mask)
    (lists / "train.txt").write_text("p1\n")
    source = masks_source(tmp_path, "train")
    assert source.count == 1
    assert (len(source.classes), source.classes[15]) == (21, "person")
    (lists / "val.txt").write_text("p7\n")
    with pytest.raises(ValueError, match="p7 is not there"):
        masks_source(tmp_path, "val")


def test_folders_with_boxes_as_well_are_opened_for_the_task(tmp_path):
    """As Pascal VOC's own is, and `kerazoo check` or a detector's recipe see the boxes."""
    box = "<bndbox><xmin>2</xmin><ymin>3</ymin><xmax>9</xmax><ymax>8</ymax></bndbox>"
    for i in range(2):
        mask = mask_of(i, (0, 15, 255))
        save(tmp_path / "JPEGImages", f"p{i}", tmp_path / "SegmentationClass", mask)
        size = f"<size><width>{SIZE[1]}</width><height>{SIZE[0]}</height><depth>3</depth></size>"
        text = f"<annotation>{size}<object><name>person</name>{box}</object></annotation>"
        (tmp_path / "Annotations").mkdir(exist_ok=True)
        (tmp_path / f"Annotations/p{i}.xml").write_text(text)
    for kind in ("Segmentation", "Main"):
        (tmp_path / "ImageSets" / kind).mkdir(parents=True)
        (tmp_path / "ImageSets" / kind / "train.txt").write_text("p0\np1\n")
    assert open_source(tmp_path, "train").task == "detection"
    for task in ("detection", "segmentation"):
        assert open_source(tmp_path, "train", task=task).task == task
        assert split_names(tmp_path, task=task) == ("train",)
        assert choose_splits(tmp_path, task=task)["train"].startswith("train")


def test_values_and_their_names(tmp_path):
    for i in range(2):
        save(tmp_path / "images", f"p{i}", tmp_path / "masks", mask_of(i, (1, 2, 3)))
    pets = masks_source(tmp_path, classes={1: "pet", 2: "background"}, ignore=[3])
    assert pets.classes == ("pet", "background")
    expected = np.array([9, 0, 1, 255], "uint8")
    order = [int(file[-5]) for file in pets.files]
    np.testing.assert_array_equal(masks_in(pets)[0], expected[mask_of(order[0], (1, 2, 3))])
    (tmp_path / "classes.txt").write_text("1 pet\n2 background\n3 ignore\n")
    np.testing.assert_array_equal(masks_in(masks_source(tmp_path))[0], masks_in(pets)[0])
    (tmp_path / "classes.txt").unlink()
    assert masks_source(tmp_path).classes == ("class 1", "class 2", "class 3")


@pytest.mark.parametrize("mode", ["P", "L", "1", "RGB", "RGBA", "I;16"])
def test_modes_of_masks(tmp_path, mode):
    values = mask_of(0, (0, 1))
    path = tmp_path / "mask.png"
    if mode == "P":
        picture = Image.fromarray(values).convert("L")
        picture.putpalette([200, 0, 0, 0, 200, 0])
    elif mode == "I;16":
        picture = Image.fromarray(values.astype("uint16") * 1000)
    elif mode == "1":
        picture = Image.fromarray(values.astype(bool))
    else:
        picture = Image.fromarray(values).convert(mode)
    picture.save(path)
    with Image.open(path) as again:
        assert again.mode == mode
    np.testing.assert_array_equal(
        read_values(path), values.astype(int) * (1000 if "16" in mode else 1)
    )


def test_masks_of_0_and_255():
    values = found_values([0, 255])
    assert values.classes == ("background", "foreground")
    np.testing.assert_array_equal(values.encode(np.array([[0, 255]]), "m"), [[0, 1]])
    assert found_values([0, 1, 255]).classes == ("class 0", "class 1")


def test_the_table_and_what_is_absent(folder, caplog):
    with caplog.at_level(logging.INFO, "kerazoo"):
        masks_source(folder, "train", classes=[*CLASSES, "tram"])
    text = caplog.text
    assert "value  class                 pixels   pictures" in text
    line = next(line for line in text.splitlines() if "  sky " in line)
    share = np.mean([(mask_of(i) == 0).mean() for i in range(4)])
    assert line.split() == ["0", "sky", f"{100 * share:.2f}", "%", "4"]
    assert any("255" in each and "does not count" in each for each in text.splitlines())
    assert "set train has no pixel of tram." in text


def other(folder, mask, mode=None):
    save(folder / "train", "train0", folder / "trainannot", mask, mode)


def of_colours():
    colours = np.zeros((*SIZE, 3), "uint8")
    colours[:6, :, 0] = 200
    return colours


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f / "trainannot/train1.png").unlink(), "there: it belongs to train1.jpg"),
        (lambda f: (f / "train/train1.jpg").unlink(), "there: it belongs to train1.jpg"),
        (
            lambda f: other(f, np.zeros((3, 4), "uint8")),
            r"of 16 x 12 pixels, as train0.jpg upright",
        ),
        (lambda f: other(f, np.full(SIZE, 9, "uint8")), "of the values 0, 1, 2, 255; it has 9"),
        (lambda f: other(f, of_colours()), "it has colours, which nothing says the classes of"),
        (lambda f: (f / "trainannot/train1.png").write_bytes(b"no"), "a picture that can be read"),
        (lambda f: (f / "train.txt").write_text("a.jpg b.png c\n"), "line 1"),
    ],
)
def test_refusals(folder, change, message):
    change(folder)
    if "line" in message:
        (folder / "train.txt").write_text("train/train0.jpg trainannot/train0.png\na b c\n")
        message = "line 2"
    with pytest.raises(ValueError, match=message):
        masks_source(folder, "train", classes=CLASSES)


@pytest.mark.parametrize("values", [(0, 255), (255,)])
def test_one_class_or_none_stops(tmp_path, values):
    save(tmp_path / "images", "p", tmp_path / "masks", mask_of(0, values))
    with pytest.raises(ValueError, match=r"pixels of two classes at least; it has (sky|none)"):
        masks_source(tmp_path, classes=CLASSES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "trian"}, "Unknown `split`. Did you mean 'train'"),
        ({"split": "train", "classes": ["sky"]}, "`classes` must be two to 255 names"),
        ({"split": "train", "classes": {0: "a", -1: "b"}}, "of values from 0 to 65535"),
        ({"split": "train", "classes": CLASSES, "ignore": [1]}, "`ignore` must be values that are"),
    ],
)
def test_wrong_arguments(folder, arguments, message):
    with pytest.raises(ValueError, match=message):
        masks_source(folder, **arguments)


def test_a_folder_without_masks(tmp_path):
    assert masks_splits(tmp_path) is None
    with pytest.raises(ValueError, match="a folder with list files, of pictures and masks"):
        masks_source(tmp_path)


def test_names_of_several_values():
    values = given_values({0: "road", 1: "road", 2: "sky"})
    np.testing.assert_array_equal(values.encode(np.array([[0, 1, 2, 255]]), "m"), [[0, 0, 1, 255]])


def test_picture_and_mask_are_cut_alike(tmp_path):
    """Where the picture is white the mask is 1, whatever crop and mirror did."""
    rng = np.random.default_rng(1)
    for i in range(4):
        mask = np.zeros((64, 96), "uint8")
        top, left = rng.integers(0, 32), rng.integers(0, 48)
        mask[top : top + 28, left : left + 40] = 1
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "masks").mkdir(exist_ok=True)
        Image.fromarray(mask * 255).save(tmp_path / f"images/p{i}.png")
        Image.fromarray(mask).save(tmp_path / f"masks/p{i}.png")
    source = masks_source(tmp_path, classes=["black", "white"])
    preprocessing = Preprocessing(
        (32, 48), fit="stretch", interpolation="bilinear", mean=(0,) * 3, std=(1,) * 3
    )
    data = training_data(
        source, preprocessing, Augmentation(area=(0.3, 1.0)), batch_size=4, encode=True
    )
    for x, y in data.batches.take(2):
        white = x.numpy()[..., 0] > 0.5
        assert y.dtype == tf.int32
        assert 0.05 < (y.numpy() == 1).mean() < 0.95
        assert (white == (y.numpy() == 1)).mean() > 0.98
    for x, y in evaluation_batches(source, preprocessing, 4, encode=True):
        assert ((x.numpy()[..., 0] > 0.5) == (y.numpy() == 1)).mean() > 0.98
    # Not encoded, masks stay as they are, whatever the sizes.
    ((_, targets),) = evaluation_batches(source, preprocessing, 4)
    assert targets["mask"].dtype == tf.string
