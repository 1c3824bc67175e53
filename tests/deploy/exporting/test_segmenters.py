"""Segmenters as other runtimes run them, and fused: the same logits, the same masks."""

from functools import cache

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.deploy import Runner, export
from kerazoo.deploy.exporting import FORMATS, read_record
from kerazoo.deploy.fusion.fuse import fuse
from kerazoo.predictor import Predictor
from kerazoo.preprocessing import Preprocessing
from tests.tiny import DEEP, registered

RECORD = Preprocessing((48, 64), fit="stretch", interpolation="bilinear")
NAMES = ("sky", "sea", "land")
RNG = np.random.default_rng(4)
MODELS = {
    "espnetv2_seg_s_0_5": {},
    "lraspp": {"backbone": DEEP, "width": 8},
    "deeplabv3": {
        "backbone": DEEP, "width": 8, "atrous_rates": [2], "form": "tensorflow", "auxiliary": True,
    },
}  # fmt: skip


def shaken(id):
    """Weights at random: no branch is empty, no batch norm the identity."""
    with registered():
        model = kerazoo.create_model(
            id, weights=None, classes=3, input_shape=(48, 64, 3), **MODELS[id]
        )
    rng = np.random.default_rng(1)
    for variable in model.variables:
        value = np.asarray(variable)
        if value.dtype.kind == "f" and "variance" not in variable.path:
            variable.assign(value + 0.1 * rng.normal(size=value.shape) * (np.abs(value).mean() + 1))
    return model


@pytest.fixture(scope="module")
def networks():
    @cache
    def network(id):
        keras.utils.set_random_seed(0)
        return shaken(id)

    return network


def logits(outputs):
    return np.asarray(outputs["logits"] if isinstance(outputs, dict) else outputs)


@pytest.mark.parametrize("id", MODELS)
def test_fused_it_is_the_same(networks, id):
    model = networks(id)
    x = RNG.normal(size=(1, 48, 64, 3)).astype("float32")
    expected = logits(model(x))
    for target in ("tensorflow", "litert"):
        fused = fuse(model, target)
        found = logits(fused(x))
        assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
    left = [n for layer in fused.layers if "batchnorm" in (n := type(layer).__name__.lower())]
    assert len(left) < 0.5 * sum("_bn" in layer.name for layer in model.layers)


@pytest.mark.parametrize(
    ("id", "name"),
    [
        *(("espnetv2_seg_s_0_5", name) for name in ("savedmodel", "litert", "onnx", "openvino")),
        *(("deeplabv3", name) for name in ("savedmodel", "litert", "onnx", "openvino")),
    ],
)
def test_every_runtime_finds_the_same_masks(networks, id, name, tmp_path):
    for module in {"onnx": ("onnxruntime", "tf2onnx"), "openvino": ("openvino",)}.get(name, ()):
        pytest.importorskip(module)
    model = networks(id)
    path = export(
        model,
        tmp_path / f"network{FORMATS[name].suffix}",
        name,
        preprocessing=RECORD,
        labels=NAMES,
    )
    record = read_record(path if name != "savedmodel" else next(path.iterdir()))
    runner = Runner(path)
    picture = RNG.integers(0, 255, (37, 81, 3)).astype("uint8")
    expected = Predictor.of_model(model, preprocessing=RECORD, labels=NAMES).predict([picture])[0]
    found, again = runner.predict([picture, picture[:, ::-1]])  # in one batch
    assert found.mask.shape == (37, 81)
    assert (again.mask == runner.predict([picture[:, ::-1]])[0].mask).mean() >= 0.999
    assert found.names == NAMES
    assert (found.mask == expected.mask).mean() >= 0.999
    if record is not None:
        assert (record.task, record.outputs) == ("segmentation", {"logits": "logits"})
