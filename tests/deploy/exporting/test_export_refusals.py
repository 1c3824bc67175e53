"""Exports that are refused, fail half-way, or are given pictures that do not fit."""

import importlib.util
import json
import os
import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerazoo._files import publish, staging
from kerazoo.cli import main
from kerazoo.deploy import Runner, export
from kerazoo.deploy.exporting import FORMATS, openvino
from kerazoo.deploy.exporting.calibration import (
    representative_pictures,
    tell_few,
    without_outliers,
)
from tests.deploy.exporting.test_export import RECORD, small

pytest.importorskip("openvino")
pytest.importorskip("onnxruntime")
pytest.importorskip("ai_edge_litert")


@pytest.fixture(scope="module")
def tiny():
    keras.utils.set_random_seed(1)
    return small()


def publish_new(path, outputs):
    """As an export does, with files that hold "new"."""
    with staging(path) as folder:
        for output in outputs:
            (folder / output.name).write_text("new")
        publish(folder, outputs)


class TestFiles:
    def test_existing_outputs_stay_unless_forced(self, tiny, tmp_path):
        path = tmp_path / "a.keras"
        path.write_text("mine")
        with pytest.raises(ValueError, match=r"a\.keras' exists .*--force"):
            export(tiny, path, "keras")
        assert path.read_text() == "mine"
        export(tiny, path, "keras", force=True)
        assert keras.saving.load_model(path).output_shape == (None, 4)

    def test_a_version_is_replaced_as_a_whole(self, tiny, tmp_path):
        path = export(tiny, tmp_path / "m", "savedmodel", preprocessing=RECORD)
        (path / "stale").write_text("")
        with pytest.raises(ValueError, match="exists"):
            export(tiny, tmp_path / "m", "savedmodel", preprocessing=RECORD)
        export(tiny, tmp_path / "m", "savedmodel", preprocessing=RECORD, force=True)
        assert not (path / "stale").exists()
        assert os.listdir(tmp_path) == ["m"]
        assert os.listdir(tmp_path / "m") == ["1"]

    def test_a_failure_leaves_nothing_and_loses_nothing(self, tiny, tmp_path, monkeypatch):
        path = tmp_path / "a.xml"
        path.write_text("mine")

        def full(job, folder):
            (folder / "a.bin").write_text("half")
            raise OSError(28, "No space left on device")

        broken = {**vars(openvino.FORMAT), "write": full}
        monkeypatch.setitem(FORMATS, "openvino", type(openvino.FORMAT)(**broken))
        with pytest.raises(OSError, match=r"No space.*a\.xml'$"):
            export(tiny, path, "openvino", force=True)
        assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a.xml": "mine"}

    def test_where_nothing_can_be_written(self, tiny, tmp_path):
        with pytest.raises(ValueError, match=r"`path` must be in a folder that exists"):
            export(tiny, tmp_path / "no" / "a.keras", "keras")
        with pytest.raises(ValueError, match=r"file name in \.tflite for LiteRT"):
            export(tiny, tmp_path / "a.onnx", "litert")
        (tmp_path / "file").write_text("")
        with pytest.raises(ValueError, match=r"a folder that exists; '.*file' is a file"):
            export(tiny, tmp_path / "file" / "a.keras", "keras")
        with pytest.raises(ValueError, match="a folder for a SavedModel"):
            export(tiny, tmp_path / "file", "savedmodel")

    def test_a_folder_without_rights(self, tiny, tmp_path, monkeypatch):
        """Of the tests' user, who may be root, no folder is safe: `os.access` is asked for it."""
        (tmp_path / "m").mkdir()
        allowed = {tmp_path}
        monkeypatch.setattr(os, "access", lambda path, mode: Path(path) in allowed)
        rule = r"in a folder that can be written to, not '.*m'"
        with pytest.raises(ValueError, match=rule):
            export(tiny, tmp_path / "m", "savedmodel", preprocessing=RECORD)
        with pytest.raises(ValueError, match=rule):
            export(tiny, tmp_path / "m" / "a.keras", "keras")
        assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")] == ["m"]

    def test_rights_that_only_writing_shows(self, tiny, tmp_path, monkeypatch, capsys):
        make, path = tempfile.mkdtemp, tmp_path / "a.keras"
        tiny.save(tmp_path / "tiny.keras")

        def refuse(*args, **kwargs):
            if kwargs.get("dir") == tmp_path:
                raise PermissionError(13, "Permission denied", f"{tmp_path}/.a.keras.x.partial")
            return make(*args, **kwargs)

        monkeypatch.setattr(tempfile, "mkdtemp", refuse)
        with pytest.raises(PermissionError, match=r"denied: '.*/a\.keras'$") as raised:
            export(tiny, path, "keras")
        assert raised.value.filename == str(path)
        words = ["export", str(tmp_path / "tiny.keras"), "--format", "keras", "--output", str(path)]
        assert main(words) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert line.endswith(f"Permission denied: '{path}'")
        assert os.listdir(tmp_path) == ["tiny.keras"]

    @pytest.mark.parametrize("before", [{}, {"a.bin": "1", "a.xml.json": "2", "a.xml": "3"}])
    def test_files_are_replaced_together(self, before, tmp_path, monkeypatch):
        """The last of three is refused: the first two go, or go back to what they were."""
        for name, text in before.items():
            (tmp_path / name).write_text(text)
        outputs = [tmp_path / name for name in ("a.bin", "a.xml.json", "a.xml")]
        replace = os.replace

        def refuse(source, target):
            if Path(target) == outputs[-1] and Path(source).read_text() == "new":
                raise PermissionError(13, "Permission denied")
            replace(source, target)

        monkeypatch.setattr(os, "replace", refuse)
        with pytest.raises(PermissionError, match=r"a\.xml'$"):
            publish_new(outputs[-1], outputs)
        assert {p.name: p.read_text() for p in tmp_path.iterdir()} == before

    def test_a_version_that_cannot_be_replaced_stays(self, tmp_path, monkeypatch):
        version, replace = tmp_path / "m" / "1", os.replace
        version.mkdir(parents=True)
        (version / "old").write_text("")

        def refuse(source, target):
            if Path(source).parent.name.endswith(".partial") and Path(source).name == "1":
                raise PermissionError(13, "Permission denied")
            replace(source, target)

        monkeypatch.setattr(os, "replace", refuse)
        for output in (version, tmp_path / "n" / "1"):
            with pytest.raises(PermissionError):
                publish_new(output.parent, [output])
        assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")) == [
            *("m", "m/1", "m/1/old")
        ]


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"format": "tflite"}, r"Unknown `format`.*'litert'"),
            ({"format": "litert", "target": "tpu"}, "Unknown `target`"),
            ({"format": "onnx", "precision": "int8"}, r"`precision` must be for ONNX one of"),
            ({"format": "onnx", "opset": 5}, "`opset` must be 13 to 18"),
            ({"format": "keras", "target": "onnx", "fused": False}, "None where fused=False"),
            ({"format": "savedmodel", "top": 0}, "`top` must be a positive int"),
        ],
    )
    def test_arguments(self, arguments, message, tmp_path):
        with pytest.raises(ValueError, match=message):
            export(None, tmp_path / "a", **arguments)

    @pytest.mark.parametrize("name", ["litert", "openvino"])
    def test_int8_needs_pictures(self, name, tiny, tmp_path):
        path = tmp_path / f"a{FORMATS[name].suffix}"
        with pytest.raises(ValueError, match=r"`representative` must be given for int8"):
            export(tiny, path, name, precision="int8")
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("name", ["litert", "onnx", "openvino"])
    def test_missing_packages_name_their_extra(self, name, tiny, tmp_path, monkeypatch):
        kind = FORMATS[name]
        needs = {"litert": ["ai_edge_litert"], "onnx": ["onnxruntime", "tf2onnx"]}.get(name, [name])
        find = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda n, *a: None if n in needs else find(n, *a)
        )
        install = rf'({"|".join(needs)}), which is not installed: pip install "kerazoo\[{name}\]"'
        with pytest.raises(ImportError, match=install):
            Runner(tiny, name)
        if name != "litert":  # TensorFlow writes those: only running them needs more
            with pytest.raises(ImportError, match=install):
                export(tiny, tmp_path / f"a{kind.suffix}", name)

    def test_open_sizes(self, tmp_path):
        model = small(input_shape=(None, None, 3))
        with pytest.raises(ValueError, match=r"of a fixed size for LiteRT.*input_shape"):
            export(model, tmp_path / "a.tflite", "litert")
        path = export(model, tmp_path / "a.onnx", "onnx")
        x = np.random.default_rng(0).normal(size=(2, 40, 52, 3)).astype("float32")
        np.testing.assert_allclose(Runner(path)(x), model(x, training=False), atol=1e-5)

    def test_no_network_of_pictures(self, tmp_path):
        x = keras.Input((8,))
        model = keras.Model(x, keras.layers.Dense(2)(x))
        with pytest.raises(ValueError, match="`model` must be a network of pictures"):
            export(model, tmp_path / "a.keras", "keras")
        with pytest.raises(ValueError, match="`model` must be a Keras model"):
            export("mixnet_s", tmp_path / "a.keras", "keras")

    def test_savedmodel_needs_preprocessing(self, tiny, tmp_path):
        with pytest.raises(ValueError, match=r"`preprocessing` must be given for a SavedModel"):
            export(tiny, tmp_path / "m", "savedmodel")
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("name", ["litert", "onnx", "openvino"])
    def test_layers_that_cannot_be_lowered_are_named(self, name, tmp_path):
        class Spectrum(keras.layers.Layer):
            def call(self, x):
                return tf.linalg.svd(tf.reduce_mean(x, axis=3), compute_uv=False)

        x = keras.Input((6, 6, 3))
        y = keras.layers.Conv2D(4, 3, padding="same", name="stem")(x)
        y = keras.layers.Dense(4, activation="softmax")(Spectrum(name="spectrum")(y))
        with pytest.raises(ValueError, match=r"of layers that can.*spectrum \([^)]*Svd"):
            export(keras.Model(x, y), tmp_path / f"a{FORMATS[name].suffix}", name)
        assert not list(tmp_path.iterdir())


