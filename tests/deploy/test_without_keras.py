"""`kerazoo predict FILE` of what was exported needs the file's own runtime alone."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

import kerazoo
from kerazoo.deploy import export
from tests import ROOT
from tests.tiny import DEEP, NAME

for module in ("openvino", "onnxruntime", "ai_edge_litert", "tf2onnx"):
    pytest.importorskip(module)

NAMES = ("ash", "beech", "cedar")
RECORD = kerazoo.Preprocessing(size=(32, 32), fit="stretch")
CODE = """
import contextlib, io, json, sys
for name in ("keras", "tensorflow", "jax", "torch"):
    sys.modules[name] = None  # importing it raises
from kerazoo.cli import main
found = {}
for path in sys.argv[2:]:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        status = main(["predict", path, sys.argv[1], "--json"])
    assert status == 0, path
    found[path] = json.loads(out.getvalue())[0]["predictions"]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def networks(tiny_net):
    """A network for each task."""
    keras.utils.set_random_seed(3)
    shape = {"weights": None, "input_shape": (32, 32, 3)}
    head = {"width": 8, "low_feature": "stride_2"}
    return {
        "classes": kerazoo.create_model(NAME, classes=3, **shape),
        "boxes": kerazoo.create_model("ssdlite", backbone=DEEP, classes=2, **shape),
        "masks": kerazoo.create_model("lraspp", backbone=NAME, classes=2, **head, **shape),
    }


def test_no_framework_is_imported(networks, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype("uint8")
    Image.fromarray(pixels).save(tmp_path / "a.png")
    files = {"classes.tflite": "litert", "classes.onnx": "onnx", "classes.xml": "openvino"}
    files |= {"boxes.onnx": "onnx", "masks.onnx": "onnx"}
    paths = []
    for name, form in files.items():
        network = networks[name.partition(".")[0]]
        labels = NAMES if name.startswith("classes") else NAMES[:2]
        how = {"preprocessing": RECORD, "labels": labels}
        paths.append(export(network, tmp_path / name, form, **how))
    # A process of its own: here all of it is imported.
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path / "a.png"), *map(str, paths)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    how = {"preprocessing": RECORD, "labels": NAMES}
    ours = kerazoo.predict(networks["classes"], tmp_path / "a.png", **how)
    for path in paths[:3]:
        assert [each["index"] for each in found[str(path)]] == [each.index for each in ours]
        assert found[str(path)][0]["score"] == pytest.approx(ours[0].score, abs=1e-4)
    assert sum(each["share"] for each in found[str(paths[4])]) == pytest.approx(1, abs=0.01)
