"""Recipes: what they may say, and that all that ship build a network and make a step."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kerazoo.cli import main
from kerazoo.cli._run import change
from kerazoo.training.inputs import fit_batches
from kerazoo.training.optim.optimizers import warn_of_bfloat16
from kerazoo.training.recipe import load_recipe, recipe_names
from kerazoo.training.run import Run
from tests import ROOT
from tests.data.boxes.folders import voc

PAPERS = {"mixnet_s_imagenet", "mobilenet_v2_imagenet", "espnetv2_imagenet", "resnet18_cifar10"}


def written(tmp_path, text: str) -> str:
    path = tmp_path / "r.toml"
    path.write_text(text)
    return str(path)


def street(folder: Path) -> Path:
    """Stand-ins for CamVid's pictures: of two drives, and every class is there."""
    mask = np.repeat(np.arange(12, dtype="uint8"), 8)[None].repeat(72, 0)
    lines = []
    for kind in ("pictures", "masks"):
        (folder / kind).mkdir(parents=True)
    for name in ("0001TP_1", "0001TP_2", "0001TP_3", "0001TP_4", "0006R0_1"):
        Image.fromarray(mask * 20).convert("RGB").save(folder / f"pictures/{name}.png")
        Image.fromarray(mask).save(folder / f"masks/{name}.png")
        lines.append(f"pictures/{name}.png masks/{name}.png\n")
    (folder / "train.txt").write_text("".join(lines))
    (folder / "test.txt").write_text(lines[0])
    return folder


def compiled(recipe, folder, data_dir) -> Run:
    """A run as it is before its first step."""
    run = Run(recipe, folder / "run", data_dir)
    run.open()
    run.load()
    run.build()
    run.compile()
    return run


def test_recipes_that_ship():
    assert {"mixnet_s_cifar10", "flgc_mobilenet_v2_cifar10", *PAPERS} <= set(recipe_names())
    for name in recipe_names():
        recipe = load_recipe(name)
        assert load_recipe(json.loads(json.dumps(recipe.to_dict()))) == recipe


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_makes_a_step(data_dir, tmp_path, name):
    """The network, data, loss and optimizer that it names fit each other."""
    recipe = load_recipe(name)
    small = {"batch_size": 4, "optimizer.warmup_epochs": 0, "weights": None}
    if recipe.data.name == "bccd":  # stand-ins for its cells
        cells = {str(n): [("RBC", n, 2, n + 12, 14, 0)] for n in range(4)}
        folder = voc(tmp_path / "bccd", cells)
        small |= {"data.name": str(folder), "data.validation": None, "data.test": "train"}
        small |= {"preprocessing.size": 96, "transfer.restore_batch_norm": False}
        data_dir = None
    elif recipe.data.name == "camvid":
        folder = street(tmp_path / "camvid")
        small |= {"data.validation": "train[0006R0*]"}
        small |= {"data.name": str(folder), "preprocessing.size": 64, "resolution": []}
        small |= {"transfer.restore_batch_norm": False}
        data_dir = None
    elif recipe.data.name == "imagenet2012":  # only its validation split is at hand
        small |= {"data.train": "validation[:8]", "data.test": "validation[:4]"}
        small |= {"preprocessing.size": 64}
    else:
        # 200 pictures hold all ten classes.
        small |= {"data.train": "train[:200]", "data.test": "test[:4]"}
    if recipe.distillation.teacher:  # a registered one, which lies in this repository as well
        folder = ROOT / "weights" / Path(recipe.distillation.teacher).name
        small |= {"distillation.teacher": str(folder)}
    run = compiled(load_recipe(name, small), tmp_path, data_dir)
    model = run.model
    model.run_eagerly = True
    pictures, targets = next(iter(fit_batches(run.recipe, run.inputs, model=model).batches))
    if run.inputs.task.mixes:
        assert targets.shape == (4, len(run.inputs.classes))
    before = [np.array(v) for v in model.trainable_variables]
    logs = model.train_on_batch(pictures, targets, return_dict=True)
    assert np.isfinite(logs["loss"])
    after = [np.array(v) for v in model.trainable_variables]
    changed = sum((a != b).any() for a, b in zip(before, after, strict=True))
    # Learned groups and dead activations may leave a few variables alone; few boxes all of what
    # reads boxes from maps that have none of them.
    assert changed > (0.5 if run.inputs.task.placed else 0.8) * len(before)
    assert all(np.isfinite(a).all() for a in after)


@pytest.mark.parametrize("folder", sorted(ROOT.glob("weights/*/run*")), ids=lambda f: f.parent.name)
def test_stored_recipes_stay_valid(folder):
    stored = json.loads((folder / "recipe.json").read_text())
    recipe = load_recipe(stored)
    assert (recipe.model, recipe.epochs) == (stored["model"], stored["epochs"])
    known = {"bccd": "objects", "camvid": "random"}
    crop = known.get(recipe.data.name, "pad")
    assert (recipe.augmentation.crop, recipe.augmentation.padding) == (crop, 4)
    assert recipe.optimizer.name == stored["optimizer"].get("name", "sgd")  # early ones: no name
    assert recipe.schedule["name"] == "cosine"


