"""Annotations of wrong types, and files that were damaged: read, or refused by name in one line."""

import json
import math
import random
import re

import numpy as np
import pytest
import tensorflow as tf
import yaml
from PIL import Image

from kerazoo.data import boxes_source, csv_source, folder_source, masks_source
from kerazoo.picture_lists import find_pictures
from tests import picture_files
from tests.damage import changed, mistakes

COCO = {
    "images": [{"id": i, "file_name": f"{i}.png", "height": 24, "width": 32} for i in range(2)],
    "annotations": [
        {"id": i, "image_id": i, "category_id": 1, "bbox": [2, 3, 8, 9], "area": 72, "iscrowd": 0}
        for i in range(2)
    ],
    "categories": [{"id": 1, "name": "cat"}, {"id": 3, "name": "dog"}],
}
VOC = """<annotation><folder>pets</folder><filename>0.png</filename>
<source><database>Pets at home</database><annotation>by hand</annotation></source>
<owner><name>nobody in particular</name></owner>
<size><width>32</width><height>24</height><depth>3</depth></size><segmented>0</segmented>
<object><name>cat</name><pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>
<bndbox><xmin>2</xmin><ymin>3</ymin><xmax>9</xmax><ymax>12</ymax></bndbox></object></annotation>
"""
YAML = {"path": ".", "train": "images", "val": "images", "names": {0: "cat", 1: "dog"}}


