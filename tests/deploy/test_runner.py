"""One Runner for all runtimes and all kinds of pictures, and the commands that use it."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

import kerazoo
from kerazoo import _machine
from kerazoo.cli import main
from kerazoo.deploy import Runner, export, runner
from kerazoo.deploy.runner import FASTEST
from kerazoo.deploy.runtimes import open_runtime
from kerazoo.inference import inference_function
from kerazoo.pictures import PictureError

pytest.importorskip("openvino")
pytest.importorskip("onnxruntime")
pytest.importorskip("ai_edge_litert")

RECORD = kerazoo.Preprocessing(size=(32, 32), crop_fraction=0.9)
NAMES = ("ash", "beech", "cedar", "date", "elm", "fir", "gum", "hazel", "ivy", "juniper")


@pytest.fixture(scope="module")
def model(tiny_net):
    keras.utils.set_random_seed(2)
    return kerazoo.create_model(tiny_net, weights=None, input_shape=(32, 32, 3), classes=10)


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "net.tflite"
    return export(model, path, "litert", preprocessing=RECORD, labels=NAMES)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Pictures of several sizes in a folder, one of them grey, and one file that is none."""
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(3)
    for i, shape in enumerate([(40, 60, 3), (33, 32, 3), (90, 50)]):
        Image.fromarray(rng.integers(0, 256, shape, "uint8")).save(folder / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def expected(model, photographs):
    arrays = [RECORD.from_pil(kerazoo.open_picture(p)) for p in sorted(photographs.iterdir())]
    return inference_function(model)(np.stack(arrays))


class TestRunner:
    @pytest.mark.parametrize("runtime", ["tensorflow", "openvino", "onnx", "litert"])
    def test_a_model_on_each_runtime(self, runtime, model, photographs, expected):
        runner = Runner(model, runtime, preprocessing=RECORD, labels=NAMES, batch_size=2)
        assert runner.runtime == runtime
        assert runner.file_size > 2 * model.count_params()
        assert runner.load_seconds > 0
        scores = np.stack([row for _, row in runner.stream(photographs)])
        np.testing.assert_allclose(scores, expected, atol=1e-4)

    @pytest.mark.parametrize(
        ("missing", "chosen"),
        [
            ((), "openvino"),
            (("openvino",), "onnx"),
            (("openvino", "tf2onnx"), "litert"),  # without its converter a runtime is of no use
            (("openvino", "onnxruntime", "ai_edge_litert"), "tensorflow"),
        ],
    )
    def test_a_model_runs_on_the_first_that_is_installed(self, missing, chosen, model, monkeypatch):
        assert sorted(FASTEST) == sorted(runner._FORMATS)
        order = ("openvino", "onnx", "litert", "tensorflow")
        monkeypatch.setattr(runner, "FASTEST", order)
        found = _machine.is_installed
        for module in (_machine, runner):
            monkeypatch.setattr(
                module, "is_installed", lambda name: name not in missing and found(name)
            )
        assert runner._fastest(model) == chosen
        pictures = keras.Input((None, None, 3))
        scores = keras.layers.GlobalAveragePooling2D()(pictures)
        of_any_size = runner._fastest(keras.Model(pictures, scores))
        assert of_any_size == ("tensorflow" if chosen == "litert" else chosen)

    def test_streams_give_the_same_in_order(self, model):
        x = np.random.default_rng(0).normal(size=(9, 32, 32, 3)).astype("float32")
        whole, parts = Runner(model, "openvino"), Runner(model, "openvino", streams=True)
        np.testing.assert_allclose(parts(x), whole(x), atol=1e-5)
        np.testing.assert_allclose(whole(x), model(x, training=False), atol=1e-4)

    def test_arrays_files_and_folders(self, exported, photographs, expected):
        runner = Runner(exported)
        paths = sorted(photographs.iterdir())
        of_folder = runner.predict(photographs, top=2)
        assert [[p.index for p in row] for row in of_folder] == np.argsort(-expected, axis=1)[
            :, :2
        ].tolist()
        assert of_folder[0][0].name == NAMES[of_folder[0][0].index]
        assert runner.predict(paths, top=2) == of_folder
        assert runner.predict(str(photographs / "*.png"), top=2) == of_folder
        arrays = [np.asarray(kerazoo.open_picture(path)) for path in paths]
        assert runner.predict(arrays, top=2) == of_folder
        assert runner.predict(arrays[0][None], top=2) == of_folder[:1]
        assert runner.predict([]) == []

    def test_unreadable_pictures(self, exported, photographs, expected, tmp_path):
        bad = tmp_path / "bad.jpg"
        bad.write_text("no picture")
        paths = sorted(photographs.iterdir())
        mixed = [paths[0], bad, *paths[1:]]
        runner, skipped = Runner(exported, batch_size=1), []
        with pytest.raises(PictureError, match=r"bad\.jpg"):
            runner.predict(mixed)
        found = dict(runner.stream(mixed, skipped.append))
        assert list(found) == paths
        assert [str(bad) in str(error) for error in skipped] == [True]
        np.testing.assert_allclose(np.stack(list(found.values())), expected, atol=1e-4)

    def test_what_does_not_fit(self, exported, model, tmp_path):
        with pytest.raises(ValueError, match="Unknown `runtime`"):
            Runner(exported, "tensorrt")
        with pytest.raises(ValueError, match=r"`runtime` must be 'litert' \(or 'auto'\)"):
            Runner(exported, "onnx")
        with pytest.raises(ValueError, match="`batch_size` must be a positive int"):
            Runner(exported, batch_size=0)
        with pytest.raises(FileNotFoundError, match=r"There is no file .*none\.onnx"):
            Runner(tmp_path / "none.onnx")
        with pytest.raises(ValueError, match="must be a folder"):
            Runner(tmp_path)
        with pytest.raises(FileNotFoundError, match=r"There is no file .*a\.pt"):
            Runner(tmp_path / "a.pt")
        with pytest.raises(ValueError, match=r"`array` must be of shape \(batch, 32, 32, 3\)"):
            Runner(exported)(np.zeros((1, 16, 16, 3), "float32"))
        with pytest.raises(ValueError, match="uint8 arrays"):
            Runner(exported).predict([np.zeros((8, 8, 3), "float32")])
        with pytest.raises(ValueError, match="the network does not carry its own"):
            Runner(model, "litert").predict([np.zeros((8, 8, 3), "uint8")])

    @pytest.mark.parametrize(
        "value", [np.nan, np.inf, -np.inf, 1e200], ids=["nan", "inf", "minus inf", "beyond float32"]
    )
    def test_numbers_that_are_none(self, exported, value):
        """One of them among 3,072; the scores would look like any others."""
        x = np.zeros((1, 32, 32, 3))
        x[0, 5, 6, 1] = value
        with pytest.raises(ValueError, match=r"`array` must be of numbers that are finite"):
            Runner(exported)(x)

    @pytest.mark.parametrize("dtype", ["bool", "complex64", "S3", "O", "datetime64[s]"])
    def test_arrays_of_something_else(self, exported, dtype):
        with pytest.raises(ValueError, match="`array` must be of numbers"):
            Runner(exported)(np.zeros((1, 32, 32, 3), "int64").astype(dtype))

    @pytest.mark.parametrize("given", [None, "picture", b"x", [[1.0], [1.0, 2.0]], {}])
    def test_what_is_no_array(self, exported, given):
        with pytest.raises(ValueError, match="`array` must be of numbers"):
            Runner(exported)(given)

    def test_large_numbers_are_numbers(self, exported):
        """Their sum is beyond float32, they are not."""
        x = np.full((1, 32, 32, 3), 1e36, "float32")
        assert Runner(exported)(x).shape == (1, 10)

    @pytest.mark.parametrize("name", ["net.onnx", "net.xml", "net.tflite"])
    def test_damaged_files(self, name, tmp_path):
        path = tmp_path / name
        path.write_bytes(b"damaged")
        if name == "net.xml":
            with pytest.raises(ValueError, match=r"there is no .*net\.bin"):
                Runner(path)
            path.with_suffix(".bin").write_bytes(b"damaged")
        with pytest.raises(ValueError, match=r"`path` must be a file that \w+ can open"):
            Runner(path)

    def test_a_file_of_someone_else(self, exported, photographs, expected, tmp_path):
        path = tmp_path / "plain.tflite"
        path.write_bytes(exported.read_bytes())
        assert Runner(path).record is None
        runner = Runner(path, preprocessing=RECORD, labels=NAMES)
        assert runner.predict(photographs, top=1)[0][0].name == NAMES[expected[0].argmax()]
        (tmp_path / "plain.tflite.json").write_text("{}")
        with pytest.raises(ValueError, match="a record that `export` wrote"):
            Runner(path)

    def test_the_highest_version_is_served(self, model, tmp_path):
        for version, names in ((2, NAMES), (10, NAMES[::-1])):
            export(
                *(model, tmp_path / "m", "savedmodel"),
                version=version,
                labels=names,
                preprocessing=RECORD,
            )
        assert Runner(tmp_path / "m").record.labels == NAMES[::-1]
        assert Runner(tmp_path / "m" / "2").record.labels == NAMES
        path = tmp_path / "m" / "10"
        x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
        found = open_runtime("savedmodel", path)(x)["scores"]
        np.testing.assert_allclose(found, model(x, training=False), atol=1e-5)


class TestCommands:
    def test_export_then_predict(self, model, photographs, tmp_path, capsys, monkeypatch):
        monkeypatch.chdir(tmp_path)
        model.save("net.keras")
        (tmp_path / "names.txt").write_text("\n".join(NAMES))
        options = ["--like", "keras/mobilenet_v1_0.25_128", "--labels", "names.txt"]
        words = ["export", "net.keras", "--format", "openvino", *options]
        assert main(words) == 0
        path, summary = capsys.readouterr().out.splitlines()
        assert path == "net.xml"
        assert "of the original's on" in summary
        assert main(words) == 2
        assert "exists" in capsys.readouterr().err
        assert main([*words, "--force"]) == 0
        capsys.readouterr()
        picture = str(photographs / "0.png")
        assert main(["predict", "net.xml", picture, "--json", "--top", "10"]) == 0
        found = json.loads(capsys.readouterr().out)[0]["predictions"]
        words = ["predict", "net.keras", picture, "--json", "--top", "10", *options[:2]]
        assert main(words) == 0
        direct = json.loads(capsys.readouterr().out)[0]["predictions"]
        assert [p["index"] for p in found] == [p["index"] for p in direct]
        assert {p["name"] for p in found} == set(NAMES)
        np.testing.assert_allclose(
            [p["score"] for p in found], [p["score"] for p in direct], atol=1e-4
        )
        assert main([*words, "--runtime", "litert"]) == 0
        assert main([*words, "--runtime", "onx"]) == 2
        assert "Did you mean 'onnx'" in capsys.readouterr().err

    def test_skipped_pictures_and_refused_options(self, exported, photographs, tmp_path, capsys):
        bad = tmp_path / "bad.jpg"
        bad.write_text("")
        words = ["predict", str(exported), str(photographs / "0.png"), str(bad)]
        assert main(words) == 1
        assert "bad.jpg" in capsys.readouterr().err
        assert main([*words, "--size", "64"]) == 2
        assert "left out for an exported model" in capsys.readouterr().err

    def test_pictures_for_int8(self, capsys):
        words = ["export", "mixnet_s", "--format", "litert", "--precision", "int8"]
        assert main([*words, "--data", "cifar10"]) == 2
        assert "a TFDS name together with `data_dir`" in capsys.readouterr().err
        assert main([*words, "--data", "cifar10", "--representative", "a.jpg"]) == 2
        assert "left out with --representative" in capsys.readouterr().err

    def test_help_names_every_format(self, capsys):
        from kerazoo.deploy.exporting import FORMATS

        with pytest.raises(SystemExit):
            main(["export", "--help"])
        shown = capsys.readouterr().out
        assert [name for name in FORMATS if name not in shown] == []
