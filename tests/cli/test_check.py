"""`kerazoo check` says what to look at before training, and its exit code says whether."""

import shutil

import numpy as np
import pytest
from PIL import Image

from kerazoo._errors import counted
from kerazoo.checking import ROWS, Report, check_data
from kerazoo.cli import main
from kerazoo.tasks.description import Table, extremes
from kerazoo.tasks.detection.survey import FEW, WAYS, advice
from tests.data.boxes.folders import picture, voc


@pytest.fixture
def boxes(tmp_path):
    """Two splits of a VOC folder; pictures differ."""
    rows = {f"{n}": [("cat", 2, 2, 12 + n, 14, 0)] for n in range(4)}
    voc(tmp_path / "set", rows)
    for n in range(4):
        picture(tmp_path / f"set/JPEGImages/{n}.png")
        pixels = np.full((24, 40, 3), 60 * n, "uint8")
        Image.fromarray(pixels).save(tmp_path / f"set/JPEGImages/{n}.png")
    (tmp_path / "set/ImageSets/Main/train.txt").write_text("0\n1\n")
    (tmp_path / "set/ImageSets/Main/val.txt").write_text("2\n3\n")
    return tmp_path / "set"


def test_boxes_with_all_that_is_wrong(boxes, tmp_path, capsys):
    shutil.copy(boxes / "JPEGImages/0.png", boxes / "JPEGImages/2.png")
    text = (boxes / "Annotations/1.xml").read_text()
    (boxes / "Annotations/1.xml").write_text(text.replace("<xmax>13<", "<xmax>2<"))
    page = tmp_path / "page.html"
    assert main(["check", str(boxes), "--html", str(page)]) == 1
    printed = capsys.readouterr().out
    assert "Pascal VOC, for detection" in printed
    assert "train: boxes without area: 1, left out (1.xml, line 2)" in printed
    assert "the same picture in train and val: 1 (0.png)" in printed
    assert "train: pictures without boxes: 1, kept" in printed
    row = next(line for line in printed.split("\n") if line.startswith("cat"))
    assert row.split()[1:4] == ["1", "100.0", "%"]
    assert "fitted" in printed
    shown = page.read_text()
    assert "the same picture in train and val: 1 (0.png)" in shown
    assert shown.count("<table>") == shown.count("</table>") == 4


def test_pictures_of_another_size_are_told_and_not_the_end(boxes):
    Image.new("RGB", (10, 10)).save(boxes / "JPEGImages/1.png")
    report = check_data(boxes)
    assert report.exit_code == 1
    expected = "train: pictures of another size than annotated: 1"
    assert any(line.startswith(expected) for line in report.attention)


def test_classes_and_a_good_set(tmp_path, capsys):
    for name, value in (("<red>", 200), ("grey", 90)):
        (tmp_path / name).mkdir()
        for n in range(10):
            Image.new("RGB", (8, 6), (value, n, 90)).save(tmp_path / name / f"{n}.png")
    assert main(["check", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert printed.rstrip().endswith("Nothing to look at.")
    assert "<red>  10 (50.0 %)" in printed
    report = check_data(tmp_path)
    assert "<red>" not in report.html()
    assert "&lt;red&gt;" in report.html()
    (tmp_path / "grey" / "0.png").write_bytes(b"no picture")
    for n in range(1, 4):
        shutil.copy(tmp_path / "grey/4.png", tmp_path / f"grey/{n}.png")
    found = check_data(tmp_path).attention
    assert "all: pictures that cannot be decoded: 1" in found[0]
    assert "all: the same picture twice: 1" in found[1]


def test_nothing_there_is_an_error(tmp_path, capsys):
    assert main(["check", str(tmp_path / "none")]) == 2
    assert "an existing folder" in capsys.readouterr().err


def test_long_tables_are_cut_short_on_a_terminal_alone():
    rows = [(f"c{n}", str(n)) for n in range(50)]
    table = Table("Classes", ("class", "boxes"), rows, extremes(list(range(50))))
    report = Report("data", "detection", "COCO", [table])
    shown = [line.split()[0] for line in report.text().split("\n") if line.startswith("c")]
    ends = [*range(ROWS // 2), *range(50 - ROWS // 2, 50)]  # the smallest and the largest
    assert shown == ["class", *(f"c{n}" for n in ends)]
    assert f"Classes; {ROWS} of 50 rows" in report.text()
    assert report.html().count("<tr>") == 51
    short = Table("Few", ("class",), [("a",), ("b",)])
    assert short.shortened(2) is short
    assert [row[0] for row in Table("Many", ("x",), rows).shortened(2).rows] == ["c0", "c1"]


def test_anchors_are_advised_where_they_gain():
    """Stock, fitted, and both with stride 8, for classes that differ in what helps them."""
    names = ["enough", "auto", "finest", "both", "far more", "nothing", "few"]
    reached = np.array(
        [
            [0.95, 0.60, 0.60, 0.60, 0.20, 0.60, 0.10],
            [1.00, 0.66, 0.61, 0.62, 0.40, 0.62, 1.00],
            [1.00, 0.64, 0.66, 0.62, 0.30, 0.63, 1.00],
            [1.00, 0.67, 0.68, 0.80, 0.95, 0.64, 1.00],
        ]
    )
    lines = advice(reached, np.array([99] * 6 + [FEW - 1]), names)
    found = {line.split(": ")[1]: line.split(": ")[2] for line in lines}
    assert found == {
        WAYS[1]: "auto 60 to 66 %",
        WAYS[2]: "finest 60 to 66 %",
        WAYS[3]: "far more 20 to 95 %, both 60 to 80 %",
        WAYS[None]: "nothing 60 %",
    }


def test_masks_without_names_are_told_how_to_get_them(tmp_path):
    for n in range(2):
        for kind, values in (("images", 60 * n), ("masks", n)):
            (tmp_path / kind).mkdir(exist_ok=True)
            pixels = np.full((8, 8), values, "uint8")
            pixels[:4] = 2
            Image.fromarray(pixels).save(tmp_path / kind / f"{n}.png")
    assert any("put a classes.txt into" in line for line in check_data(tmp_path).attention)
    (tmp_path / "classes.txt").write_text("sky\nroad\ncar\n")
    assert not any("classes.txt" in line for line in check_data(tmp_path).attention)


def test_one_is_not_many(tmp_path, capsys):
    assert (counted(1, "class", "classes"), counted(2, "class", "classes")) == (
        "1 class",
        "2 classes",
    )
    assert counted(1200, "picture") == "1,200 pictures"
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (8, 8), name.replace("a", "red").replace("b", "blue")).save(
            tmp_path / name / "0.png"
        )
    (tmp_path / "a/notes.txt").write_text("")
    main(["check", str(tmp_path)])
    assert "1 file is left out (.txt 1)" in capsys.readouterr().err