class TestCalibration:
    def test_kinds_of_pictures_agree(self, tmp_path):
        pictures = np.random.default_rng(0).integers(0, 256, (3, 40, 48, 3), "uint8")
        from PIL import Image

        for i, picture in enumerate(pictures):
            Image.fromarray(picture).save(tmp_path / f"{i}.png")
        shape = (32, 32, 3)
        arrays = representative_pictures(pictures, RECORD, shape)
        assert arrays.shape == (3, *shape)
        np.testing.assert_array_equal(representative_pictures(tmp_path, RECORD, shape), arrays)
        np.testing.assert_array_equal(representative_pictures(arrays, None, shape), arrays)

    def test_few_are_warned_of(self, caplog):
        for count, warned in ((1, True), (31, True), (32, False)):
            caplog.clear()
            tell_few(count)
            assert [f"with {count} of 32 or more" in r.getMessage() for r in caplog.records] == (
                [True] * warned
            )

    def test_many_are_thinned_evenly(self):
        many = np.arange(3000, dtype="float32").reshape(-1, 1, 1, 1)
        kept = representative_pictures(many, None, (1, 1, 1)).ravel()
        assert len(kept) == 300
        assert kept[[0, -1]].tolist() == [0, 2999]
        assert np.ptp(np.diff(kept)) <= 1

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (np.zeros((2, 16, 16, 3), "float32"), r"pictures of shape \(count, \*\(32, 32, 3\)\)"),
            (np.zeros((0, 32, 32, 3), "float32"), "pictures of shape"),
            (np.full((1, 32, 32, 3), np.nan, "float32"), "finite"),
            (np.zeros((1, 32, 32, 3), "int64"), "float inputs or uint8 pictures"),
            (3, "paths, an array or"),
        ],
    )
    def test_what_does_not_fit(self, given, message):
        with pytest.raises(ValueError, match=message):
            representative_pictures(given, RECORD, (32, 32, 3))

    def test_outliers_are_left_out(self, tiny):
        pictures = np.random.default_rng(0).normal(size=(20, 32, 32, 3)).astype("float32")
        pictures[7] *= 50
        kept = without_outliers(tiny, pictures)
        assert len(kept) == 19
        np.testing.assert_array_equal(kept, np.delete(pictures, 7, axis=0))


def test_the_record_is_plain_json(tiny, tmp_path):
    path = export(tiny, tmp_path / "a.keras", "keras", labels=("a", "b", "c", "d"))
    values = json.loads(Path(f"{path}.json").read_text())
    assert values["labels"] == ["a", "b", "c", "d"]
    assert values["input_shape"] == [32, 32, 3]
    with pytest.raises(ValueError, match="as many names as classes, 4"):
        export(tiny, tmp_path / "b.keras", "keras", labels=("a", "b"))
