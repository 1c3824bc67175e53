"""Whatever annotations have wrong with them is defined, counted, and named with its place."""

import logging

import numpy as np
import pytest
from PIL import Image, ImageOps

from kerazoo.data.boxes import findings
from kerazoo.data.boxes.folders import boxes_source
from kerazoo.data.boxes.geometry import turned
from kerazoo.data.open import open_source
from tests.data.boxes.folders import HEIGHT, WIDTH, box, coco, kinds, picture, targets, voc

EMPTY = {"pictures without boxes": 1}


def places(source, kind):
    return next(each.places for each in source.findings if each.kind == kind)


@pytest.mark.parametrize(
    ("given", "kept", "kind"),
    [
        ([0, 0, 0, 0], [], "boxes without area"),
        ([5, 5, 0, 9], [], "boxes without area"),
        ([20, 16, -10, -8], [10, 8, 20, 16], "boxes with swapped corners"),
        ([30, 10, 30, 6], [30, 10, 40, 16], "boxes that reach beyond their picture"),
        ([30, 10, 10.5, 6], [30, 10, 40, 16], None),  # half a pixel is rounding
        ([50, 10, 5, 5], [], "boxes outside their picture"),
        ([float("nan"), 1, 2, 3], [], "boxes that are not numbers"),
    ],
)
def test_a_box_that_is_none_or_not_quite(tmp_path, given, kept, kind):
    source = open_source(coco(tmp_path, [box(given), box([1, 1, 9, 9], 2, number=2)]), "train")
    assert targets(source)["1.png"]["boxes"] == ([kept] if kept else [])
    counted = {} if kind is None else {kind: 1}
    assert kinds(source) == counted | ({} if kept else EMPTY)
    if kind:
        assert places(source, kind) == ("instances_train2017.json, annotation 1",)


def test_shares_in_a_coco_file(tmp_path):
    rows = [box([0.25, 0.5, 0.5, 0.25], area=0.1), box([0, 0, 1, 1], 2, number=2)]
    source = open_source(coco(tmp_path, rows), "train")
    assert targets(source)["1.png"]["boxes"] == [[10, 12, 30, 18]]
    assert targets(source)["1.png"]["areas"] == [120.0]
    assert kinds(source) == {"boxes in shares of the picture": 2}
    # One box of more than a pixel, and none of them is a share.
    rows[1]["bbox"] = [0, 0, 20, 20]
    source = open_source(coco(tmp_path / "b", rows), "train")
    assert targets(source)["1.png"]["boxes"] == [[0.25, 0.5, 0.75, 0.75]]


def test_crowds_and_difficult_ones_are_kept_apart(tmp_path):
    rows = [box([1, 1, 9, 9], iscrowd=1), box([1, 1, 9, 9], 2, number=2)]
    source = open_source(coco(tmp_path / "a", rows), "train")
    assert targets(source)["1.png"]["crowd"] == [True]
    assert targets(source)["2.png"]["crowd"] == [False]
    rows = {"1": [("cat", 1, 1, 9, 9, 1), ("cat", 9, 9, 15, 15, "Unspecified")]}
    source = open_source(voc(tmp_path / "b", rows), "train")
    assert targets(source)["1.png"]["crowd"] == [True, False]
    assert kinds(source) == {"crowd or difficult boxes": 1}


def test_duplicates(tmp_path):
    rows = [box([1, 1, 9, 9]), box([1, 1, 9, 9], number=2), box([2, 2, 9, 9], 2, number=2)]
    source = open_source(coco(tmp_path / "a", rows), "train")
    assert len(targets(source)["1.png"]["boxes"]) == 1
    assert kinds(source) == {"boxes given twice": 1, "annotation ids given twice": 1}
    voc(tmp_path / "b", {"1": [("cat", 1, 1, 9, 9, 0)]})
    (tmp_path / "b/ImageSets/Main/train.txt").write_text("1\n1\n")
    source = open_source(tmp_path / "b", "train")
    assert source.count == 1
    assert places(source, "pictures listed twice") == ("train.txt, line 2",)


