"""`kerazoo push`: what it sends, to a Hub on the loopback interface, and what it keeps back."""

import json
import os

import pytest
from PIL import Image

from kerazoo.checkpoints.hub_config import CARD, CONFIG, WEIGHTS
from kerazoo.cli import main
from kerazoo.publish.folder import folder_files, push_folder
from tests import ROOT, processes
from tests.hub_server import HubServer
from tests.processes import run_python

OWN = ROOT / "weights" / "mixnet_s_cifar10"
REPO = "kerazoo/mixnet_s_cifar10"


@pytest.fixture
def hub():
    with HubServer(token="hf_secret") as server:
        yield server


@pytest.fixture
def kerazoo(hub, tmp_path):
    """`kerazoo …` in a process that knows the hub (its client reads the environment once)."""
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("HF_")},
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_TOKEN": "hf_secret",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "no_proxy": "127.0.0.1",
    }

    def run(*arguments, prelude="", **changes):
        code = f"import sys\n{prelude}\nfrom kerazoo.cli import main\nsys.exit(main(sys.argv[1:]))"
        ready = processes.LIGHT if prelude else processes.FULL
        return run_python(code, *arguments, env={**environment, **changes}, ready=ready)

    return run


# Raises where Keras or TensorFlow is imported.
LIGHT = "sys.modules['keras'] = sys.modules['tensorflow'] = None"


def test_our_own_checkpoint_goes_up_as_it_is_and_comes_back(hub, kerazoo, tmp_path):
    done = kerazoo("push", OWN, REPO, prelude=LIGHT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{hub.url}/{REPO}"
    assert hub.messages == [(REPO, "Add mixnet_s_cifar10")]
    sent = hub.repos[REPO][hub.head(REPO)]
    here = {p.relative_to(OWN).as_posix(): p for p in OWN.rglob("*") if p.is_file()}
    assert {WEIGHTS, CONFIG, CARD, "curves.png", "run1/log.csv"} <= set(here)
    assert {name: path.read_bytes() for name, path in here.items()} == {
        name: data for name, data in sent.items() if name != ".gitattributes"
    }
    assert sent[WEIGHTS] in hub.store.values()  # by LFS

    Image.new("RGB", (32, 32), (90, 140, 220)).save(tmp_path / "sky.png")
    done = kerazoo("predict", f"hf://{REPO}", tmp_path / "sky.png", "--top", "1", "--json")
    assert done.returncode == 0, done.stderr
    (best,) = json.loads(done.stdout)[0]["predictions"]
    assert best["name"] in ("airplane", "ship", "bird")


def test_a_model_file_goes_up_with_its_card(hub, kerazoo, stored, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("a good dog\na fine cat\n")
    options = ["--licence", "mit", "--metric", "accuracy=0.875", "--dataset", "pets"]
    options += ["--labels", labels, "--dtype", "float16", "--private", "--message", "First"]
    done = kerazoo("push", stored, "me/pets", *options)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert hub.messages == [("me/pets", "First")]
    assert "me/pets" in hub.private
    sent = hub.repos["me/pets"][hub.head("me/pets")]
    config = json.loads(sent[CONFIG])
    assert config["labels"] == ["a good dog", "a fine cat"]
    assert config["metrics"] == {"accuracy": 0.875}
    assert (config["licence"], config["dataset"], config["dtype"]) == ("mit", "pets", "float16")
    assert "| accuracy | 0.875 |" in sent[CARD].decode()


def test_refused_or_not_reached(hub, kerazoo):
    done = kerazoo("push", OWN, REPO, HF_TOKEN="hf_wrong")
    assert done.returncode == 2
    assert done.stderr.startswith("kerazoo: error: ")
    assert done.stderr.count("\n") == 1
    assert "401" in done.stderr
    assert hub.messages == []
    done = kerazoo("push", OWN, REPO, HF_ENDPOINT="http://127.0.0.1:9")  # nothing listens there
    assert done.returncode == 2
    assert f"Cannot publish {REPO} on http://127.0.0.1:9: " in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    import kerazoo

    path = tmp_path_factory.mktemp("stored") / "mine.keras"
    shape = {"input_shape": (32, 32, 3), "classes": 2}
    kerazoo.create_model("mobilenet_v1_025", weights=None, **shape).save(path)
    return path


@pytest.fixture
def run_folder(tmp_path):
    """A folder like that of a finished run whose start weights have no known licence."""
    folder = tmp_path / "pets"
    (folder / "1_probe" / "backup").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    for name in (WEIGHTS, CONFIG, CARD):
        (folder / name).write_bytes((OWN / name).read_bytes())
    for name in (
        "model.keras",
        "confusion.png",
        "mistakes.png",
        "1_probe/log.csv",
        "1_probe/model.weights.h5",
        "1_probe/backup/state",
        ".hidden/a",
    ):
        (folder / name).write_text(name)
    return folder


def change(folder, **values):
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**config, **values}))


