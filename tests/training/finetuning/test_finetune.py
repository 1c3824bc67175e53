"""Fine-tuning on pictures that a person could tell apart: three colours."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import kerazoo
from kerazoo._locks import holding
from kerazoo.checkpoints.read.tensors import read_tensors
from kerazoo.cli import main
from kerazoo.data.folder import folder_source
from kerazoo.data.open import open_source
from kerazoo.open import find, open_model
from kerazoo.training import finetune, load_trained
from kerazoo.training.finetuning import run as finetuning
from kerazoo.training.finetuning.splits import choose_splits
from kerazoo.training.transfer.batch_norm import settle_batch_norm
from tests import ROOT
from tests.tiny import NAME

pytestmark = pytest.mark.usefixtures("tiny_net")

COLOURS = {"blue plum": (50, 60, 190), "green pear": (60, 180, 60), "red apple": (200, 40, 40)}
COUNT = 20  # pictures of each
MADE = {"model.keras", "model.safetensors", "config.json", "README.md", "run.json"}
MADE |= {"curves.png", "confusion.png", "mistakes.png"}


def paint(folder, count=COUNT, seed=0):
    rng = np.random.default_rng(seed)
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for i in range(count):
            x = np.clip(np.array(colour) + rng.normal(0, 10, (40, 40, 3)), 0, 255)
            Image.fromarray(x.astype("uint8")).save(folder / name / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def fruit(tmp_path_factory):
    return paint(tmp_path_factory.mktemp("data") / "fruit")


@pytest.fixture(scope="module")
def start(tiny_net, tmp_path_factory):
    """A stored network of five other classes, with conventions that are not the family's own."""
    path = tmp_path_factory.mktemp("start") / "start.keras"
    import keras

    keras.utils.set_random_seed(7)
    shape = {"input_shape": (32, 32, 3), "classes": 5}
    conventions = {"padding": "symmetric", "batch_norm_epsilon": 1e-5, "stem_strides": 1}
    model = kerazoo.create_model(tiny_net, weights=None, **shape, **conventions)
    # Statistics as after training: with those of a new network all pictures end up alike.
    rng = np.random.default_rng(7)
    x = rng.normal(size=(64, 1, 1, 3)) + rng.normal(0, 0.1, (64, 32, 32, 3))
    settle_batch_norm(model, [x.astype("float32")])
    model.save(path)
    return path


@pytest.fixture(scope="module")
def words(fruit, start, tmp_path_factory):
    output = tmp_path_factory.mktemp("runs") / "my fruit"
    words = ["finetune", start, "--data", fruit, "--output", output, "--epochs", 9]
    words += ["--learning-rate", 0.02, "--unfreeze-epochs", 1, "--batch-size", 8, "--mistakes", 3]
    words += ["--size", 32, "--set", "augmentation.crop=none", "--set", "transfer.layer_decay=0.8"]
    return [str(word) for word in words]


@pytest.fixture(scope="module")
def run(words):
    """The folder of a finished run of both phases."""
    assert main(words) == 0
    return finetuning.Path(words[words.index("--output") + 1])


def weights(path) -> dict[str, np.ndarray]:
    return {name: value for name, value in read_tensors(path).items() if "seed" not in name}


def test_what_the_folder_holds(run):
    names = {path.name for path in run.iterdir()}
    assert names == MADE | {"1_probe", "2_unfrozen"}
    for name in ("curves.png", "confusion.png", "mistakes.png"):
        with Image.open(run / name) as drawn:
            assert drawn.format == "PNG"
    record = json.loads((run / "run.json").read_text())
    assert record["command"].startswith("kerazoo finetune ")
    assert record["classes"] == list(COLOURS)
    phases = record["finetune"]["phases"]
    assert phases["1_probe"]["optimizer"]["learning_rate"] == 0.02
    assert phases["2_unfrozen"]["optimizer"]["learning_rate"] == pytest.approx(0.002)
    assert [phases[p]["transfer"]["layer_decay"] for p in sorted(phases)] == [1.0, 0.8]
    assert [phases[p]["augmentation"]["crop"] for p in sorted(phases)] == ["none", "none"]


def changed(before, after) -> set[str]:
    """Paths of the variables in which two networks differ, without the seed of dropout."""
    return {
        a.path
        for a, b in zip(after.variables, before.variables, strict=True)
        if "seed" not in a.path and (a.shape != b.shape or (a.numpy() != b.numpy()).any())
    }


