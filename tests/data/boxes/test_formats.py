"""COCO, VOC and YOLO folders are recognised, and all give the same boxes."""

import json

import pytest

from kerazoo.data.boxes.folders import boxed_splits, boxes_source
from kerazoo.data.open import open_source, split_names
from tests.data.boxes.folders import box, coco, kinds, picture, targets, voc, yolo

BOX = [10.0, 4.0, 30.0, 16.0]


def test_three_formats_say_the_same(tmp_path):
    sets = [
        coco(tmp_path / "coco", [box([10, 4, 20, 12])]),
        voc(tmp_path / "voc", {"1": [("cat", 10, 4, 30, 16, 0)], "2": []}),
        yolo(tmp_path / "yolo", {"1": f"0 {20 / 40} {10 / 24} {20 / 40} {12 / 24}\n", "2": None}),
    ]
    (sets[2] / "classes.txt").write_text("cat\n")
    for folder in sets:
        source = open_source(folder, "train")
        assert source.task == "detection"
        found = targets(source)
        assert found["1.png"]["boxes"] == [pytest.approx(BOX, abs=1e-5)]
        assert found["1.png"]["names"] == ["cat"]
        assert found["1.png"]["size"] == [24, 40]
        assert found["2.png"]["boxes"] == []  # kept: it teaches what is background
        assert kinds(source) == {"pictures without boxes": 1}
        assert split_names(folder) == ("train",)


def test_coco_ids_and_names_travel(tmp_path):
    rows = [box([1, 2, 10, 10], category=7), box([1, 2, 5, 5], 2, number=2)]
    source = open_source(coco(tmp_path, rows), "train")
    assert source.classes == ("cat", "dog")
    assert source.class_ids == (3, 7)
    assert targets(source)["1.png"]["names"] == ["dog"]
    assert targets(source)["1.png"]["areas"] == [50.0]  # of the object, as the file has it


def test_roboflows_coco_and_a_file_alone(tmp_path):
    coco(tmp_path / "x", [box([1, 2, 10, 10])])
    content = (tmp_path / "x/annotations/instances_train2017.json").read_text()
    for split in ("train", "valid"):
        for name in ("1.png", "2.png"):
            picture(tmp_path / "y" / split / name)
        (tmp_path / "y" / split / "_annotations.coco.json").write_text(content)
    assert split_names(tmp_path / "y") == ("train", "valid")
    assert open_source(tmp_path / "y", purpose="evaluate").split == "valid"
    file = tmp_path / "y/train/mine.json"
    file.write_text(content)
    assert open_source(file).count == 2


def test_coco_beside_its_pictures(tmp_path):
    coco(tmp_path / "x", [box([1, 2, 10, 10])])
    content = (tmp_path / "x/annotations/instances_train2017.json").read_text()
    for n in (1, 2):
        picture(tmp_path / f"y/{n}.png")
    (tmp_path / "y/labels.json").write_text(content)
    (tmp_path / "y/notes.json").write_text("{}")
    source = open_source(tmp_path / "y")
    assert (source.count, tuple(source.classes)) == (2, ("cat", "dog"))
    (tmp_path / "y/labels.json").rename(tmp_path / "y/train.json")
    (tmp_path / "y/val.json").write_text(content)
    assert open_source(tmp_path / "y", "val").count == 2


def test_yaml_and_its_places(tmp_path):
    for split in ("train", "valid"):
        picture(tmp_path / split / "images/a.png")
        (tmp_path / split / "labels").mkdir()
        (tmp_path / split / "labels/a.txt").write_text("4 0.5 0.5 0.25 0.5\n")
    text = "train: ../train/images\nval: ../valid/images\nnames: {0: cat, 4: dog}\n"
    (tmp_path / "data.yaml").write_text(text)
    for data in (tmp_path, tmp_path / "data.yaml"):
        source = open_source(data, "val")
        assert source.classes == ("cat", "dog")
        assert source.class_ids == (0, 4)
        assert targets(source)["a.png"]["names"] == ["dog"]
        assert targets(source)["a.png"]["boxes"] == [[15, 6, 25, 18]]


