"""Folders, CSV files and arrays as sources, and their splits."""

import csv
import re

import numpy as np
import pytest
from PIL import Image

from kerazoo.data.arrays import array_source
from kerazoo.data.csv_file import csv_source
from kerazoo.data.folder import folder_source
from kerazoo.data.open import open_source
from kerazoo.data.splits import cut, default_split, hash_order
from kerazoo.data.tfds import tfds_source


def picture(path, level):
    """An 8x8 PNG whose grey level tells which one it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (level, level, level)).save(path)
    return path


@pytest.fixture
def folder(tmp_path):
    """Ten cats with levels 0 to 9, twenty dogs with 100 to 119."""
    for i in range(10):
        picture(tmp_path / "pets" / "cat" / f"{i}.png", i)
    for i in range(20):
        picture(tmp_path / "pets" / "dog" / "more" / f"{i}.png", 100 + i)
    return tmp_path / "pets"


def content(source):
    """[(grey level, class name)] in the source's order."""
    import tensorflow as tf

    return [
        (int(tf.io.decode_image(data)[0, 0, 0]), source.classes[int(label)])
        for data, label in source.pictures
    ]


def raises(argument, text):
    return pytest.raises(ValueError, match=f"`{argument}`.*{re.escape(text)}")


def test_folder_gives_every_picture_once_with_its_class(folder):
    source = folder_source(folder)
    assert source.classes == ("cat", "dog")
    assert source.count == 30
    expected = [(i, "cat") for i in range(10)] + [(100 + i, "dog") for i in range(20)]
    assert sorted(content(source)) == expected
    assert content(source) == content(folder_source(folder))
    # Names go with the pictures they belong to.
    level = content(source)[3][0]
    assert source.picture_name(3).endswith(f"{level % 100}.png")


def test_fetch_reaches_the_pictures_in_order(folder):
    source = folder_source(folder, "all[5:9]")
    assert [int(source.fetch(i)[1]) for i in range(4)] == [int(y) for _, y in source.pictures]


def test_fractions_share_out_each_class_without_overlap(folder):
    fractions = {"train": 0.8, "validation": 0.2}
    train, rest = (content(folder_source(folder, s, fractions=fractions)) for s in fractions)
    assert len(train) == 24
    assert len(rest) == 6
    assert not set(train) & set(rest)
    assert sum(name == "cat" for _, name in train) == 8
    other = content(folder_source(folder, "train", fractions=fractions, seed=1))
    assert sorted(other) != sorted(train)


def test_a_new_file_moves_no_other_across_slices(folder):
    names = [f"cat/{i}.png" for i in range(50)]
    before = [names[i] for i in hash_order(names)]
    more = [*names, "cat/new.png"]
    after = [more[i] for i in hash_order(more)]
    assert [name for name in after if name != "cat/new.png"] == before != names


def test_folder_with_split_folders(tmp_path):
    for split, levels in (("train", (1, 2)), ("test", (3,))):
        for level in levels:
            for name in ("cat", "dog"):
                picture(tmp_path / split / name / f"{level}.png", level)
    assert sorted(content(folder_source(tmp_path, "test"))) == [(3, "cat"), (3, "dog")]
    assert folder_source(tmp_path, "train[:50%]").count == 2
    with raises("split", "'test', 'train'"):
        folder_source(tmp_path, "validation")
    # Its own training split is what `fractions` divide; they cannot name one that is there.
    parts = {"train": 0.5, "validation": 0.5}
    learned, watched = (content(folder_source(tmp_path, part, fractions=parts)) for part in parts)
    assert sorted(name for _, name in learned) == sorted(name for _, name in watched)
    assert not set(learned) & set(watched)
    assert len(content(folder_source(tmp_path, "test", fractions=parts))) == 2
    with raises("fractions", "parts of a split 'train' that differ from the data's own"):
        folder_source(tmp_path, "train", fractions={"train": 0.5, "test": 0.5})


def test_folder_complaints(folder, tmp_path):
    with raises("folder", "existing folder"):
        folder_source(tmp_path / "nowhere")
    with raises("split", "Accepted: 'all'"):
        folder_source(folder, "train")
    with raises("split", "'train'"):
        folder_source(folder, "trian", fractions={"train": 0.5})
    with raises("fractions", "at most 1"):
        folder_source(folder, "train", fractions={"train": 0.8, "test": 0.3})
    (folder / "emu").mkdir()
    (folder / "emu" / "notes.txt").write_text("none yet")
    with raises(
        "folder", "no picture (.bmp, .gif, .jpeg, .jpg, .png, .tif, .tiff, .webp) in 'emu'"
    ):
        folder_source(folder)
    (tmp_path / "bare").mkdir()
    with raises("folder", "sub-folder for each class"):
        folder_source(tmp_path / "bare")


def test_what_a_folder_leaves_out_is_counted_and_said_once(folder, caplog):
    for path in (
        ".trash/a.png",
        "deep/.cache/b.png",
        "deep/._c.png",
        "notes.txt",
        "x.heic",
        "bare",
    ):
        picture(folder / "cat" / f"{path}.png", 0).rename(folder / "cat" / path)
    (folder / "cat" / "link").symlink_to(folder / "dog", target_is_directory=True)
    (folder / "dog" / "gone.png").symlink_to(folder / "nowhere.png")
    for fraction in ("train", "validation"):
        folder_source(folder, fraction, fractions={"train": 0.5, "validation": 0.5})
    kinds = ".heic 1, .txt 1, links to folders 1, no regular files 1, no suffix 1"
    assert [r.getMessage().partition("; ")[0] for r in caplog.records] == [
        f"{str(folder)!r}: 5 files are left out ({kinds})"
    ]
    assert folder_source(folder).count == 30


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("all", (0, 7)),
        ("all[:50%]", (0, 4)),
        ("all[50%:]", (4, 7)),
        ("all[-2:]", (5, 7)),
        ("all[1:-1]", (1, 6)),
        ("a[:-30%]", (0, 5)),
    ],
)
def test_slices_mean_what_tfds_means(split, expected):
    assert (cut(split, 7).start, cut(split, 7).stop) == expected


