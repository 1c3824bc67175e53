"""`kerazoo show-data`, and naming data sets."""

import numpy as np
import pytest
from PIL import Image

from kerazoo.cli import main
from kerazoo.data.open import open_source
from kerazoo.tasks.classification.targets import describe
from tests.data.test_sources import picture, raises, write_csv


@pytest.fixture
def folder(tmp_path):
    """Three red, three blue pictures, so that a sheet can be checked by its colours."""
    for name, colour in (("red", (200, 0, 0)), ("blue", (0, 0, 200))):
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (40, 30), colour).save(tmp_path / "set" / name / f"{i}.png")
    return tmp_path / "set"


def count(sheet, colour):
    """How many pixels are of that colour, up to what the normal crop's scaling may change."""
    pixels = np.asarray(Image.open(sheet).convert("RGB"), int)
    return int((np.abs(pixels - colour).max(-1) < 3).sum())


def test_sheet_of_a_folder(folder, tmp_path, capsys):
    sheet = tmp_path / "sheet.png"
    argv = ["show-data", f"{folder}", "--size", "32", "--count", "6", "--output", f"{sheet}"]
    assert main(argv) == 0
    assert "set all: 6 pictures, 2 classes" in capsys.readouterr().out
    # Three whole pictures of each colour: squares of 285 pixels.
    assert count(sheet, (200, 0, 0)) == count(sheet, (0, 0, 200)) == 3 * 285**2
    assert count(sheet, (156, 195, 240)) == 0  # no bars: these are no predictions
    assert main([*argv, "--set", "erase=1", "--set", "erase_side=[0.3, 0.4]"]) == 0
    assert count(sheet, (200, 0, 0)) < 3 * 285**2 * 0.75


def test_captions_say_classes_and_their_shares():
    names = ("cat", "dog", "cup")
    assert describe(np.int64(2), names) == [("cup", None)]
    assert describe(np.array([0.0, 1.0, 0.0]), names) == [("dog", None)]
    mixed = [("70 % cat", None), ("30 % cup", None)]
    assert describe(np.array([0.7, 0.0, 0.3]), names) == mixed


def test_recipe_file_and_changes(folder, tmp_path, capsys):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("epochs = 3\n[augmentation]\ncrop = 'none'\ncutmix = 1.0\n")
    argv = ["show-data", f"{folder}", "--size", "32", "--output", f"{tmp_path / 'sheet.png'}"]
    assert main([*argv, "--augmentation", f"{recipe}", "--set", "padding_mode=reflect"]) == 0
    capsys.readouterr()
    for extra, text in (
        (["--augmentation", "imagnet"], "Did you mean 'imagenet'"),
        (["--augmentation", "no.toml"], "existing TOML file"),
        (["--set", "mixup"], "KEY=VALUE"),
        (["--set", "mixupp=1"], "Did you mean 'mixup'"),
        (["--set", "mixup=7"], "0.05 to 1"),
        (["--split", "test"], "Accepted: 'all'"),
    ):
        assert main([*argv, *extra]) == 2
        assert text in capsys.readouterr().err
    recipe.write_text("epochs = 3\n")
    assert main([*argv, "--augmentation", f"{recipe}"]) == 2
    assert "[augmentation]" in capsys.readouterr().err


def test_a_recipe_is_varied_as_training_varies_it(tmp_path):
    from kerazoo.cli.show_data import _augmentation
    from kerazoo.data.augmentation import CIFAR, IMAGENET

    # Neither says how to crop: that follows from the data set.
    assert _augmentation("mixnet_s_cifar10", []) == CIFAR
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("model = 'mixnet_s'\nepochs = 3\n[data]\nname = 'pets'\n")
    assert _augmentation(str(recipe), []) == IMAGENET
    assert _augmentation("mixnet_s_imagenet", ["mixup=0.2"]).mixup == 0.2


def test_corrupt_pictures_are_told(folder, tmp_path, capsys):
    (folder / "red" / "bad.jpg").write_text("no picture")
    sheet = tmp_path / "sheet.png"
    assert main(["show-data", f"{folder}", "--size", "32", "--output", f"{sheet}"]) == 1
    assert "bad.jpg: " in capsys.readouterr().err
    assert sheet.exists()
    only = tmp_path / "only" / "bad"
    only.mkdir(parents=True)
    (only / "1.jpg").write_text("no picture")
    assert main(["show-data", f"{only.parent}", "--output", f"{tmp_path / 'none.png'}"]) == 2
    assert "Cannot decode 1 of the pictures" in capsys.readouterr().err
    assert not (tmp_path / "none.png").exists()


def test_open_source_tells_kinds_apart(data_dir, folder, tmp_path):
    picture(tmp_path / "1.png", 5)
    listed = write_csv(tmp_path / "list.csv", [("1.png", "one")])
    assert open_source(listed).classes == ("one",)
    assert open_source(folder).classes == ("blue", "red")
    assert open_source(folder, fractions={"train": 0.67}).count == 4
    assert open_source("cifar10", data_dir=data_dir).split == "train"
    with raises("data", "a TFDS name together with `data_dir`"):
        open_source("cifar10")
    with raises("fractions", "its own splits"):
        open_source("cifar10", data_dir=data_dir, fractions={"train": 1})
    with raises("folder", "existing folder"):
        open_source(tmp_path / "nowhere")