def test_the_state_of_a_run_stays_here(run_folder):
    files = folder_files(run_folder, "me/pets")
    assert set(files) == {WEIGHTS, CONFIG, CARD, "confusion.png", "1_probe/log.csv"}
    assert files[WEIGHTS] == run_folder / WEIGHTS


def test_photographs_of_the_data_stay_here_unless_asked(capsys, run_folder):
    figures = "![confusion matrix](confusion.png)\n![the mistakes](mistakes.png)\n![gone](no.png)\n"
    (run_folder / CARD).write_text((run_folder / CARD).read_text() + figures)
    card = folder_files(run_folder, "me/pets")[CARD].decode()
    assert card.endswith("![confusion matrix](confusion.png)\n")
    files = folder_files(run_folder, "me/pets", pictures=True)
    assert files["mistakes.png"] == run_folder / "mistakes.png"
    assert "(mistakes.png)" in files[CARD].decode()
    assert "no.png" not in files[CARD].decode()
    assert main(["push", str(run_folder), "me/pets", "--dry-run"]) == 0
    assert "mistakes.png" not in capsys.readouterr().out
    assert main(["push", str(run_folder), "me/pets", "--dry-run", "--pictures"]) == 0
    assert "mistakes.png" in capsys.readouterr().out
    assert main(["push", "mixnet_s", "me/pets", "--dry-run", "--pictures"]) == 2


def test_folders_of_this_machine_stay_here(run_folder):
    """Absolute paths of a run's records are sent as names; what goes on from them is untouched."""
    run = {
        "command": "kerazoo finetune mixnet_s --data '/secret/my pets' --output=/secret/pets",
        "classes": ["/m/01yrx", "/m/0bt9lr"],
        "finetune": {"phases": {"1_probe": {"weights": "/secret/start.keras", "arguments": {}}}},
        "data": {"train": {"name": "/secret/my pets", "split": "train[:90%]", "count": 9}},
        "result": {"accuracy": 0.5},
    }
    for name in ("run.json", "1_probe/run.json"):
        (run_folder / name).write_text(json.dumps(run))
    (run_folder / "command.txt").write_text(run["command"] + "\n")
    (run_folder / "result.json").write_text('{"data": "../pets", "loss": 0.5}')
    change(run_folder, checkpoint="/secret/start.keras")
    files = folder_files(run_folder, "me/pets")
    sent = {k: v if isinstance(v, bytes) else v.read_bytes() for k, v in files.items()}
    assert [name for name, data in sent.items() if b"/secret" in data] == []
    for name in ("run.json", "1_probe/run.json"):
        assert json.loads(sent[name]) == {
            **run,
            "command": "kerazoo finetune mixnet_s --data 'my pets' --output=pets",
            "finetune": {"phases": {"1_probe": {"weights": "start.keras", "arguments": {}}}},
            "data": {"train": {"name": "my pets", "split": "train[:90%]", "count": 9}},
        }
        assert json.loads((run_folder / name).read_text()) == run
    assert sent["command.txt"] == b"kerazoo finetune mixnet_s --data 'my pets' --output=pets\n"
    assert files["result.json"] == run_folder / "result.json"
    assert json.loads(sent[CONFIG])["checkpoint"] == "start.keras"
    relicensed = folder_files(run_folder, "me/pets", licence="mit")[CONFIG]
    assert json.loads(relicensed)["checkpoint"] == "start.keras"


