"""Exports that are refused, fail half-way, or are given pictures that do not fit."""

import importlib.util
import json
import os
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerazoo.deploy import Runner, export
from kerazoo.deploy.export import FORMATS, openvino
from kerazoo.deploy.export.calibration import representative_pictures, without_outliers
from tests.deploy.test_export import RECORD, small

pytest.importorskip("openvino")
pytest.importorskip("onnxruntime")
pytest.importorskip("ai_edge_litert")


@pytest.fixture(scope="module")
def tiny():
    keras.utils.set_random_seed(1)
    return small()


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
        with pytest.raises(OSError, match="No space"):
            export(tiny, path, "openvino", force=True)
        assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a.xml": "mine"}

    def test_where_nothing_can_be_written(self, tiny, tmp_path):
        with pytest.raises(ValueError, match=r"`path` must be in a folder that exists"):
            export(tiny, tmp_path / "no" / "a.keras", "keras")
        with pytest.raises(ValueError, match=r"file name in \.tflite for LiteRT"):
            export(tiny, tmp_path / "a.onnx", "litert")
        (tmp_path / "file").write_text("")
        with pytest.raises(ValueError, match="a folder for a SavedModel"):
            export(tiny, tmp_path / "file", "savedmodel")


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

    def test_no_classifier(self, tmp_path):
        x = keras.Input((8, 8, 3))
        model = keras.Model(x, keras.layers.Conv2D(2, 3)(x))
        with pytest.raises(ValueError, match="`model` must be a classifier"):
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
