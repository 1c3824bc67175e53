"""The scripts of docs/exports.md run as they are printed, without kerazoo, and agree with it."""

import os
import re
import runpy
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from kerazoo import Preprocessing, open_picture
from kerazoo.deploy import Runner, export
from kerazoo.deploy.exporting import FORMATS
from tests import ROOT
from tests.deploy.exporting.test_export import RECORD
from tests.deploy.exporting.test_own_networks import tiny
from tests.pictures import photograph
from tests.processes import run_python

pytest.importorskip("openvino")
pytest.importorskip("onnxruntime")
pytest.importorskip("ai_edge_litert")

SCRIPTS = dict(
    re.findall(
        r"```python\n# (\w+\.py)\n(.*?)```", (ROOT / "docs/exports.md").read_text(), re.DOTALL
    )
)
NAMES = ("cat", "dog", "cup", "car", "né")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The scripts, a photograph, and a module that keeps kerazoo away."""
    folder = tmp_path_factory.mktemp("scripts")
    for name, text in SCRIPTS.items():
        (folder / name).write_text(text)
    (folder / "kerazoo.py").write_text("raise ImportError('there is no kerazoo here')\n")
    photograph("coffee.png").save(folder / "coffee.png")
    return folder


def test_there_is_one_for_each_format():
    own = {"prepare.py", "litert_run.py", "onnx_run.py", "openvino_run.py", "savedmodel_run.py"}
    assert set(SCRIPTS) == own


def test_sixteen_bits_are_read_as_kerazoo_reads_them(folder):
    levels = np.linspace(0, 65535, 40 * 50).reshape(40, 50).astype("uint16")
    Image.fromarray(levels).save(folder / "deep.png")
    prepare = runpy.run_path(str(folder / "prepare.py"))["prepare"]
    record = Preprocessing.from_dict({**RECORD.to_dict(), "size": [32, 32]})
    theirs = prepare(folder / "deep.png", record.to_dict())[0]
    ours = record.from_pil(open_picture(folder / "deep.png"))
    np.testing.assert_allclose(theirs, ours, atol=2 / 255 / min(record.std))


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        ("litert", "float32"),
        ("litert", "int8"),
        ("onnx", "float32"),
        ("openvino", "float32"),
        ("savedmodel", "float32"),
    ],
)
def test_it_names_what_kerazoo_names(name, precision, folder, tmp_path):
    facts = {"preprocessing": RECORD, "labels": NAMES, "precision": precision}
    if precision == "int8":
        facts["representative"] = [folder / "coffee.png"]
    path = export(tiny(5), tmp_path / f"net{FORMATS[name].suffix}", name, **facts)
    (found,) = Runner(path).predict([folder / "coffee.png"], top=3)
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONIOENCODING": "utf-8"}
    if name == "savedmodel":  # it imports TensorFlow, which takes longer than all the rest
        code = "import runpy\nrunpy.run_path('savedmodel_run.py', run_name='__main__')"
        done = run_python(code, path, "coffee.png", cwd=folder, env=environment)
    else:
        done = subprocess.run(
            [sys.executable, f"{name}_run.py", str(path), "coffee.png"],
            capture_output=True, text=True, check=False, cwd=folder, env=environment,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()[:3]]
    assert [label for _, label in lines] == [each.name for each in found]
    for (score, _), each in zip(lines, found, strict=True):
        assert float(score) == pytest.approx(each.score, abs=0.03)