def test_rates_of_the_papers():
    """Epoch 0 is the warm-up's start; the rate is the published one where the paper states it."""
    from kerazoo.training.optim.optimizers import recipe_schedule

    def rate(name, epoch):
        return float(recipe_schedule(load_recipe(name), 1000)(int(1000 * epoch)))

    assert rate("mixnet_s_imagenet", 5) == pytest.approx(0.016 * 0.97**2)
    assert rate("mixnet_s_imagenet", 24) == pytest.approx(0.016 * 0.97**10)
    assert rate("mixnet_s_imagenet", 2.5) == pytest.approx(0.008)
    assert rate("mobilenet_v2_imagenet", 10) == pytest.approx(0.045 * 0.98**10)
    assert [rate("espnetv2_imagenet", e) for e in (0, 1, 2, 5, 6)] == pytest.approx(
        [0.1, 0.5, 0.4, 0.1, 0.5]
    )
    assert [rate("resnet18_cifar10", e) for e in (0, 81, 82, 123)] == pytest.approx(
        [0.1, 0.1, 0.01, 0.001]
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model='mixnet_s'\nepochs=1\nbatchsize=3", "Did you mean 'batch_size'"),
        ("model='mixnet_s'\nepochs=1\n[optimizer]\nlr=3", r"Unknown `recipe key`.*optimizer\.lr"),
        ("model='mixnet_s'\nepochs=0", "`epochs` must be a positive integer"),
        ("model='mixnet_s'", "a recipe that says epochs"),
        ("model='mixnet_s'\nepochs=1\ndtype='half'", "dtype"),
        ("model='mixnet_s'\nepochs=1\nstrategy='tpu'", "strategy"),
        ("model='mixnet_s'\nepochs=1\n[augmentation]\ncrop='big'", "crop"),
        ("model='mixnet_s'\nepochs=1\n[optimizer]\nema=2.0", r"optimizer\.ema"),
        ("model='mixnet_s'\nepochs=1\n[optimizer]\naccumulate=0", r"optimizer\.accumulate"),
        ("model='mixnet_s'\nepochs=1\nresolution=[[0.5]]", "resolution"),
        ("model=", "a TOML file"),
    ],
)
def test_wrong_recipes(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        load_recipe(written(tmp_path, text))


def test_unknown_recipe_names_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'mixnet_s_cifar10'"):
        load_recipe("mixnet_cifar10")


@pytest.mark.usefixtures("tiny_net")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer.name": "sdg"}, "Did you mean 'sgd'"),
        ({"schedule.name": "cosin"}, "Did you mean 'cosine'"),
        ({"optimizer.arguments": {"rho": 0.9}}, "rho"),
        ({"schedule.decay": 0.5}, "decay"),
        ({"arguments.weights": "x"}, r"arguments\.weights"),
        ({"data.train": "trian"}, "train"),
        ({"data.test": "test[99999:]"}, "split"),
        ({"batch_size": 300}, "batch_size"),
        ({"data.train": "train[:3]", "batch_size": 3}, "pictures of every class"),
        ({"model": "mixnet_t"}, "Did you mean"),
    ],
)
def test_wrong_values_before_the_first_step(data_dir, tmp_path, changes, message):
    small = {"data.train": "train[:256]", "data.test": "test[:100]", "batch_size": 32}
    recipe = load_recipe("mixnet_s_cifar10", {**small, "model": "tiny_net", **changes})

    with pytest.raises((ValueError, TypeError), match=message):
        compiled(recipe, tmp_path, data_dir)


def test_changes_from_the_command_line():
    given = dict(
        map(change, ["optimizer.name=adamw", "optimizer.ema=0.99", "data.train=train[:9]"])
    )
    recipe = load_recipe("mixnet_s_cifar10", given, epochs=2, seed=None)
    assert (recipe.epochs, recipe.seed) == (2, 1)
    assert (recipe.optimizer.name, recipe.optimizer.ema) == ("adamw", 0.99)
    assert recipe.data.train == "train[:9]"


def test_imitated_bfloat16_is_told(monkeypatch, caplog):
    recipe = load_recipe("mixnet_s_cifar10", dtype="mixed_bfloat16")
    for instructions, told in (({"avx2"}, True), ({"avx2", "avx512_bf16"}, False), (set(), False)):
        caplog.clear()
        found = partial(set, instructions)
        monkeypatch.setattr("kerazoo.training.optim.optimizers.cpu_instructions", found)
        with caplog.at_level("WARNING", logger="kerazoo"):
            warn_of_bfloat16(recipe)
            warn_of_bfloat16(load_recipe("mixnet_s_cifar10"))
        assert len(caplog.records) == told


def test_missing_data_is_one_line(tmp_path, capsys):
    words = ["train", "mixnet_s_cifar10", "--output", str(tmp_path / "r"), "--data-dir", "nowhere"]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert "nowhere" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "r").exists()