def test_the_probe_leaves_the_network_as_it_was(run, start):
    before = open_model(start)
    after = load_trained(run / "1_probe")
    assert after.info.arguments["padding"] == "symmetric"
    assert changed(before, after) == {"predictions/kernel", "predictions/bias"}


def test_the_second_phase_starts_from_the_first_and_keeps_statistics(run):
    first, second = (load_trained(run / name) for name in ("1_probe", "2_unfrozen"))
    for a, b in zip(first.variables, second.variables, strict=True):
        moved = (a.numpy() != b.numpy()).any()
        if "seed" in a.path:
            continue
        # Adam moves what has a gradient by the rate a step at most: 6 steps of 0.002 and less.
        assert np.abs(a.numpy() - b.numpy()).max() < 0.02, a.path
        batch_norm = "_bn/" in a.path
        assert moved != batch_norm, a.path


def test_the_figures_and_the_card_tell_the_accuracy_of_the_stored_model(run, fruit):
    model = open_model(run / "model.keras")
    test = open_source(fruit, "validation", fractions={"train": 0.9, "validation": 0.1})
    assert test.count == 6
    found = kerazoo.evaluate(model, test)
    result = json.loads((run / "run.json").read_text())["result"]
    assert result["accuracy"] == pytest.approx(found.top1 / 100, abs=1e-6)
    assert result["phases"][result["kept"]] == result["accuracy"]
    low, high = result["interval"]
    assert 0 <= low < result["accuracy"] <= high <= 1
    assert (result["pictures"], result["split"], result["classes"]) == (6, "validation", 3)
    # Six pictures tell little of what was learned: all of them, against a third by guessing.
    assert kerazoo.evaluate(model, open_source(fruit)).top1 > 60
    config = json.loads((run / "config.json").read_text())
    assert config["labels"] == list(COLOURS)
    assert config["metrics"] == {"accuracy": result["accuracy"]}
    assert config["checkpoint"] == "start.keras"
    card = (run / "README.md").read_text()
    assert "blue plum, green pear, red apple" in card
    assert "hf://user/my_fruit" in card
    assert "9 epochs of the classifier alone, adam; rate 0.02, batch 8" in card
    assert "1 epoch of all layers, adamw; rate 0.002, batch 8" in card
    assert "With 95 % confidence that of all such pictures is between" in card
    assert str(fruit.parent) not in card
    published = kerazoo.create_model(
        NAME, weights=str(run / "model.safetensors"), **_rebuilt(config)
    )
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(published(x), model(x), atol=1e-6)


def _rebuilt(config):
    return {k: v for k, v in config["arguments"].items() if k != "input_shape"} | {
        "input_shape": tuple(config["arguments"]["input_shape"])
    }