def picture(path, size=(32, 24)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture_files.smooth()).resize(size).save(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small data set of each kind."""
    root = tmp_path_factory.mktemp("sets")
    for i in range(2):
        for kind in ("coco", "voc", "yolo/images", "masks/images", "csv"):
            picture(root / kind / f"{i}.png")
        (root / "masks/masks").mkdir(exist_ok=True)
        mask = np.arange(24 * 32).reshape(24, 32) % 2
        Image.fromarray(mask.astype("uint8")).save(root / "masks/masks" / f"{i}.png")
    (root / "coco/boxes.json").write_text(json.dumps(COCO))
    (root / "voc/0.xml").write_text(VOC)
    (root / "voc/classes.txt").write_text("cat\ndog\n")
    (root / "yolo/labels").mkdir()
    (root / "yolo/labels/0.txt").write_text("0 0.5 0.5 0.2 0.2\n1 0.5 0.4 0.2 0.1\n")
    (root / "yolo/data.yaml").write_text(yaml.safe_dump(YAML))
    (root / "masks/classes.txt").write_text("0 ground\n1 sky\n")
    (root / "csv/list.csv").write_text("path,label,split\n0.png,a,train\n1.png,b,train\n")
    return root


OPEN = {
    "coco/boxes.json": lambda root: boxes_source(root / "coco/boxes.json"),
    "voc/0.xml": lambda root: boxes_source(root / "voc"),
    "voc/classes.txt": lambda root: boxes_source(root / "voc"),
    "yolo/data.yaml": lambda root: boxes_source(root / "yolo/data.yaml", "train"),
    "yolo/labels/0.txt": lambda root: boxes_source(root / "yolo", "train"),
    "masks/classes.txt": lambda root: masks_source(root / "masks"),
    "masks/masks/0.png": lambda root: masks_source(root / "masks"),
    "csv/list.csv": lambda root: csv_source(root / "csv/list.csv", "train"),
}
# What names the file where the message cannot begin with it.
ALSO = {
    "voc/classes.txt": ("0.xml",),
    "yolo/data.yaml": ("0.txt", "`split`", "`path`"),
    "yolo/labels/0.txt": ("data.yaml",),
    "masks/classes.txt": ("`classes`", "0.png"),
    "csv/list.csv": ("`columns`", "`split`"),
}


def outcome(name, root):
    """`"read"` or `"refused"`; fails for what a user should not see."""
    try:
        source = OPEN[name](root)
    except ValueError as error:
        text = str(error)
        shown = [name.rpartition("/")[2], *ALSO.get(name, ())]
        assert any(each in text for each in shown), text
        assert len(text) < 2000, text
        assert text.startswith(("The argument", "Unknown", "Cannot read")), text
        return "refused"
    assert source.count >= 1
    _, target = source.fetch(tf.constant(source.count - 1))
    if source.task == "detection":
        check_boxes(target, source)
    return "read"


def check_boxes(target, source):
    count = int((target["classes"].numpy() >= 0).sum())
    found = target["boxes"].numpy()[:count]
    height, width = target["size"].numpy()
    assert np.isfinite(found).all()
    assert (found[:, 2:] > found[:, :2]).all()
    assert (found >= 0).all()
    assert (found[:, 2] <= width).all()
    assert (found[:, 3] <= height).all()
    assert np.isfinite(target["areas"].numpy()).all()
    assert (target["classes"].numpy() < len(source.classes)).all()


def written(root, name, value):
    file = root / name
    file.write_text(json.dumps(value) if name.endswith("json") else yaml.safe_dump(value))


def opened(name, whole, root, every):
    counts = {"read": 0, "refused": 0}
    for path, new, value in mistakes(whole, every):
        try:
            written(root, name, value)
            counts[outcome(name, root)] += 1
        except Exception as error:
            raise AssertionError(f"{name}: {path} = {str(new)[:50]!r}: {error!r}") from error
    written(root, name, whole)
    return counts


NESTED = {"coco": ("coco/boxes.json", COCO), "yolo": ("yolo/data.yaml", YAML)}


@pytest.mark.parametrize("kind", NESTED)
def test_values_of_any_type(kind, folder):
    counts = opened(*NESTED[kind], folder, every=11 if kind == "coco" else 3)
    assert counts["refused"] > counts["read"] > 5


@pytest.mark.faults
@pytest.mark.parametrize("kind", NESTED)
def test_values_of_any_type_anywhere(kind, folder):
    counts = opened(*NESTED[kind], folder, every=1)
    assert counts["refused"] > counts["read"] > 20


@pytest.mark.parametrize(
    ("name", "path", "new", "words"),
    [
        ("coco/boxes.json", ("annotations", 0, "iscrowd"), "0", "`iscrowd` is 0 or 1, not '0'"),
        ("coco/boxes.json", ("annotations", 1, "area"), math.nan, "`area` is a number"),
        ("coco/boxes.json", ("annotations", 1, "bbox", 2), "8", "four numbers, not [2, 3, '8', 9]"),
        ("coco/boxes.json", ("categories", 0, "name"), None, "`name` is text, not None"),
        ("coco/boxes.json", ("images", 0, "height"), 24.5, "image 0"),
        ("yolo/data.yaml", ("names",), "cat", "a list or table of names, not 'cat'"),
        ("yolo/data.yaml", ("names",), {-1: "cat"}, "numbered from 0, not -1"),
        ("yolo/data.yaml", ("train",), [["images"]], "text, not a list"),
    ],
)
def test_what_was_taken_for_something_else(name, path, new, words, folder):
    whole = COCO if "coco" in name else YAML
    written(folder, name, changed(whole, path, new))
    with pytest.raises(ValueError) as refused:
        OPEN[name](folder)
    written(folder, name, whole)
    assert words in str(refused.value)


def test_aliases_of_yaml_are_not_unfolded(folder):
    """Text of a nest of lists that name each other would take all memory."""
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for one, two in zip("abcdefghijk", "bcdefghijkl", strict=True):
        bomb += f"{two}: &{two} [{', '.join([f'*{one}'] * 10)}]\n"
    for key in ("path", "train", "names"):
        text = yaml.safe_dump({k: v for k, v in YAML.items() if k != key}) + bomb + f"{key}: *l\n"
        (folder / "yolo/data.yaml").write_text(text)
        with pytest.raises(ValueError, match="not a list"):
            OPEN["yolo/data.yaml"](folder)
    written(folder, "yolo/data.yaml", YAML)


VALUE = re.compile(rb"(?:^|[>:,\s])\s*([\w.-]+)(?=[<,\s}\]]|$)")
OTHERS = (b"", b"0", b"-1", b"7", b"0.25", b"1e9", b"nan", b"cat", b"\xc3\xa9", b"a b", b"None")


def damage(whole, draw):
    data = bytearray(whole)
    for _ in range(draw.choice((1, 1, 2, 4))):
        at, kind = draw.randrange(len(data)), draw.randrange(7 if len(data) > 9 else 3)
        if kind == 0:
            data[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            data[at] = draw.choice(b"0919-.\"'<>&,\n\t\0\xff")
        elif kind == 2:
            data[at:at] = draw.choice((b"9" * 5000, b"\xff\xfe", b"nan", b"inf", b"-", b"1e400"))
        elif kind == 3:
            del data[max(at, 9) :]
        elif kind == 4:
            del data[at : at + draw.randrange(1, 9)]
        elif kind == 5:
            data[at:at] = data[draw.randrange(len(data)) :][: draw.randrange(1, 30)]
        else:  # a value becomes another one, and what is around it stays as it is
            values = [match.span(1) for match in VALUE.finditer(data)]
            start, end = draw.choice(values) if values else (at, at + 1)
            data[start:end] = draw.choice(OTHERS)
    return bytes(data)


def damaged(name, root, seed, times):
    file, draw, counts = root / name, random.Random(seed), {"read": 0, "refused": 0}
    whole = file.read_bytes()
    try:
        for number in range(times):
            data = damage(whole, draw)
            file.write_bytes(data)
            try:
                counts[outcome(name, root)] += 1
            except Exception as error:
                words = f"{name}, seed {seed}, no. {number}: {data[:300]}: {error!r}"
                raise AssertionError(words) from error
    finally:
        file.write_bytes(whole)
    return counts


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OPEN)
def test_damaged_files(name, folder):
    assert damaged(name, folder, seed=1, times=20)["refused"] > 2


@pytest.mark.faults
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OPEN)
def test_many_damaged_files(name, folder):
    counts = damaged(name, folder, seed=2, times=300)
    assert min(counts.values()) > 10, counts


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        # A name given twice would make one of the two classes another, or one that never occurs.
        ("voc/classes.txt", "cat\n\ndog\ncat\n", "'cat' is in line 1 too|classes.txt, line 4"),
        ("voc/classes.txt", "\n", "a file that lists classes"),
        ("masks/classes.txt", "sky\nland\nsky\n", "'sky' is in line 1 too|classes.txt, line 3"),
        ("masks/classes.txt", "0 sky\n1 land\n0 tree\n", "; 0 is in line 1 too|line 3"),
        ("masks/classes.txt", "0 sky\n1 land\ntree\n", "a value and a name|line 3"),
        ("masks/classes.txt", "0 sky\n", "a list of two to 255 classes|classes.txt"),
        ("masks/classes.txt", "0 sky\n99999 land\n", "values below 65,536|classes.txt"),
        ("yolo/data.yaml", "{train: images, names: [cat, dog, cat]}", "'cat'|data.yaml: names"),
        ("yolo/data.yaml", "train: images\nnames:\n 0: a\n 0: b\n", "'0' is in line 3|line 4"),
        ("yolo/data.yaml", "train: a\nnames: [cat]\ntrain: b\n", "'train' is in line 1|line 3"),
        ("voc/0.xml", VOC.replace("<name>cat</name>", ""), "an object with a name|0.xml, line 5"),
        ("voc/0.xml", VOC.replace("32", "wide"), "whose width is a whole number, not 'wide'|0.xml"),
        # A comma in a name cuts it short: two classes became one.
        ("csv/list.csv", "path,label\n0.png,cat, wild\n1.png,cat, tame\n", "no more values|line 2"),
        ("csv/list.csv", "path,label,label\n0.png,a,b\n1.png,b,a\n", "one column 'label'"),
        ("csv/list.csv", "path,label\n0.png,a\n1.png,b\n./0.png,b\n", "'a' in row 2|'b' in row 4"),
    ],
)
def test_lists_that_say_two_things(name, text, words, folder):
    file = folder / name
    whole = file.read_bytes()
    file.write_text(text)
    try:
        with pytest.raises(ValueError) as refused:
            OPEN[name](folder)
    finally:
        file.write_bytes(whole)
    assert all(each in str(refused.value) for each in words.split("|")), refused.value


@pytest.mark.parametrize("name", ["voc/classes.txt", "masks/classes.txt", "yolo/data.yaml"])
def test_the_mark_of_windows_editors_is_no_part_of_a_name(name, folder):
    file = folder / name
    whole = file.read_bytes()
    right = OPEN[name](folder).classes
    file.write_bytes(b"\xef\xbb\xbf" + whole.replace(b"\n", b"\r\n"))
    found = OPEN[name](folder).classes
    file.write_bytes(whole)
    assert found == right


def test_spaces_in_a_csv_are_no_part_of_a_class_or_split(folder):
    file = folder / "csv/list.csv"
    whole = file.read_bytes()
    file.write_text("path,label,split\n0.png, a ,train\n1.png,b,train \n")
    source = OPEN["csv/list.csv"](folder)
    file.write_bytes(whole)
    assert (source.classes, source.count) == (("a", "b"), 2)


def test_poses_of_yolo_are_no_polygons(folder):
    """Two points behind a box are eight numbers, as a polygon of four corners has."""
    yaml_file, labels = folder / "yolo/data.yaml", folder / "yolo/labels/0.txt"
    whole = labels.read_bytes()
    written(folder, "yolo/data.yaml", {**YAML, "kpt_shape": [2, 2]})
    labels.write_text("0 0.5 0.5 0.25 0.5 0.9 0.9 0.1 0.1\n")
    source = OPEN["yolo/data.yaml"](folder)
    boxes = [source.fetch(tf.constant(i))[1]["boxes"].numpy() for i in range(2)]
    assert [12.0, 6.0, 20.0, 18.0] in np.concatenate(boxes).tolist()
    labels.write_text("0 0.5 0.5 0.2 0.2\n")
    with pytest.raises(ValueError, match="four numbers and the 4 that `kpt_shape` says"):
        OPEN["yolo/data.yaml"](folder)
    labels.write_bytes(whole)
    for shape in (3, [0, 3], [17, 4], [True, 2], ["2", 2]):
        written(folder, "yolo/data.yaml", {**YAML, "kpt_shape": shape})
        with pytest.raises(ValueError, match="kpt_shape"):
            OPEN["yolo/data.yaml"](folder)
    written(folder, "yolo/data.yaml", YAML)
    assert yaml_file.is_file()


def test_masks_that_were_written_as_jpeg_are_refused(tmp_path):
    """Around edges it has numbers of its own, each of which was taken for a class."""
    for name in ("images", "masks"):
        picture(tmp_path / name / "0.png")
    Image.fromarray(np.eye(24, 32, dtype="uint8") * 255).save(tmp_path / "masks/0.jpg")
    (tmp_path / "masks/0.jpg").rename(tmp_path / "masks/0.png")
    with pytest.raises(ValueError, match=r"JPEG does not keep numbers as they were; PNG does"):
        masks_source(tmp_path)


def test_a_line_of_a_csv_without_its_split(tmp_path):
    for name in ("0.png", "1.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    (tmp_path / "list.csv").write_text("path,label,split\n0.png,a,train\n1.png,b\n")
    with pytest.raises(ValueError, match=r"all have a split; that of '1\.png' has none"):
        csv_source(tmp_path / "list.csv", "train")


def test_pictures_beside_the_folders_of_classes_are_counted(tmp_path, caplog):
    for name in ("a/0.png", "b/0.png", "0.png", ".hidden.png", "readme.txt"):
        picture(tmp_path / name) if name.endswith("png") else (tmp_path / name).write_text("")
    assert folder_source(tmp_path).count == 2
    assert "(pictures beside the classes' folders 1)" in caplog.text


def test_what_a_pattern_leaves_out_is_counted(tmp_path, caplog):
    picture(tmp_path / "0.png")
    (tmp_path / "notes.txt").write_text("")
    assert find_pictures([f"{tmp_path}/*"]) == [tmp_path / "0.png"]
    assert "1 files are left out (.txt 1)" in caplog.text
