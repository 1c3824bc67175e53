"""The command line: what it prints, what it returns, and what it does not import."""

import csv
import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from kerazoo.cli import main
from kerazoo.report.contact_sheet import contact_sheet, save_sheet
from tests.hub_server import HubServer
from tests.pictures import photograph
from tests.processes import run_python
from tests.weights_files import folded_mobilenet

LISTING = ["list", "info mixnet_m", "info timm/tf_mixnet_m.in1k", "--help", "predict --help"]


def _forked(*arguments, **environment):
    """`kerazoo …` in a process that has not imported kerazoo, only Keras and TensorFlow."""
    code = "import sys\nfrom kerazoo.cli import main\nsys.exit(main(sys.argv[1:]))"
    return run_python(code, *arguments, env={**os.environ, **environment})


def _run(*arguments, **environment):
    """`kerazoo …` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "kerazoo.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.mark.parametrize("command", [None, *LISTING])
def test_what_needs_no_model_imports_no_keras(command):
    call = f"kerazoo.cli.main({command.split()!r})" if command else "kerazoo.__version__"
    code = (
        "import contextlib, sys, kerazoo, kerazoo.cli\n"
        f"with contextlib.suppress(SystemExit):\n    {call}\n"
        "heavy = {'keras', 'tensorflow', 'jax', 'huggingface_hub', 'PIL'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class TestList:
    def test_columns(self, capsys):
        assert main(["list", "mixnet_*"]) == 0
        header, _, *rows = capsys.readouterr().out.splitlines()
        assert header.split("  ")[0] == "model"
        assert [row.split()[0] for row in rows] == ["mixnet_l", "mixnet_m", "mixnet_s", "mixnet_xl"]
        assert rows[1].split()[1:4] == ["5.01", "339.17", "77.0"]
        assert rows[1].split()[4:] == ["imagenet", "timm/tf_mixnet_m.in1k", "(+1)", "apache-2.0"]

    def test_data_sets_are_kept_apart(self, capsys):
        assert main(["list", "resnet1*"]) == 0
        table = map(str.split, capsys.readouterr().out.splitlines())
        rows = {row[0]: row[3:5] for row in table}
        assert rows["resnet10"] == ["88.0", "cifar10"]
        assert rows["resnet18"] == ["71.5", "imagenet"]

    def test_shorter_names_stand_below(self, capsys):
        assert main(["list", "mobilenet_v1*"]) == 0
        out = capsys.readouterr().out
        assert "\nmobilenet_v1 " not in out
        assert out.endswith("Shorter names: mobilenet_v1 = mobilenet_v1_100\n")
        assert main(["list", "mobilenet_v1"]) == 0  # asked for by that name alone
        assert "mobilenet_v1 " in capsys.readouterr().out

    def test_tasks_are_named_where_they_differ(self, capsys):
        assert main(["list", "espnet*"]) == 0
        header, _, *rows = capsys.readouterr().out.splitlines()
        assert header.split() == [
            *("model", "params", "(M)", "mult-adds", "(M)", "mIoU", "/", "top-1", "/", "AP", "(%)"),
            *("data", "set", "weights", "licence", "task"),
        ]
        tasks = {row.split()[0]: row.split()[-1] for row in rows if row}
        assert tasks["espnet_p2_q3"] == "segmentation"
        assert tasks["espnetv2_s_1_0"] == "classification"
        assert main(["list", "mixnet_*"]) == 0
        assert "task" not in capsys.readouterr().out

    def test_json_filters(self, capsys):
        def ids(*options):
            assert main(["list", "--json", *options]) == 0
            return {model["id"] for model in json.loads(capsys.readouterr().out)}

        everything = ids()
        assert {"mixnet_s", "mobilenet_v1_025", "mobilenet_v2_140"} <= everything
        assert ids("mobilenet_v1*") == {id for id in everything if id.startswith("mobilenet_v1")}
        assert ids("--task", "classification") <= everything
        assert ids("--weights", "timm/mixnet_xl*") == {"mixnet_xl"}
        assert ids("--weights", "nothing/*") == set()
        assert ids("--pretrained") >= ids("--weights", "keras/*") > set()

    def test_nothing_matches(self, capsys):
        assert main(["list", "nothing-like-it*"]) == 0
        assert "no model matches" in capsys.readouterr().err

    def test_unknown_task(self, capsys):
        assert main(["list", "--task", "clasification"]) == 2
        error = capsys.readouterr().err
        assert "Did you mean 'classification'" in error

    def test_reader_that_leaves_early(self):
        command = f"{sys.executable} -m kerazoo.cli list | head -1"
        done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
        assert done.stdout.startswith("model")
        assert done.stderr == ""


class TestInfo:
    def test_model(self, capsys):
        assert main(["info", "mixnet_m"]) == 0
        out = capsys.readouterr().out
        for fact in ("kerazoo.MixNetM", "5.01 M", "339.17 M", "timm/mixnet_m.ft_in1k", "yes"):
            assert fact in out

    def test_weights(self, capsys):
        assert main(["info", "timm/tf_mixnet_m.in1k"]) == 0
        out = capsys.readouterr().out
        assert "interpolation=bicubic" in out
        assert "0.001" in out

    def test_json(self, capsys):
        assert main(["info", "mobilenet_v2_100", "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert facts["arguments"] == {"alpha": 1.0}
        assert facts["params"] == 3504872
        defaults = [w for w in facts["weights"] if w["default"]]
        assert defaults
        assert all(w["preprocessing"]["size"] for w in defaults)

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("mixnet_n", "Unknown `model`. Did you mean 'mixnet_"),
            ("mixnet_n", " more). Received: "),  # a long list does not bury the hint
            ("timm/tf_mixnet_m.in2k", "Unknown `weights`. Did you mean 'timm/tf_mixnet_m.in1k'"),
        ],
    )
    def test_unknown(self, capsys, name, message):
        assert main(["info", name]) == 2
        error = capsys.readouterr().err
        assert error.startswith("kerazoo: error: ")
        assert error.count("\n") == 1
        assert message in error


@pytest.fixture(scope="module")
def mobilenet(tmp_path_factory):
    """The arguments that name a network with weights of a file and small pictures."""
    weights = folded_mobilenet(tmp_path_factory.mktemp("weights") / "w.weights.h5")
    return ["mobilenet_v1_025", "--size", "128", "--weights", str(weights)]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Three photographs of things, two of which the classes of CIFAR-10 have."""
    folder = tmp_path_factory.mktemp("photographs")
    for name in ("chelsea", "coffee", "rocket"):
        suffix = ".jpg" if name == "rocket" else ".png"
        photograph(name + suffix).save(folder / f"{name}.jpg", quality=92)
    return folder