def test_predict_names_the_classes(run, fruit, capsys):
    picture = str(fruit / "red apple" / "3.png")
    assert main(["predict", str(run / "model.keras"), picture, "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)
    assert {each["name"] for each in answer["predictions"]} == set(COLOURS)


def test_push_takes_the_folder(run, capsys):
    assert main(["push", str(run), "me/fruit", "--dry-run"]) == 2
    assert "`licence` must be given" in capsys.readouterr().err
    assert main(["push", str(run), "me/fruit", "--dry-run", "--licence", "mit"]) == 0
    listed = {line.split()[0] for line in capsys.readouterr().out.splitlines()[2:-2]}
    assert listed >= MADE - {"model.keras", "mistakes.png"} | {"1_probe/log.csv"}
    assert "mistakes.png" not in listed  # somebody's photographs
    assert not [name for name in listed if name.endswith((".keras", ".h5"))]


def test_a_finished_run_is_not_run_again(run, words, monkeypatch, capsys):
    monkeypatch.setattr(finetuning, "train", lambda *_, **__: pytest.fail("trained"))
    said = []
    # Not `caplog`: after all other tests in one process it came out empty.
    monkeypatch.setattr(finetuning.log, "warning", lambda text, *rest: said.append(text % rest))
    before = (run / "model.keras").stat().st_mtime_ns
    assert main(words) == 0
    assert (run / "model.keras").stat().st_mtime_ns == before
    assert [line for line in said if "has ended already" in line]
    assert "pictures of validation; see" in capsys.readouterr().out


def test_a_run_killed_before_its_end_is_ended(run, words):
    before = weights(run / "model.safetensors")
    record = json.loads((run / "run.json").read_text())
    begun = {key: record[key] for key in ("kerazoo", "command", "finetune")}
    (run / "run.json").write_text(json.dumps(begun))
    for name in ("model.keras", "README.md"):
        (run / name).unlink()
    assert main(words) == 0
    assert {path.name for path in run.iterdir()} >= MADE
    assert json.loads((run / "run.json").read_text())["result"] == record["result"]
    after = weights(run / "model.safetensors")
    assert all((after[name] == before[name]).all() for name in before)


def test_another_run_is_not_overwritten(run, words, capsys):
    assert main([*words, "--seed", "9"]) == 2
    error = capsys.readouterr().err
    assert "--force throws those away" in error
    assert "1_probe" in error
    assert "what differs: phases.1_probe.seed, phases.2_unfrozen.seed" in error
    assert error.count("\n") == 1


def test_files_of_something_else_are_not_overwritten(words, tmp_path, capsys):
    (tmp_path / "README.md").write_text("mine")
    assert main([*words, "--output", str(tmp_path)]) == 2
    assert "one without README.md" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    assert (tmp_path / "README.md").read_text() == "mine"


def test_sources_from_python_and_the_best_epoch(start, fruit, tmp_path):
    """Also: weights are those of the best epoch, and a TFDS name is not needed."""
    shares = {"train": 0.8, "validation": 0.2}
    sources = {name: folder_source(fruit, name, fractions=shares) for name in shares}
    result = finetune(
        start, sources, tmp_path / "run", size=32, epochs=2, batch_size=16, keep="best", seed=3,
        unfreeze_epochs=0,
    )  # fmt: skip
    assert result["pictures"] == sources["validation"].count == 12
    best = weights(tmp_path / "run/1_probe/best.weights.h5")
    kept = weights(tmp_path / "run/model.keras")
    temperature = open_model(tmp_path / "run/model.keras").info.confidence.temperature
    for name, value in best.items():
        head = np.float32(temperature if name.startswith("predictions/") else 1)
        assert (kept[name] == value / head).all(), name
    card = (tmp_path / "run/README.md").read_text()
    assert "on 12 pictures of `validation`, which are the watched ones." in card


class Stop(Exception):  # noqa: N818
    pass


def test_the_best_epoch_before_a_stop_is_kept(start, fruit, tmp_path):
    """The first epoch says the right class for a third of the pictures, the later ones none's."""
    import keras

    class Rig(keras.callbacks.Callback):
        def __init__(self, stop=False):
            super().__init__()
            self._stop = stop

        def on_epoch_begin(self, epoch, logs=None):
            self._epoch = epoch

        def on_train_batch_end(self, batch, logs=None):
            if self._epoch and self._stop:
                raise Stop
            head = self.model.get_layer("predictions")
            head.kernel.assign(np.zeros(head.kernel.shape))
            head.bias.assign([0.0, 0.0, 1.0] if self._epoch == 0 else [0.0, 1.0, 0.0])

    # Watched: apples and a few pears, so that the class of the first epoch is the better one.
    train = folder_source(fruit, "train", fractions={"train": 1.0})
    watched = paint(tmp_path / "watched", 4)
    for picture in sorted((watched / "green pear").iterdir())[1:]:
        picture.unlink()
    sources = {"train": train, "validation": folder_source(watched, "all")}
    options = {"size": 32, "epochs": 3, "batch_size": 30, "keep": "best", "seed": 3}
    options["unfreeze_epochs"] = 0
    options["backup_every"] = 1
    run = tmp_path / "run"
    with pytest.raises(Stop):
        finetune(start, sources, run, **options, callbacks=[Rig(stop=True)])
    result = finetune(start, sources, run, **options, callbacks=[Rig()])
    assert result["accuracy"] == pytest.approx(4 / 9)  # 1 / 9 in the later epochs
    kept = open_model(run / "model.keras")
    bias = kept.get_layer("predictions").bias.numpy() * kept.info.confidence.temperature
    assert bias.tolist() == pytest.approx([0.0, 0.0, 1.0])


def test_skipped_pictures_are_told_by_the_exit_status(start, tmp_path, capsys):
    data, output = paint(tmp_path / "fruit", 6), tmp_path / "run"
    whole = (data / "red apple" / "0.png").read_bytes()
    (data / "red apple" / "0.png").write_bytes(whole[: len(whole) // 2])
    words = ["finetune", start, "--data", data, "--output", output, "--epochs", 1, "--size", 32]
    words += ["--batch-size", 4, "--held-out", 0.34, "--set", "data.on_corrupt=skip"]
    words += ["--unfreeze-epochs", 0]
    words = [str(word) for word in words]
    with holding(output):
        assert main(words) == 2
    assert "no other process is writing to" in capsys.readouterr().err
    assert main(words) == 1
    result = json.loads((output / "run.json").read_text())["result"]
    assert result["skipped_pictures"] == 1
    assert "0.png" in capsys.readouterr().err
    assert main(words) == 1  # of a run that has ended as well


BAD = [
    (["--epochs", "0"], "must be a positive integer"),
    (["--unfreeze-epochs", "-1"], "`unfreeze_epochs` must be an integer, 0 or more"),
    (["--set", "epochs=3"], "must be the argument `epochs`"),
    (["--set", "optimizer.lr=3"], "Unknown `recipe key`"),
    (["--set", "optimizer.name=adamm"], "Unknown `optimizer.name`. Did you mean 'adam"),
    (["--set", "transfer.freeze=stage99"], "stage99"),
    (["--licence", "My own"], "`licence` must be the id of a licence"),
    (["--validation", "test"], "`train` must be left out, with its like"),
    (["--held-out", "2"], "`held_out` must be a number above 0 and below 1"),
    (["--learning-rate", "-1"], "`optimizer.learning_rate` must be a positive number"),
    (["--batch-size", "500"], "`batch_size` must be at most the number of pictures"),
    (["--weights", "imagenet"], "`weights` must be left out"),
]


@pytest.mark.parametrize(("options", "message"), BAD)
def test_errors_are_one_line_and_leave_nothing(start, fruit, tmp_path, capsys, options, message):
    output = tmp_path / "run"
    words = ["finetune", str(start), "--data", str(fruit), "--output", str(output), *options]
    try:
        code = main(words)
    except SystemExit as error:  # argparse
        code = error.code
    assert code == 2
    error = capsys.readouterr().err
    assert message in error
    assert not (output / "1_probe").exists()


class TestStart:
    def test_ids_and_their_conventions(self):
        start = find("mixnet_s", "cifar10")
        assert (start.model, start.weights) == ("mixnet_s", "kerazoo/mixnet_s_cifar10")
        assert start.arguments["stem_strides"] == 1
        assert start.preprocessing.size == (32, 32)
        assert start.licence == "apache-2.0"
        start = find("timm/tf_mixnet_m.in1k")
        assert (start.model, start.weights) == ("mixnet_m", "timm/tf_mixnet_m.in1k")
        assert start.arguments == {"padding": "same", "batch_norm_epsilon": 1e-3}
        assert find("hf://timm/tf_mixnet_m.in1k").weights == "timm/tf_mixnet_m.in1k"

    def test_size_chooses_among_checkpoints(self):
        assert find("mobilenet_v1_025").weights == "keras/mobilenet_v1_0.25_224"
        start = find("mobilenet_v1_025", size=128)
        assert start.weights == "keras/mobilenet_v1_0.25_128"
        assert start.preprocessing.size == (128, 128)
        assert find("mobilenet_v1_025", size=100).preprocessing.size == (100, 100)

    def test_folders_and_files(self, run, start, tmp_path):
        own = ROOT / "weights" / "mixnet_s_cifar10"
        found = find(own)
        assert (found.model, found.name, found.licence) == (
            "mixnet_s",
            "mixnet_s_cifar10",
            "apache-2.0",
        )
        assert found.preprocessing.mean == (0.4914, 0.4822, 0.4465)
        for path in (start, run, run / "model.keras", run / "1_probe/model.weights.h5"):
            found = find(path)
            assert found.model == NAME
            assert found.arguments["padding"] == "symmetric"
            assert found.arguments["stem_strides"] == 1
            assert found.arguments["batch_norm_epsilon"] == 1e-5
            assert not {"classes", "input_shape"} & set(found.arguments)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("mixnet_n",), "Unknown `model`. Did you mean 'mixnet_"),
            (("mixnet_s", "imagenett"), "Unknown `weights`. Did you mean 'imagenet'"),
            (("timm/tf_mixnet_m.in1k", "imagenet"), "`weights` must be left out"),
            (("hf://me",), "`source` must be `hf://user/repo`"),
            (("TMP",), "`model` must be a folder with model.safetensors and config.json"),
            (("TMP/w.h5",), "`model` must be a model id, with this file as `weights`"),
            (("TMP/a.keras",), "`model` must be a `.keras` file that holds a network of kerazoo"),
        ],
    )
    def test_what_nothing_can_start_from(self, tmp_path, arguments, message):
        for name in ("w.h5", "a.keras"):
            (tmp_path / name).write_text("nothing")
        with pytest.raises(ValueError, match=message):
            find(*[a.replace("TMP", str(tmp_path)) for a in arguments])

    @pytest.mark.parametrize("name", ["gone.keras", "gone.weights.h5"])
    def test_no_such_file(self, name):
        with pytest.raises(FileNotFoundError, match=name):
            find(name)


class TestSplits:
    def test_a_folder_without_splits_holds_out_a_share_of_each_class(self, fruit):
        record = choose_splits(fruit, held_out=0.25)
        parts = [
            open_source(fruit, record[name], fractions=record["fractions"])
            for name in ("train", "validation")
        ]
        assert [part.count for part in parts] == [45, 15]
        assert not set(parts[0].files) & set(parts[1].files)
        for name in COLOURS:
            assert sum(f"/{name}/" in file for file in parts[1].files) == 5
        assert record["test"] == "validation"
        assert choose_splits(fruit, held_out=0.25) == record

    def test_a_folder_with_splits(self, tmp_path):
        paint(tmp_path / "train", 10)
        paint(tmp_path / "test", 2, seed=1)
        record = choose_splits(tmp_path)
        assert record["fractions"] == {"train": 0.9, "validation": 0.1}
        assert [record[k] for k in ("train", "validation", "test")] == [
            "train",
            "validation",
            "test",
        ]
        held_out = open_source(tmp_path, record["validation"], fractions=record["fractions"])
        assert sorted(path.split("/")[-2] for path in held_out.files) == list(COLOURS)
        train = open_source(tmp_path, "train", fractions=record["fractions"])
        assert (train.count, train.classes) == (27, held_out.classes)
        assert not set(train.files) & set(held_out.files)
        assert open_source(tmp_path, "test", fractions=record["fractions"]).count == 6
        paint(tmp_path / "val", 2, seed=2)
        record = choose_splits(tmp_path)
        assert [record[k] for k in ("train", "validation", "test")] == ["train", "val", "test"]
        with pytest.raises(ValueError, match=r"Unknown `test`\. Did you mean 'test'"):
            choose_splits(tmp_path, test="tests")
        shutil.rmtree(tmp_path / "val")
        with pytest.raises(ValueError, match="`train` must be a split with enough pictures"):
            choose_splits(tmp_path, train="train[:1]")

    def test_a_csv_file_with_a_column_for_splits(self, fruit, tmp_path):
        lines = ["path,label,split"]
        for name in COLOURS:
            for i in range(4):
                split = "train" if i < 3 else "validation"
                lines.append(f"{fruit / name / f'{i}.png'},{name},{split}")
        table = tmp_path / "fruit.csv"
        table.write_text("\n".join(lines))
        record = choose_splits(table)
        assert record == {
            "name": str(table),
            "train": "train",
            "validation": "validation",
            "test": "validation",
        }
        assert open_source(table, "train").count == 9

    def test_a_tfds_set(self, data_dir):
        record = choose_splits("cifar10", data_dir=data_dir)
        assert (record["train"], record["validation"], record["test"]) == (
            "train[0:540]",
            "train[540:600]",
            "test",
        )
        record = choose_splits("cifar10", data_dir=data_dir, train="train[10%:20%]", held_out=0.2)
        assert (record["train"], record["validation"]) == ("train[60:108]", "train[108:120]")
        record = choose_splits("cifar10", data_dir=data_dir, validation="test[:50%]", test="test")
        assert (record["train"], record["validation"]) == ("train", "test[:50%]")
        with pytest.raises(ValueError, match=r"Unknown `name`\. Did you mean 'cifar10'"):
            choose_splits("cifar100", data_dir=data_dir)
        with pytest.raises(ValueError, match="`data` must be the path of a folder"):
            choose_splits("cifar10")