def test_two_pictures_of_one_id_are_refused(tmp_path):
    images = [{"id": 1, "file_name": f"{n}.png"} for n in (1, 2)]
    for image in images:
        picture(tmp_path / "train2017" / image["file_name"])
    coco(tmp_path, [box([1, 1, 9, 9])], images)
    with pytest.raises(ValueError, match=r"picture ids given twice: 1, nobody can tell .*image 1"):
        open_source(tmp_path, "train")
    images[1]["file_name"] = "1.png"  # the same one again
    assert open_source(coco(tmp_path, [box([1, 1, 9, 9])], images), "train").count == 1


def test_boxes_of_no_picture_and_pictures_of_no_file(tmp_path):
    rows = [box([1, 1, 9, 9]), box([1, 1, 9, 9], 77, number=2)]
    root = coco(tmp_path, rows)
    (root / "train2017/2.png").unlink()
    source = open_source(root, "train")
    assert source.count == 1
    assert kinds(source) == {
        "boxes of a picture that is not listed": 1,
        "pictures that are missing": 1,
    }
    (root / "train2017/1.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"a split with pictures: .*cannot be read: 1"):
        open_source(root, "train")


def test_a_warning_counts_once_what_is_left_out(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(findings, "_said", set())
    rows = [box([1, 1, 0, 0], number=n) for n in range(5)]
    root = coco(tmp_path, rows)
    with caplog.at_level(logging.WARNING, "kerazoo"):
        for _ in range(2):
            open_source(root, "train")
    name = "instances_train2017.json, annotation"
    shown = f"({name} 0; {name} 1; {name} 2; and 2 more)"
    expected = f"{tmp_path.name} train: boxes without area: 5, left out {shown}"
    assert [r.getMessage() for r in caplog.records] == [expected]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_turns_as_pillow_turns_the_picture(tmp_path, orientation):
    pixels = np.zeros((HEIGHT, WIDTH), "uint8")
    pixels[4:9, 10:30] = 255
    image = Image.fromarray(pixels)
    image.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(image))
    ys, xs = np.nonzero(upright)
    found = turned((10, 4, 30, 9), (HEIGHT, WIDTH), orientation)
    assert found == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)


@pytest.mark.parametrize(
    ("orientation", "size", "expected", "kind"),
    [
        (6, (WIDTH, HEIGHT), [1, 2, 9, 12], None),  # annotated as people see it
        (6, (HEIGHT, WIDTH), [12, 1, 22, 9], "boxes drawn on the picture as it is stored"),
        (3, (HEIGHT, WIDTH), [1, 2, 9, 12], "turned pictures whose size does not tell"),
        (1, (HEIGHT, WIDTH), [1, 2, 9, 12], None),
        (6, None, [1, 2, 9, 12], None),
    ],
)
def test_exif_by_the_annotated_size(tmp_path, orientation, size, expected, kind):
    image = {"id": 1, "file_name": "1.jpg"}
    if size:
        image |= {"height": size[0], "width": size[1]}
    picture(tmp_path / "train2017/1.jpg", orientation)
    source = open_source(coco(tmp_path, [box([1, 2, 8, 10])], [image]), "train")
    assert targets(source)["1.jpg"]["boxes"] == [expected]
    assert [each.kind.startswith(kind) for each in source.findings] == ([True] if kind else [])
    if kind and "as it is stored" in kind:
        assert targets(source)["1.jpg"]["size"] == [WIDTH, HEIGHT]  # of the upright picture


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_size_that_fits_neither_is_refused(tmp_path, orientation):
    images = [{"id": 1, "file_name": "1.jpg", "height": 30, "width": 30}]
    picture(tmp_path / "train2017/1.jpg", orientation)
    images.append({"id": 2, "file_name": "2.jpg"})
    picture(tmp_path / "train2017/2.jpg")
    root = coco(tmp_path, [box([1, 2, 8, 10])], images)
    with pytest.raises(ValueError, match=r"of another size than annotated: 1.* says 30 x 30"):
        open_source(root, "train")
    lenient = boxes_source(root, "train", strict=False)
    assert [path[-5:] for path in lenient.files] == ["2.jpg"]
    assert "pictures of another size than annotated" in kinds(lenient)
