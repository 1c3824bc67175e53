"""`kerazoo predict detection`: the detector of the package, from the command line."""

import json

import numpy as np
import pytest
from PIL import Image

from kerazoo import predictor
from kerazoo.cli import main
from kerazoo.cli.predict import drawn_paths
from kerazoo.tiling import tiles_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures")
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), "uint8")
    Image.fromarray(pixels).resize((160, 120)).save(path / "a.jpg")
    return path


def test_boxes_as_json_and_drawn(folder, tmp_path, capsys, monkeypatch):
    looked = []
    monkeypatch.setattr(
        predictor, "tiles_of", lambda *given: looked.append(given[:2]) or tiles_of(*given)
    )
    saved = tmp_path / "drawn"
    arguments = ["predict", "detection", str(folder / "a.jpg"), "--threshold", "0.01"]
    assert main([*arguments, "--most", "3", "--tiles", "100", "--json", "--save", str(saved)]) == 0
    assert looked == [((120, 160), 100)]
    ((answer),) = json.loads(capsys.readouterr().out)
    assert answer["picture"].endswith("a.jpg")
    assert len(answer["predictions"]) == 3
    for found in answer["predictions"]:
        assert 0 <= found["x1"] < found["x2"] <= 160
        assert 0 <= found["y1"] < found["y2"] <= 120
    with Image.open(saved / "a.jpg") as drawn:
        assert drawn.size == (160, 120)
    assert main([*arguments, "--save", str(saved)]) == 2
    assert "exists (force=True or --force overwrites it)" in capsys.readouterr().err


def test_a_wrong_threshold_is_told(folder, capsys):
    with pytest.raises(SystemExit):
        main(["predict", "detection", str(folder), "--threshold", "1.5"])
    assert "must be a number from 0 to 1, not '1.5'" in capsys.readouterr().err


def test_copies_of_the_same_name_are_numbered(tmp_path):
    paths = [tmp_path / name for name in ("x/a.jpg", "y/a.jpeg", "y/a.png", "z/b.webp")]
    found = drawn_paths(paths, tmp_path / "out", force=False)
    assert [path.name for path in found.values()] == ["a.jpg", "a_2.jpg", "a.png", "b.png"]


def test_there_is_nothing_to_draw_of_a_class(folder, tmp_path, capsys):
    arguments = ["predict", "kerazoo/mixnet_s_cifar10", str(folder), "--save", str(tmp_path / "d")]
    assert main(arguments) == 2
    assert (
        "`save` must be left out: classification finds nothing to draw" in capsys.readouterr().err
    )