def test_a_polygon_of_yolos_is_its_box(tmp_path):
    source = open_source(yolo(tmp_path, {"1": "0 0.25 0.5 0.5 0.25 0.75 0.75\n"}), "train")
    assert targets(source)["1.png"]["boxes"] == [[10, 6, 30, 18]]
    assert source.classes == ("0",)  # nobody says its name


def test_vocs_own_pictures_count_from_one(tmp_path):
    rows = {"1": [("cat", 1, 1, 40, 24, 0)]}
    own = voc(tmp_path / "own", rows, database="The VOC2007 Database")
    other = voc(tmp_path / "other", rows)
    assert targets(open_source(own, "train"))["1.png"]["boxes"] == [[0, 0, 40, 24]]
    assert targets(open_source(other, "train"))["1.png"]["boxes"] == [[1, 1, 40, 24]]


def test_voc_lists_of_single_classes_are_no_splits(tmp_path):
    voc(tmp_path, {"1": [("cat", 1, 1, 30, 20, 0)]})
    (tmp_path / "ImageSets/Main/cat_train.txt").write_text("1 -1\n")
    assert boxed_splits(tmp_path) == ("Pascal VOC", ("train",))


def test_xml_beside_pictures(tmp_path):
    voc(tmp_path / "x", {"1": [("cat", 1, 1, 30, 20, "Unspecified")]})
    for split in ("train", "test"):
        picture(tmp_path / "y" / split / "1.png")
        text = (tmp_path / "x/Annotations/1.xml").read_text()
        (tmp_path / "y" / split / "1.xml").write_text(text)
    source = open_source(tmp_path / "y")
    assert source.split == "train"
    assert targets(source)["1.png"]["crowd"] == [False]


def test_parts_of_what_has_no_splits(tmp_path):
    for number in range(10):
        picture(tmp_path / f"images/{number}.png")
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / f"labels/{number}.txt").write_text(f"{number % 2} 0.5 0.5 0.5 0.5\n")
    parts = {"train": 0.6, "validation": 0.4}
    sources = [open_source(tmp_path, name, fractions=parts) for name in parts]
    assert [source.count for source in sources] == [6, 4]
    assert not set(sources[0].files) & set(sources[1].files)
    # Each part has its share of both classes.
    assert [sum(t["names"] == ["1"] for t in targets(s).values()) for s in sources] == [3, 2]
    assert open_source(tmp_path, "all[:30%]").count == 3


def test_refusals_name_file_and_line(tmp_path):
    yolo(tmp_path / "a", {"1": "0 0.5 0.5 0.1 0.1\n0 20 10 5 5\n"})
    with pytest.raises(ValueError, match=r"shares of the picture's sides.*1\.txt, line 2"):
        open_source(tmp_path / "a", "train")
    yolo(tmp_path / "b", {"1": "0 0.5 0.5 0.1\n"})
    with pytest.raises(ValueError, match=r"a class and four numbers.*1\.txt, line 1"):
        open_source(tmp_path / "b", "train")
    voc(tmp_path / "c", {"1": [("cat", 1, 1, "wide", 20, 0)]})
    with pytest.raises(ValueError, match=r"xmin, ymin, xmax and ymax.*1\.xml, line 2"):
        open_source(tmp_path / "c", "train")
    (tmp_path / "c/Annotations/1.xml").write_text("<annotation>")
    with pytest.raises(ValueError, match=r"XML file as Pascal VOC has them"):
        open_source(tmp_path / "c", "train")
    coco(tmp_path / "d", [box([1, 2, 3, 4], category=5)])
    with pytest.raises(ValueError, match=r"of a category that is listed; 5 is not.*annotation 1"):
        open_source(tmp_path / "d", "train")
    with pytest.raises(ValueError, match=r"Unknown `split`\. Did you mean 'train'"):
        open_source(tmp_path / "d", "trian")
    with pytest.raises(ValueError, match="a folder as COCO, Pascal VOC or YOLO have it"):
        boxes_source(tmp_path / "d/train2017")
    (tmp_path / "e.json").write_text("[]")
    with pytest.raises(ValueError, match="in COCO's format, an object"):
        open_source(tmp_path / "e.json")
    (tmp_path / "e.json").write_text(json.dumps({"images": []}))
    with pytest.raises(ValueError, match="it has no annotations, categories"):
        open_source(tmp_path / "e.json")
