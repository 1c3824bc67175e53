"""`kerazoo check --recipe`: minutes of a recipe on this machine, whatever its task."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from kerazoo.cli import main
from tests.data.boxes.folders import picture, voc
from tests.tiny import DEEP, NAME

pytestmark = pytest.mark.usefixtures("tiny_net")

RECIPE = """
model = "{model}"
epochs = 6
batch_size = 2
{keys}
[data]
name = "elsewhere"
train = "{train}"
test = "{test}"
[preprocessing]
size = {size}
fit = "stretch"
[augmentation]
crop = "none"
[optimizer]
warmup_epochs = 0
"""
HALVES = {"train": "all[:50%]", "test": "all[50%:]"}


def classes(folder):
    """Eight pictures of two classes."""
    for name, value in (("a", 40), ("b", 200)):
        (folder / name).mkdir(parents=True)
        for n in range(4):
            Image.new("RGB", (32, 32), (value, n, 0)).save(folder / name / f"{n}.png")
    return {"model": NAME, "keys": "", "size": 32, **HALVES}


def boxes(folder):
    names = [str(n) for n in range(8)]
    voc(folder, {name: [("ab"[int(name) % 2], 2, 3, 20, 17, 0)] for name in names})
    for name in names:
        picture(folder / f"JPEGImages/{name}.png")
    for split, part in (("train", names[:4]), ("val", names[4:])):
        (folder / f"ImageSets/Main/{split}.txt").write_text("\n".join(part))
    keys = f'[arguments]\nbackbone = "{DEEP}"'
    return {"model": "ssd", "keys": keys, "size": 96, "train": "train", "test": "val"}


def masks(folder):
    for n in range(8):
        for kind in ("images", "masks"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            pixels = np.full((32, 32), n % 2, "uint8")
            pixels[:8] = 1 - n % 2
            Image.fromarray(pixels).save(folder / kind / f"{n}.png")
    keys = f'[arguments]\nbackbone = "{NAME}"\nwidth = 8\nlow_feature = "stride_2"'
    return {"model": "lraspp", "keys": keys, "size": 32, **HALVES}


@pytest.mark.parametrize("make", [classes, boxes, masks])
def test_minutes_of_each_task(make, tmp_path, monkeypatch, capsys):
    """Three steps take 90 s: six epochs of two steps, and four pictures to look at after each."""
    values = make(tmp_path / "data")
    (tmp_path / "own.toml").write_text(RECIPE.format(**values))
    clock = iter((100.0, 190.0))
    patched = SimpleNamespace(monotonic=lambda: next(clock))
    monkeypatch.setattr("kerazoo.training.estimate.time", patched)
    main(["check", str(tmp_path / "data"), "--recipe", str(tmp_path / "own.toml")])
    # 6 x 30 s x (2 + 2 / 3) steps
    assert "own.toml: about 8 minutes on this machine" in capsys.readouterr().out
