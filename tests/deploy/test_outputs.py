"""Outputs have names, in every format and runtime, whatever order a file keeps them in."""

import sys
from types import ModuleType

import keras
import numpy as np
import pytest
from PIL import Image

import kerazoo
from kerazoo import tasks
from kerazoo.deploy import Runner, export
from kerazoo.deploy.exporting import FORMATS, read_record
from kerazoo.deploy.runtimes import open_runtime
from kerazoo.evaluation import output_batches
from kerazoo.inference import named_outputs
from kerazoo.predictor import Predictor

pytest.importorskip("openvino")
pytest.importorskip("onnxruntime")
pytest.importorskip("ai_edge_litert")

RECORD = kerazoo.Preprocessing(size=(16, 16), crop_fraction=1.0)


class Pair:
    """A task with two outputs, whose names are in no order that a converter would choose."""

    name = "pair"
    outputs = ("zenith", "angle")
    options = ()

    def check(self, model, source=None):
        assert len(model.outputs) == 2

    def facts(self, model, labels):
        return {"outputs": {"zenith": "a map", "angle": "numbers"}, "labels": ("a", "b")}

    def answer(self, outputs, record):
        return {"sum": outputs["angle"] * 2, "zenith": outputs["zenith"]}

    def signatures(self, record, batch=False, **how):
        return {}

    def decode(self, outputs, record, placements=(), pictures=()):
        pairs = zip(outputs["angle"], placements, strict=True)
        return [(float(angle.sum()), placement.picture) for angle, placement in pairs]


@pytest.fixture
def pair(monkeypatch):
    """A Keras model of the task, which is known while the test runs."""
    module = ModuleType("kerazoo.tasks.pair")
    module.TASK = Pair()
    monkeypatch.setitem(sys.modules, "kerazoo.tasks.pair", module)
    monkeypatch.setattr(tasks, "TASKS", (*tasks.TASKS, "pair"))
    keras.utils.set_random_seed(0)
    x = keras.Input((16, 16, 3))
    # Of one shape, so that only names tell the two from each other.
    y = keras.layers.Conv2D(4, 3, name="b_stem")(x)
    first = keras.layers.GlobalAveragePooling2D(name="n_mean")(y)
    second = keras.layers.GlobalMaxPooling2D(name="a_peak")(y)
    model = kerazoo.ZooModel(x, {"angle": second, "zenith": first}, name="two")
    model.info = kerazoo.models._model.ModelInfo(
        "two", preprocessing=RECORD, task="pair", head=("n_", "a_")
    )
    return model


@pytest.mark.parametrize("name", FORMATS)
def test_two_outputs_by_name(name, pair, tmp_path):
    x = np.random.default_rng(1).normal(size=(3, 16, 16, 3)).astype("float32")
    expected = {key: np.asarray(y) for key, y in pair(x, training=False).items()}
    assert np.abs(expected["angle"] - expected["zenith"]).max() > 0.1
    path = export(pair, tmp_path / f"net{FORMATS[name].suffix}", name)
    record = read_record(path)
    assert record.task == "pair"
    assert list(record.outputs) == ["zenith", "angle"]
    runner = Runner(path)
    found = runner(x)
    assert list(found) == ["zenith", "angle"]
    for key in expected:
        np.testing.assert_allclose(found[key], expected[key], atol=1e-5)


def test_streams_keep_outputs_apart(pair):
    x = np.random.default_rng(2).normal(size=(5, 16, 16, 3)).astype("float32")
    whole, parts = Runner(pair, "openvino")(x), Runner(pair, "openvino", streams=True)(x)
    for key in whole:
        np.testing.assert_allclose(parts[key], whole[key], atol=1e-5)


def test_a_server_gets_what_the_task_answers(pair, tmp_path):
    import tensorflow as tf

    path = export(pair, tmp_path / "m", "savedmodel")
    signatures = tf.saved_model.load(str(path)).signatures
    x = tf.constant(np.random.default_rng(3).normal(size=(2, 16, 16, 3)), tf.float32)
    answer, raw = signatures["serving_default"](image=x), signatures["raw"](image=x)
    assert sorted(answer) == ["sum", "zenith"]
    assert sorted(raw) == ["angle", "zenith"]
    np.testing.assert_allclose(answer["sum"], 2 * raw["angle"], rtol=1e-6)


def test_predictions_know_where_pictures_were(pair, tmp_path):
    path = tmp_path / "a.png"
    pixels = np.random.default_rng(4).integers(0, 256, (20, 30, 3), "uint8")
    Image.fromarray(pixels).save(path)
    for network in (Predictor.of_model(pair), Runner(pair, "litert")):
        ((found, (total, shape)),) = network.predictions(path)
        (streamed,) = (outputs for _, outputs in network.stream(path))
        assert found == path
        assert shape == (20, 30)
        assert total == pytest.approx(streamed["angle"].sum(), rel=1e-4)
        assert streamed["zenith"].shape == (4,)
    with pytest.raises(ValueError, match="`top` must be left out: it is no option of pair"):
        list(network.predictions(path, top=3))


def test_data_of_another_task(pair, tmp_path):
    (tmp_path / "a").mkdir()
    Image.new("RGB", (16, 16)).save(tmp_path / "a" / "0.png")
    from kerazoo.data.open import open_source

    source = open_source(tmp_path)
    with pytest.raises(ValueError, match="`model` must be for classification, as"):
        list(output_batches(pair, source))


def test_files_of_someone_else_are_read_by_position(tmp_path):
    x = keras.Input((8, 8, 3))
    y = keras.layers.GlobalAveragePooling2D(name="any_name")(x)
    path = export(keras.Model(x, y), tmp_path / "net.onnx", "onnx")
    import onnx

    network = onnx.load(path)
    network.graph.output[0].name = "output_0"
    for node in network.graph.node:
        node.output[:] = ["output_0" if name == "scores" else name for name in node.output]
    onnx.save(network, tmp_path / "plain.onnx")
    pixels = np.random.default_rng(5).normal(size=(2, 8, 8, 3)).astype("float32")
    assert list(open_runtime("onnx", tmp_path / "plain.onnx")(pixels)) == ["output_0"]
    np.testing.assert_allclose(
        Runner(tmp_path / "plain.onnx")(pixels), pixels.mean((1, 2)), atol=1e-6
    )


def test_by_name():
    assert named_outputs({"b": 2, "a": 1}, ("a", "b"), "net") == {"a": 1, "b": 2}
    assert list(named_outputs({"b": 2, "a": 1, "c": 3}, ("a", "b"), "net")) == ["a", "b"]
    assert named_outputs([1, 2], ("a", "b"), "net") == {"a": 1, "b": 2}
    assert named_outputs(1, ("a",), "net") == {"a": 1}
    with pytest.raises(ValueError, match=r"outputs a, b. Received: `model='net with 1 outputs'`"):
        named_outputs([1], ("a", "b"), "net")