def test_a_model_does_not_tell_where_its_weights_were(stored):
    from dataclasses import replace

    from kerazoo import open_model
    from kerazoo.publish.hub import hub_files

    model = open_model(stored)
    model.info = replace(model.info, checkpoint="/secret/runs/best.weights.h5")
    files = hub_files(model, "me/pets", licence="mit")
    assert json.loads(files[CONFIG])["checkpoint"] == "best.weights.h5"
    assert "started from `best.weights.h5`" in files[CARD].decode()


def test_the_card_names_the_repository_it_is_in(run_folder):
    notes = "\n## Notes\n\nWritten by hand.\n"
    (run_folder / CARD).write_text((run_folder / CARD).read_text() + notes)
    card = folder_files(run_folder, "me/pets")[CARD].decode()
    assert card.count("hf://me/pets") == 3
    assert f"hf://{REPO}" not in card
    assert card.endswith(notes)


def test_a_licence_that_nobody_stated(run_folder):
    change(run_folder, licence="unknown")
    with pytest.raises(ValueError, match="`licence` must be given"):
        folder_files(run_folder, "me/pets")
    files = folder_files(run_folder, "me/pets", licence="cc-by-4.0")
    assert json.loads(files[CONFIG])["licence"] == "cc-by-4.0"
    card = files[CARD].decode()
    assert "license: cc-by-4.0" in card
    assert card.endswith("## Licence\n\ncc-by-4.0\n")
    assert "hf://me/pets" in card


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / WEIGHTS).unlink(), "left; model.safetensors missing"),
        (lambda folder: (folder / CONFIG).write_text("{"), "one whose config.json kerazoo wrote"),
        (lambda folder: change(folder, library="timm"), "one whose config.json kerazoo wrote"),
        (lambda folder: (folder / CONFIG).write_text('{"library": "kerazoo"}'), "lacks 'archit"),
    ],
)
def test_folders_that_are_no_checkpoint(run_folder, spoil, message):
    spoil(run_folder)
    with pytest.raises(ValueError, match=message):
        push_folder(run_folder, "me/pets")


def test_dry_run_lists_the_files_and_sends_nothing(capsys, monkeypatch, run_folder, stored):
    import kerazoo.publish.commit as hub

    monkeypatch.setattr(hub, "commit_files", lambda *_, **__: pytest.fail("sent"))
    assert main(["push", str(run_folder), "me/pets", "--dry-run"]) == 0
    _, _, *rows, _, last = capsys.readouterr().out.splitlines()
    listed = dict(row.split() for row in rows)
    assert set(listed) == set(folder_files(run_folder, "me/pets"))
    assert listed[WEIGHTS] == f"{(OWN / WEIGHTS).stat().st_size:,}"
    assert last == "Nothing was sent to me/pets."

    assert main(["push", str(stored), "me/mine", "--licence", "mit", "--dry-run"]) == 0
    _, _, *rows, _, _ = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == [WEIGHTS, CONFIG, CARD]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([OWN, "mixnet"], '`repo_id` must be "user/name"'),
        ([OWN, REPO, "--dtype", "float16"], "`dtype` must be left out: the folder"),
        ([OWN, REPO, "--metric", "top1=3"], "`metric` must be left out: the folder"),
        ([OWN, REPO, "--licence", "My own"], "`licence` must be the id of a licence"),
        ([OWN.parent, REPO], "model.safetensors, config.json, README.md missing"),
        (["mixnet_n", REPO], "Unknown `model`. Did you mean 'mixnet_"),
        (["gone.keras", REPO], "There is no file `gone.keras`"),
        (["BROKEN", REPO, "--licence", "mit"], "Cannot load `"),
        (["STORED", REPO], "`licence` must be the id of a licence"),
        (["STORED", REPO, "--weights", "imagenet"], "`weights` must be left out for a stored"),
    ],
)
def test_errors_are_one_line(capsys, stored, tmp_path, arguments, message):
    (tmp_path / "broken.keras").write_text("no archive")
    files = {"STORED": stored, "BROKEN": tmp_path / "broken.keras"}
    arguments = [str(files.get(a, a)) for a in arguments]
    assert main(["push", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_metric_is_a_number(capsys):
    with pytest.raises(SystemExit):
        main(["push", str(OWN), REPO, "--metric", "accuracy=good"])
    assert "must be NAME=NUMBER, not 'accuracy=good'" in capsys.readouterr().err
