"""Notebooks and their texts are in step, and the outputs are those of a whole run."""

import json
import re
from pathlib import Path

import pytest

from tests import ROOT

TEXTS = sorted((ROOT / "notebooks").glob("*.py"))
IDS = [text.stem for text in TEXTS]


def read(path):
    return pytest.importorskip("jupytext").read(path)


def cells(notebook):
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def test_there_are_five():
    assert [
        *("detect_and_train", "finetune_cifar10", "finetune_pets", "mixconv_explained"),
        "segment_pets",
    ] == IDS


@pytest.mark.parametrize("text", TEXTS, ids=IDS)
def test_text_and_notebook_are_in_step(text):
    hint = f"run `python tools/notebooks.py {text.stem}`"
    assert cells(read(text)) == cells(read(text.with_suffix(".ipynb"))), hint


@pytest.mark.parametrize("text", TEXTS, ids=IDS)
def test_outputs_are_whole_and_of_no_machine(text):
    path = text.with_suffix(".ipynb")
    assert path.stat().st_size < 1_000_000
    code = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert not [each for each in outputs if each.output_type == "error"]
    pictures = [each for each in outputs if "image/png" in each.get("data", {})]
    assert len(pictures) >= 4, "they read well with pictures"
    shown = re.sub(r'"image/png": "[^"]*"', "", json.dumps(outputs))
    assert not re.findall(r"(?<![\w.~])/(?:home|root|tmp|usr|Users|work)/\S*|site-packages", shown)


def test_tool_refuses_what_is_of_this_machine(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import notebooks

    def notebook(text):
        return json.dumps({"cells": [{"cell_type": "code", "outputs": [{"text": text}]}]})

    notebooks.check(notebook("2 of 3"), "good")
    with pytest.raises(SystemExit, match="bad: an output names"):
        notebooks.check(notebook(f"{Path.home()}/pictures"), "bad")
    with pytest.raises(SystemExit, match=r"large: 1,0.* bytes, 1,000,000 at most"):
        notebooks.check(notebook("x" * 1_000_000), "large")


def test_mixconv_explained_runs(monkeypatch, capsys):
    """The cheap one, without a kernel: what the cells print is what the notebook shows."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    drawn = []

    def show():
        drawn.extend(plt.get_fignums())
        plt.close("all")

    monkeypatch.setattr(plt, "show", show)
    notebook = read(ROOT / "notebooks/mixconv_explained.ipynb")
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    namespace = {}
    for number, cell in enumerate(code):
        exec(compile(cell.source, f"cell {number}", "exec"), namespace)
    stored = [output for cell in code for output in cell.outputs]
    assert len(drawn) == sum("image/png" in each.get("data", {}) for each in stored)
    printed = capsys.readouterr().out
    for line in ("MixConv2D and the layers of Keras agree: True", "mixed kernels are idle: 47 %"):
        assert line in printed
        assert line in "".join(each.get("text", "") for each in stored)
    # stage6_block3: 2x2 maps, of which kernels of any size meet pixels with 3x3 weights.
    assert re.search(r"stage6_block3 +49,200 38,400 ", printed)
