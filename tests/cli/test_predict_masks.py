"""`kerazoo predict segmentation`: the segmenter of the package, from the command line."""

import json

import numpy as np
from PIL import Image

from kerazoo.cli import main


def test_masks_overlays_and_areas(tmp_path, capsys):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), "uint8")
    Image.fromarray(pixels).resize((96, 72)).save(tmp_path / "a.jpg")
    saved = tmp_path / "found"
    arguments = ["predict", "segmentation", str(tmp_path / "a.jpg"), "--save", str(saved)]
    assert main([*arguments, "--json"]) == 0
    ((answer),) = json.loads(capsys.readouterr().out)
    with Image.open(saved / "a_classes.png") as mask:
        assert (mask.mode, mask.size) == ("P", (96, 72))
        numbers, pixels = np.unique(np.asarray(mask), return_counts=True)
    told = {each["index"]: each["pixels"] for each in answer["predictions"]}
    assert told == dict(zip(numbers.tolist(), pixels.tolist(), strict=True))
    assert sum(each["share"] for each in answer["predictions"]) == 1
    with Image.open(saved / "a.jpg") as drawn:
        assert drawn.width > 96  # the legend
    (saved / "a.jpg").unlink()
    assert main(arguments) == 2
    assert "a_classes.png" in capsys.readouterr().err
