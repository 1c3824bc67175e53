"""What tf2onnx leaves of channels last: ONNX Runtime computes with channels first."""

import logging
from collections import Counter

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.deploy import Runner, export
from kerazoo.layers import ChannelShuffle

onnx = pytest.importorskip("onnx")
pytest.importorskip("tf2onnx")
pytest.importorskip("onnxruntime")


def few_layers():
    """Two shuffles between convolutions of each kind."""
    layers = keras.layers
    y = inputs = keras.Input((32, 32, 3))
    for stride in (2, 1):
        y = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 1, stride)(y)))
        y = ChannelShuffle(2)(y)
        y = layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same")(y))
    return keras.Model(inputs, layers.Dense(5)(layers.GlobalAveragePooling2D()(y)))


@pytest.mark.parametrize(
    ("name", "transposes"),
    [
        ("few layers", 3),  # of the picture, and 2 shuffles
        ("mobilenet_v3_small", 1),  # of the picture
        ("shufflenet_v2_x0_5", 17),  # 16 shuffles
    ],
)
def test_transposes_are_of_pictures_and_shuffles(name, transposes, tmp_path, caplog, capfd):
    arguments = {"weights": None, "input_shape": (32, 32, 3), "classes": 5}
    few = name == "few layers"
    model = few_layers() if few else kerazoo.create_model(name, **arguments)
    caplog.set_level(logging.WARNING)
    preprocessing = kerazoo.Preprocessing(size=(32, 32))
    path = export(model, tmp_path / "a.onnx", "onnx", preprocessing=preprocessing)
    assert not caplog.records
    assert "Traceback" not in "".join(capfd.readouterr())
    kinds = Counter(node.op_type for node in onnx.load(path).graph.node)
    assert kinds["Transpose"] == transposes
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(Runner(path)(x), model(x, training=False), atol=1e-5)


def test_what_onnx_runtime_cannot_run_is_no_file(tmp_path, monkeypatch):
    """As the checker lets it pass: a network that is converted wrongly, of others' making."""
    import onnxruntime

    from tests.deploy.exporting.test_own_networks import tiny

    def refuse(self, *_):
        raise RuntimeError("FAIL: while running\nReorderInput node")

    monkeypatch.setattr(onnxruntime.InferenceSession, "run", refuse)
    with pytest.raises(ValueError, match="it says: FAIL: while running ReorderInput node"):
        export(tiny(3), tmp_path / "net.onnx", "onnx")
    assert not list(tmp_path.iterdir())


def test_maps_that_are_divided_in_two_ways(tmp_path):
    """ONNX Runtime takes the divisions for one where their sizes are not written."""
    from keras import Input, Model, layers

    from kerazoo.layers import GroupedConv2D

    x = Input((32, 32, 3))
    y = layers.Conv2D(16, 3, 4, activation="relu")(x)
    few, many = (GroupedConv2D(16, 3, padding="same", groups=groups)(y) for groups in (2, 8))
    y = layers.GlobalAveragePooling2D()(layers.Add()([few, many]))
    model = Model(x, layers.Dense(3, activation="softmax")(y))
    path = export(model, tmp_path / "net.onnx", "onnx")
    found = [list(node.input[1:]) for node in onnx.load(path).graph.node if node.op_type == "Split"]
    assert len(found) == len(set(map(tuple, found))) == 2
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(Runner(path)(x), model(x, training=False), atol=1e-5)
