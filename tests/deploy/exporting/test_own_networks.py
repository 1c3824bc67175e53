"""Exports of networks without kerazoo's head: feature maps, heads of one's own, mixed policies."""

import json
import zipfile

import keras
import numpy as np
import pytest

from kerazoo.deploy import Runner, compare, export
from kerazoo.deploy.exporting import FORMATS, read_record
from tests.deploy.exporting.test_export import RECORD, small

pytest.importorskip("openvino")
pytest.importorskip("onnxruntime")
pytest.importorskip("ai_edge_litert")

X = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")


def tiny(classes=3, seed=0):
    """A classifier of two layers."""
    keras.utils.set_random_seed(seed)
    x = keras.Input((32, 32, 3))
    y = keras.layers.Conv2D(8, 3, 4, activation="relu")(x)
    y = keras.layers.Dense(classes, activation="softmax")(keras.layers.Flatten()(y))
    return keras.Model(x, y)


@pytest.fixture(scope="module")
def backbone():
    keras.utils.set_random_seed(0)
    return trunk("stride_2", "stride_4")


def trunk(*names):
    """The first layers of a network: there is no need for all of them."""
    return small(classes=None, features_only=True, out_features=list(names))


@pytest.mark.parametrize("name", FORMATS)
def test_feature_maps_keep_their_names(name, backbone, tmp_path):
    path = export(backbone, tmp_path / f"maps{FORMATS[name].suffix}", name, preprocessing=RECORD)
    runner, expected = Runner(path), backbone(X, training=False)
    found = runner(X)
    assert list(found) == ["stride_2", "stride_4"]
    for key, map in expected.items():
        np.testing.assert_allclose(found[key], map, atol=1e-4)
    (prediction,) = runner.predict([np.zeros((40, 50, 3), "uint8")])
    assert prediction["stride_4"].shape == (8, 8, backbone.feature_channels["stride_4"])
    assert runner.task.rows(prediction)[1] == ("8x8x32", "stride_4")
    assert compare(backbone, path, X).same is None


def test_heads_of_ones_own(tmp_path):
    base = trunk("stride_4")
    y = keras.layers.GlobalAveragePooling2D()(base.output["stride_4"])
    outputs = [keras.layers.Dense(3, name="colour")(y), keras.layers.Dense(1, name="age")(y)]
    model = keras.Model(base.inputs, outputs)
    path = export(model, tmp_path / "two.onnx", "onnx", preprocessing=RECORD)
    found = Runner(path)(X)
    assert {name: y.shape for name, y in found.items()} == {"colour": (2, 3), "age": (2, 1)}
    np.testing.assert_allclose(found["age"], model([X], training=False)[1], atol=1e-4)
    classifier = keras.Model(base.inputs, keras.layers.Dense(3, activation="softmax")(y))
    path = export(
        classifier, tmp_path / "own.onnx", "onnx", preprocessing=RECORD, labels=tuple("abc")
    )
    assert Runner(path).predict([np.zeros((8, 8, 3), "uint8")], top=1)[0][0].name in "abc"


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_policies_become_float32(policy, tmp_path):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        keras.utils.set_random_seed(0)
        base, x = trunk("stride_4"), keras.Input((32, 32, 3))
        y = keras.layers.GlobalAveragePooling2D()(base(x)["stride_4"])  # a model within
        y = keras.layers.Dense(3, activation="softmax", dtype="float32")(y)
        model = keras.Model(x, y)
    finally:
        keras.config.set_dtype_policy(before)
    path = export(model, tmp_path / "net.keras", "keras")
    stored = keras.saving.load_model(path)
    assert {layer.compute_dtype for layer in stored._flatten_layers(include_self=False)} == {
        "float32"
    }
    assert model.get_layer(base.name).layers[1].compute_dtype == policy.removeprefix("mixed_")
    np.testing.assert_allclose(stored(X), model(X, training=False), atol=0.02)


def test_a_network_of_ours_stays_one_under_a_mixed_policy(tmp_path):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = small()
    finally:
        keras.config.set_dtype_policy(before)
    path = export(model, tmp_path / "net.keras", "keras", labels=tuple("abcd"))
    assert keras.saving.load_model(path).info.architecture == "tiny_net"
    assert read_record(path).labels == tuple("abcd")


def test_what_takes_more_than_a_picture(tmp_path):
    a, b = keras.Input((8, 8, 3)), keras.Input((4,))
    y = keras.layers.Concatenate()([keras.layers.Flatten()(a), b])
    with pytest.raises(ValueError, match=r"`model` must be a network of pictures: one input"):
        export(keras.Model([a, b], y), tmp_path / "a.keras", "keras")


@pytest.fixture(scope="module")
def network():
    return tiny()


class TestFacts:
    """How to feed a file stands in it, readable without kerazoo."""

    def check(self, facts):
        assert facts["labels"].split() == ["cat", "dog", "né"]
        assert facts["input"] == "image: float32 (batch, height, width, channels), RGB, 32x32"
        assert "mean (0.485, 0.456, 0.406)" in facts["normalisation"]
        assert json.loads(facts["kerazoo"])["labels"] == ["cat", "dog", "né"]

    def written(self, network, path, name):
        labels = ("cat", "dog", "né")
        return export(network, path, name, preprocessing=RECORD, labels=labels)

    def test_litert(self, network, tmp_path):
        path = self.written(network, tmp_path / "a.tflite", "litert")
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            facts = {name.partition(".")[0]: archive.read(name).decode() for name in names}
        assert "labels.txt" in names
        self.check({name: text.strip() for name, text in facts.items()})
        assert Runner(path)(X).shape == (2, 3)

    def test_onnx(self, network, tmp_path):
        import onnxruntime

        path = self.written(network, tmp_path / "a.onnx", "onnx")
        self.check(onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map)

    def test_openvino(self, network, tmp_path):
        import openvino

        path = self.written(network, tmp_path / "a.xml", "openvino")
        model = openvino.Core().read_model(path)
        names = ("labels", "input", "normalisation", "kerazoo")
        self.check({name: model.get_rt_info(["kerazoo", name]).astype(str) for name in names})
        hint = model.get_rt_info(["kerazoo", "precision"]).astype(str)
        settings = json.loads("{" + hint.partition("{")[2].removesuffix(")"))
        openvino.Core().compile_model(model, "CPU", settings)
        assert settings == {"INFERENCE_PRECISION_HINT": "f32"}


def test_comparison(tmp_path):
    model = tiny()
    path = export(model, tmp_path / "a.tflite", "litert", preprocessing=RECORD)
    pictures = np.random.default_rng(0).integers(0, 256, (40, 33, 40, 3), "uint8")
    found = compare(model, path, pictures)
    assert (found.pictures, found.same) == (32, 32)
    assert 0 <= found.difference < 1e-4
    assert "on 32 pictures, the same class first on 32" in str(found)
    assert compare(tiny(seed=7), path, pictures).difference > 1e-3  # another network is told apart
    (tmp_path / "a.tflite.json").unlink()
    with pytest.raises(ValueError, match="no record beside it"):
        compare(model, path, pictures)