@pytest.mark.parametrize("split", ["all[:8]", "all[3:3]", "all[:101%]", "all[:x]", "all[2]", "", 3])
def test_bad_slices(split):
    with raises("split", repr(split)):
        cut(split, 7)


def write_csv(path, rows, header=("path", "label")):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def test_csv_with_names_and_own_columns(tmp_path):
    rows = [(picture(tmp_path / f"{i}.png", i).name, "ab"[i % 2], "xy"[i // 4]) for i in range(6)]
    path = write_csv(tmp_path / "list.csv", rows, ("file", "breed", "part"))
    columns = {"path": "file", "label": "breed", "split": "part"}
    source = csv_source(path, "x", columns=columns)
    assert sorted(content(source)) == [(0, "a"), (1, "b"), (2, "a"), (3, "b")]
    assert csv_source(path, "y[:1]", columns=columns).count == 1
    with raises("split", "'x', 'y'"):
        csv_source(path, "z", columns=columns)
    with raises("columns", "'breed', 'file', 'part'"):
        csv_source(path)


def test_csv_with_numbers(tmp_path):
    rows = [(picture(tmp_path / f"{i}.png", i).name, i % 2) for i in range(4)]
    path = write_csv(tmp_path / "list.csv", rows)
    assert csv_source(path).classes == ("0", "1")
    named = csv_source(path, classes=("even", "odd"))
    assert sorted(content(named)) == [(0, "even"), (1, "odd"), (2, "even"), (3, "odd")]


def test_csv_complaints(tmp_path):
    rows = [(picture(tmp_path / f"{i}.png", i).name, i % 2) for i in range(4)]
    path = write_csv(tmp_path / "list.csv", rows)
    with raises("path", "none of 'c'"):
        csv_source(path, classes=("a", "b", "c"))
    with raises("path", "row 3: '1'"):
        csv_source(path, classes=("a",))
    with raises("classes", "differ"):
        csv_source(path, classes=("a", "a"))
    with raises("path", "2 do not, the first is"):
        csv_source(write_csv(tmp_path / "b.csv", [*rows, ("x.png", 0), ("y.png", 1)]))
    with raises("path", "row 4"):
        csv_source(write_csv(tmp_path / "c.csv", [*rows[:2], ("0.png", "")]))
    with raises("path", "at least one line"):
        csv_source(write_csv(tmp_path / "d.csv", []))
    with raises("path", "1000000000000"):
        csv_source(write_csv(tmp_path / "e.csv", [("0.png", 10**12)]))
    with raises("path", "existing CSV"):
        csv_source(tmp_path / "none.csv")


def test_arrays():
    pictures = np.arange(6 * 4 * 4 * 3, dtype="uint8").reshape(6, 4, 4, 3)
    kept = pictures.copy()
    source = array_source(pictures, np.array([[0], [1], [2], [0], [1], [2]]), 3, split="all[2:5]")
    got = [(x.numpy(), int(y)) for x, y in source.pictures]
    np.testing.assert_array_equal([x for x, _ in got], pictures[2:5])
    assert [y for _, y in got] == [2, 0, 1]
    assert not source.encoded
    np.testing.assert_array_equal(pictures, kept)


def test_array_complaints():
    x = np.zeros((4, 2, 2, 3), "uint8")
    with raises("pictures", "uint8"):
        array_source(x / 255, np.arange(4), 4)
    with raises("labels", "4 integers"):
        array_source(x, np.arange(3), 4)
    with raises("labels", "within 0 to 2; row 3 is not"):
        array_source(x, np.arange(4), 3)
    with raises("labels", "none of 'c'"):
        array_source(x, np.array([0, 1, 1, 0]), ("a", "b", "c"))
    with raises("split", "'all'"):
        array_source(x, np.arange(4), 4, split="train")


def test_interleaved_shards_hold_the_same_pictures(data_dir):
    one = tfds_source("cifar10", "test", data_dir=data_dir)
    four = tfds_source("cifar10", "test", data_dir=data_dir, shards=4)
    first, second = ([x.numpy() for x, _ in s.pictures] for s in (one, four))
    assert sorted(first) == sorted(second)
    assert first != second


def test_the_split_that_a_purpose_means():
    assert default_split((), "train") == default_split((), "evaluate") == "all"
    assert default_split(("test", "train", "val"), "train") == "train"
    assert default_split(("test", "train", "val"), "evaluate") == "val"
    assert default_split(("train", "test"), "evaluate") == "test"
    with raises("split", "'x', 'y'"):
        default_split(("x", "y"), "train")
    with raises("purpose", "'evaluate', 'train'"):
        default_split(("train",), "validate")


def test_a_path_is_a_folder_beside_a_tfds_folder_too(tmp_path):
    for split in ("train", "val"):
        for name in ("a", "b"):
            (tmp_path / "set" / split / name).mkdir(parents=True)
            picture(tmp_path / "set" / split / name / "1.png", 9)
    path = tmp_path / "set"
    assert open_source(path, data_dir=tmp_path).split == "train"
    found = open_source(path, data_dir=tmp_path, purpose="evaluate")
    assert (found.split, found.task, found.count) == ("val", "classification", 2)
    with raises("data_dir", "a folder that holds <data set>/<version>"):
        open_source("set", data_dir=tmp_path)