class TestPredict:
    def test_a_quiet_process_names_what_is_there(self, photographs):
        # In a process of its own, which says nothing else.
        words = ["predict", "mixnet_s", "--weights", "cifar10", str(photographs)]
        done = _run(*words, "--json", "--top", "3")
        assert done.returncode == 0
        results = json.loads(done.stdout)
        assert [len(r["predictions"]) for r in results] == [3, 3, 3]
        best = {r["picture"].rpartition("/")[2]: r["predictions"][0] for r in results}
        assert (best["chelsea.jpg"]["name"], best["chelsea.jpg"]["index"]) == ("cat", 3)
        # There are no rockets in CIFAR-10: it is a ship to the network (0.83 measured).
        assert best["rocket.jpg"]["name"] == "ship"
        assert 0.7 < best["rocket.jpg"]["score"] <= 1
        assert done.stderr == ""

    def test_csv_and_table_say_the_same(self, capsys, mobilenet, photographs):
        files = [str(photographs / "chelsea.jpg"), str(photographs / "c*e.jpg")]
        assert main(["predict", *mobilenet, *files, "--csv", "--top", "2"]) == 0
        rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
        assert [row["rank"] for row in rows] == ["1", "2", "1", "2"]
        assert main(["predict", *mobilenet, *files, "--top", "2", "--batch-size", "1"]) == 0
        table = capsys.readouterr().out.splitlines()[2:]
        for row, line in zip(rows, table, strict=True):
            assert line.endswith(row["name"])
            assert f"{100 * float(row['score']):.1f}" in line

    def test_bad_pictures_are_reported_and_skipped(self, capsys, mobilenet, photographs, tmp_path):
        (tmp_path / "a_text.jpg").write_text("no picture at all")
        whole = (photographs / "chelsea.jpg").read_bytes()
        (tmp_path / "b_cut.jpg").write_bytes(whole[: len(whole) // 2])
        (tmp_path / "c_good.jpg").write_bytes(whole)
        Image.new("CMYK", (40, 40), (0, 255, 255, 0)).save(tmp_path / "d_cmyk.jpg")
        deep = np.linspace(0, 65535, 64 * 64).astype("uint16").reshape(64, 64)
        Image.fromarray(deep).save(tmp_path / "e_deep.png")
        Image.new("RGB", (1, 1)).save(tmp_path / "f_one.png")
        arguments = [*mobilenet, str(tmp_path), str(tmp_path / "gone.jpg")]
        assert main(["predict", *arguments, "--json", "--batch-size", "2"]) == 1
        captured = capsys.readouterr()
        done = [r["picture"].rpartition("/")[2] for r in json.loads(captured.out)]
        assert done == ["c_good.jpg", "d_cmyk.jpg", "e_deep.png", "f_one.png"]
        errors = captured.err.splitlines()
        assert len(errors) == 3
        for name, error in zip(("a_text.jpg", "b_cut.jpg", "gone.jpg"), errors, strict=True):
            assert error.startswith("kerazoo: Cannot read picture")
            assert name in error

    def test_a_sheet_of_ones_own_pictures(self, capsys, mobilenet, photographs, tmp_path):
        sheet = tmp_path / "sheet.png"
        words = ["predict", *mobilenet, str(photographs / "coffee.jpg"), "--sheet", str(sheet)]
        assert main(words) == 0
        out, err = capsys.readouterr()
        assert "coffee.jpg" in out
        assert f"contact sheet: {sheet}" in err
        with Image.open(sheet) as drawn:
            assert drawn.size[0] == 420
            assert np.any(np.all(np.asarray(drawn.convert("RGB")) == (156, 195, 240), axis=-1))
        assert main(words) == 2
        assert "sheet.png' exists" in capsys.readouterr().err
        assert main([*words[:-1], str(tmp_path / "sheet.jpg")]) == 2
        assert "`sheet` must be a file name in .png" in capsys.readouterr().err

    def test_no_picture_readable(self, capsys, mobilenet, tmp_path):
        (tmp_path / "a.jpg").write_text("no")
        assert main(["predict", *mobilenet, str(tmp_path / "a.jpg")]) == 1
        assert capsys.readouterr().out == ""

    def test_stored_model_predicts_the_same(self, capsys, mobilenet, photographs, tmp_path):
        from kerazoo import create_model

        weights = mobilenet[-1]
        model = create_model("mobilenet_v1_025", input_shape=(128, 128, 3), weights=weights)
        model.save(tmp_path / "mine.keras")
        assert main(["predict", *mobilenet, str(photographs), "--json"]) == 0
        # In a process that has not imported the layers for anything else.
        done = _forked("predict", str(tmp_path / "mine.keras"), str(photographs), "--json")
        assert done.returncode == 0, done.stderr
        outputs = [json.loads(text) for text in (capsys.readouterr().out, done.stdout)]
        fresh, stored = (
            [p["score"] for r in output for p in r["predictions"]] for output in outputs
        )
        np.testing.assert_allclose(fresh, stored, rtol=1e-4)

    def test_model_that_normalises_itself(self, capsys, mobilenet, photographs):
        scores = []
        for extra in ([], ["--set", "include_preprocessing=true"]):
            assert main(["predict", *mobilenet, *extra, str(photographs), "--json"]) == 0
            results = json.loads(capsys.readouterr().out)
            scores.append([r["predictions"][0]["score"] for r in results])
        np.testing.assert_allclose(*scores, rtol=1e-3)

    def test_model_of_the_hub_brings_its_own_labels(self, photographs, tmp_path):
        push = (
            "import kerazoo, sys\n"
            "model = kerazoo.create_model('mobilenet_v1_025', weights=None, classes=2,"
            " input_shape=(64, 64, 3))\n"
            "kerazoo.push_to_hub(model, 'me/pets', labels=('a good dog', 'a fine cat'),"
            " licence='apache-2.0')\n"
        )
        with HubServer() as hub:
            environment = {
                **{k: v for k, v in os.environ.items() if not k.startswith("HF_")},
                "HF_ENDPOINT": hub.url,
                "HF_HOME": str(tmp_path),
                "HF_TOKEN": "hf_any",
                "HF_HUB_DISABLE_XET": "1",
                "HF_HUB_DISABLE_PROGRESS_BARS": "1",
                "no_proxy": "127.0.0.1",
            }
            pushed = run_python(push, env=environment)
            assert pushed.returncode == 0, pushed.stderr
            done = _forked(
                "predict",
                "hf://me/pets",
                str(photographs),
                "--json",
                "--like",
                "keras/mobilenet_v1_0.25_128",
                **environment,
            )
        assert done.returncode == 0, done.stderr
        results = json.loads(done.stdout)
        assert len(results) == 3
        for result in results:
            names = {each["name"] for each in result["predictions"]}
            assert names == {"a good dog", "a fine cat"}

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["mixnet_n", "PICTURE"], "Unknown `model`. Did you mean 'mixnet_"),
            (["mixnet_m", "PICTURE", "--weights", "imagenett"], "Did you mean 'imagenet'"),
            (["mixnet_m", "nothing/*.jpg"], "No pictures in 'nothing/*.jpg'"),
            (["mixnet_m", "PICTURE", "--set", "pooling=avgg"], "`pooling` must be"),
            (["a.keras", "PICTURE", "--size", "96"], "`size` must be left out for a stored model"),
            (["a.keras", "PICTURE"], "a.keras"),
        ],
    )
    def test_errors_are_one_line(self, capsys, tmp_path, arguments, message):
        Image.new("RGB", (8, 8)).save(tmp_path / "p.png")
        arguments = [str(tmp_path / "p.png") if a == "PICTURE" else a for a in arguments]
        assert main(["predict", *arguments]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("kerazoo: error: ")
        assert captured.err.count("\n") == 1
        assert message in captured.err

    @pytest.mark.parametrize(
        ("option", "message"),
        [
            (["--top", "0"], "must be a positive integer, not '0'"),
            (["--batch-size", "x"], "must be a positive integer, not 'x'"),
            (["--set", "alpha"], "must be NAME=VALUE, not 'alpha'"),
            (["--json", "--csv"], "not allowed with"),
        ],
    )
    def test_wrong_options(self, capsys, option, message):
        with pytest.raises(SystemExit) as stopped:
            main(["predict", "mixnet_m", "a.jpg", *option])
        assert stopped.value.code == 2
        assert message in capsys.readouterr().err

    def test_traceback_on_request(self):
        with pytest.raises(ValueError, match="Unknown `model`"):
            main(["predict", "mixnet_n", __file__, "--traceback"])


class TestEvaluate:
    def test_preprocessing_of_other_weights(self, capsys, shared):
        weights = shared / "weights/mobilenet_0.25_128_imagenet_dequant.weights.h5"
        trained = ["mobilenet_v1_025", "--size", "128", "--weights", str(weights)]
        data = ["--data", "imagenet2012", "--data-dir", str(shared / "tfds"), "--limit", "100"]
        results = []
        for option in ([], ["--like", "timm/tf_mixnet_m.in1k"]):
            assert main(["evaluate", *trained, *data, *option, "--json"]) == 0
            results.append(json.loads(capsys.readouterr().out))
        assert results[0]["count"] == results[1]["count"] == 100
        assert results[0]["top1"] != results[1]["top1"]

    def test_line_of_text(self, capsys, data_dir, mobilenet):
        data = ["--data", "imagenet2012", "--data-dir", str(data_dir), "--limit", "10"]
        assert main(["evaluate", *mobilenet, *data]) == 0
        out = capsys.readouterr().out
        assert out.startswith("mobilenet_v1_025 on imagenet2012: top-1 ")
        assert "10 pictures" in out

    @pytest.mark.parametrize(
        ("option", "message"),
        [
            (["--data", "imagenet"], "Unknown `name`. Did you mean 'imagenet2012'"),
            (["--split", "validatoin"], "Unknown `split`. Did you mean 'validation'"),
            (["--data", "cifar10"], "`model` must be a classifier of the 10 classes of 'cifar10'"),
        ],
    )
    def test_errors_are_one_line(self, capsys, data_dir, mobilenet, option, message):
        data = ["--data", "imagenet2012", "--data-dir", str(data_dir)]
        assert main(["evaluate", *mobilenet, *data, *option]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


class TestOwnData:
    """Pictures of one's own, in a folder or a CSV file, and networks that were exported."""

    @pytest.fixture
    def data(self, tmp_path):
        rng = np.random.default_rng(0)
        for name in ("ash", "beech"):
            (tmp_path / "data" / name).mkdir(parents=True)
            for i in range(3):
                pixels = rng.integers(0, 256, (32, 32, 3), "uint8")
                Image.fromarray(pixels).save(tmp_path / "data" / name / f"{i}.png")
        return tmp_path / "data"

    def test_evaluate(self, capsys, data, tiny_net, tmp_path):
        pytest.importorskip("ai_edge_litert")
        import kerazoo
        from kerazoo.deploy import export

        model = kerazoo.create_model(tiny_net, weights=None, input_shape=(32, 32, 3), classes=2)
        record = kerazoo.Preprocessing(size=(32, 32), crop_fraction=1.0)
        wanted = kerazoo.evaluate(model, data, preprocessing=record)
        path = str(export(model, tmp_path / "net.tflite", "litert", preprocessing=record))
        rows = [f"{data}/{name}/{i}.png,{name}" for name in ("ash", "beech") for i in range(3)]
        (tmp_path / "data.csv").write_text("\n".join(["path,label", *rows]))
        for given in (str(data), str(tmp_path / "data.csv")):
            assert main(["evaluate", path, "--data", given, "--json"]) == 0
            found = json.loads(capsys.readouterr().out)
            assert (found["top1"], found["count"]) == (wanted.top1, 6)
            assert (found["model"], found["data"]) == (path, given)
        assert main(["evaluate", path, "--data", str(data), "--split", "test"]) == 2
        assert "Unknown `split`" in capsys.readouterr().err

    def test_a_network_without_a_task(self, capsys, data, tmp_path):
        import kerazoo

        model = kerazoo.create_model(
            "mobilenet_v1_025", weights=None, input_shape=(32, 32, 3), features_only=True
        )
        model.save(tmp_path / "net.keras")
        path = str(tmp_path / "net.keras")
        for words in (["predict", path, str(data)], ["evaluate", path, "--data", str(data)]):
            assert main(words) == 2
            (line,) = capsys.readouterr().err.splitlines()
            assert "`model` must be a classifier: one input" in line


class TestProgress:
    CODE = (
        "from kerazoo._progress import Progress\n"
        "from kerazoo.cli._output import complain\n"
        "with Progress(4, 'picture') as progress:\n"
        "    progress.at(2, 4)\n"
        "    complain('one is\\nbad')\n"
        "    progress.at(4, 4)\n"
    )

    def test_bar_on_a_terminal_makes_room_for_complaints(self):
        termios = pytest.importorskip("termios", reason="needs a pseudo-terminal")
        ours, theirs = os.openpty()
        termios.tcsetwinsize(theirs, (30, 100))
        subprocess.run([sys.executable, "-c", self.CODE], stderr=theirs, check=True)
        shown = os.read(ours, 10_000).decode()
        os.close(ours)
        os.close(theirs)
        assert "0/4" in shown
        assert "\rkerazoo: one is bad\r\n" in shown

    def test_no_bar_in_a_file(self):
        done = subprocess.run(
            [sys.executable, "-c", self.CODE], capture_output=True, text=True, check=True
        )
        assert done.stderr == "kerazoo: one is bad\n"


class TestSheet:
    def test_pictures_and_bars_are_where_they_belong(self):
        colours = [(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0)]
        pictures = [Image.new("RGB", (50 + 30 * i, 90), c) for i, c in enumerate(colours)]
        captions = [[("cat, house cat", 1.0), ("dog", 0.0)]] * 4
        sheet = np.asarray(contact_sheet("title", pictures, captions)).astype(int)
        centres = []
        for colour in colours:
            where = np.argwhere((sheet == colour).all(-1))
            assert len(where) == 380 * 285
            centres.append(where.mean(0))
        assert centres[0][0] == centres[1][0] == centres[2][0] < centres[3][0]
        assert centres[0][1] == centres[3][1] < centres[1][1] < centres[2][1]
        bars = (sheet == (0x9C, 0xC3, 0xF0)).all(-1)
        first = bars[:, : int(centres[0][1]) + 190].any(1).sum()
        assert first > 0
        assert bars.any(0).sum() > 3 * 370

    def test_long_names_stay_in_their_column(self):
        pictures = [Image.new("RGB", (40, 40), "red")] * 2
        long = "a name that is much longer than any column of the sheet could ever hold"
        captions = [[(long, 0.5)], [("b", 0.5)]]
        sheet = np.asarray(contact_sheet("", pictures, captions))
        between = sheet[:, 20 + 380 : 20 + 400]
        assert (between == 255).all()

    def test_saved_whole_or_not_at_all(self, tmp_path):
        path = tmp_path / "demo.png"
        path.write_text("older")

        class Broken:
            def save(self, target, kind):
                target.write_bytes(b"half")
                raise OSError("disk full")

        with pytest.raises(OSError, match="disk full"):
            save_sheet(Broken(), path)
        assert path.read_text() == "older"
        save_sheet(Image.new("RGB", (3, 3)), path)
        with Image.open(path) as saved:
            assert saved.size == (3, 3)
        assert [p.name for p in tmp_path.iterdir()] == ["demo.png"]


class TestDemo:
    def test_needs_no_network_and_names_what_is_there(self, tmp_path):
        pytest.importorskip("skimage", reason="needs the photographs of scikit-image")
        sheet = tmp_path / "demo.png"
        cache, settings = tmp_path / "cache", tmp_path / "keras"  # Keras writes its settings there
        environment = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(cache)}
        done = _forked("demo", "--output", str(sheet), KERAS_HOME=str(settings), **environment)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        found = {}
        for line in done.stdout.splitlines():
            first = line.partition(" ")[0]
            if first.endswith(":"):
                best = found.setdefault(first[:-1], {})
            elif first.endswith((".png", ".jpg")):
                best[first] = line.split(maxsplit=2)[-1]
        assert [*found] == ["classification", "detection", "segmentation"]
        names, boxes, masks = found.values()
        assert "cat" in names["chelsea.png"]
        assert names["coffee.png"] in ("espresso", "cup", "coffee mug")
        assert "missile" in names["rocket.jpg"]
        assert boxes["chelsea.png"].startswith("cat ")
        assert boxes["coffee.png"].startswith("cup ")
        assert masks["chelsea.png"] == "cat"
        with Image.open(sheet) as picture:
            assert picture.size[0] > 1000
        assert not cache.exists()
        assert {path.name for path in settings.rglob("*")} <= {"keras.json"}

    def test_insisting_on_a_download_fails_plainly(self, tmp_path):
        pytest.importorskip("skimage", reason="needs the photographs of scikit-image")
        environment = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
        sheet = tmp_path / "demo.png"
        done = _forked("demo", "--model", "mixnet_m", "--output", str(sheet), **environment)
        assert done.returncode == 2
        assert done.stderr.startswith("kerazoo: error: DownloadError")
        assert len(done.stderr.splitlines()) == 1
        assert not sheet.exists()
