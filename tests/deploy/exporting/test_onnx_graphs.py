"""What tf2onnx leaves of channels last: ONNX Runtime computes with channels first."""

import logging
from collections import Counter

import numpy as np
import pytest

import kerazoo
from kerazoo.deploy import Runner, export

onnx = pytest.importorskip("onnx")
pytest.importorskip("tf2onnx")
pytest.importorskip("onnxruntime")


@pytest.mark.parametrize(
    ("name", "transposes"),
    [
        ("mobilenet_v3_small", 1),  # of the picture
        ("shufflenet_v2_x0_5", 17),  # 16 shuffles
    ],
)
def test_transposes_are_of_pictures_and_shuffles(name, transposes, tmp_path, caplog, capfd):
    arguments = {"weights": None, "input_shape": (32, 32, 3), "classes": 5}
    model = kerazoo.create_model(name, **arguments)
    caplog.set_level(logging.WARNING)
    preprocessing = kerazoo.Preprocessing(size=(32, 32))
    path = export(model, tmp_path / "a.onnx", "onnx", preprocessing=preprocessing)
    assert not caplog.records
    assert "Traceback" not in "".join(capfd.readouterr())
    kinds = Counter(node.op_type for node in onnx.load(path).graph.node)
    assert kinds["Transpose"] == transposes
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(Runner(path)(x), model(x, training=False), atol=1e-5)
