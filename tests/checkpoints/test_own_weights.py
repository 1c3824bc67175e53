"""The checkpoints that kerazoo trained do what their records say."""

import json
from pathlib import Path

import numpy as np
import pytest

import kerazoo
from kerazoo.checkpoints.fetch.checkpoint import fetch
from kerazoo.checkpoints.fetch.integrity import file_digest
from kerazoo.checkpoints.records import all_checkpoints
from kerazoo.publish.folder import folder_files
from tests import ROOT

OWN = [c for c in all_checkpoints() if c.id.startswith("kerazoo/")]


def file_of(checkpoint) -> Path:
    """In the package, or what `kerazoo push` is to publish."""
    if checkpoint.source == "package":
        return fetch(checkpoint)
    path = ROOT / "weights" / checkpoint.id.partition("/")[2] / checkpoint.filename
    assert [file_digest(path, "sha256")] == [d.value for d in checkpoint.integrity]
    return path


def test_mixnet_s_is_there():
    model = kerazoo.MixNetS(weights="cifar10")
    assert model.input_shape == (None, 32, 32, 3)
    assert model.output_shape == (None, 10)
    assert model.info.labels == "cifar10"
    assert model.info.checkpoint in {c.id for c in OWN}


def result_of(checkpoint, split: str, data_dir: Path):
    from kerazoo.evaluation import evaluate

    model = kerazoo.create_model(
        checkpoint.model,
        weights=str(file_of(checkpoint)),
        classes=10,
        input_shape=(32, 32, 3),
        **checkpoint.arguments,
    )
    data = {"data_dir": data_dir, "batch_size": 100, "preprocessing": checkpoint.preprocessing}
    return evaluate(model, checkpoint.dataset, split, **data)


@pytest.mark.parametrize("checkpoint", OWN, ids=lambda c: c.id)
def test_a_few_pictures(shared, checkpoint):
    result = result_of(checkpoint, "test[:200]", shared / "tfds")
    # Three standard errors of 200 pictures. Another normalisation costs more.
    assert result.top1 > checkpoint.metrics["top1"] - 7


@pytest.mark.parametrize("checkpoint", OWN, ids=lambda c: c.id)
def test_accuracy_on_the_whole_test_split(shared, checkpoint):
    result = result_of(checkpoint, "test", shared / "tfds")
    print(f"{checkpoint.id}: top-1 {result.top1:.2f} %")
    assert result.count == 10_000
    # Convolution kernels of another processor may turn a handful of near ties.
    assert result.top1 == pytest.approx(checkpoint.metrics["top1"], abs=0.1)


@pytest.mark.parametrize("checkpoint", OWN, ids=lambda c: c.id)
def test_file_and_papers(checkpoint):
    path = file_of(checkpoint)
    # The wheel stays small; the Hub's files may be twice that.
    assert path.stat().st_size <= (6e6 if checkpoint.source == "package" else 12e6)
    from safetensors.numpy import load_file

    tensors = load_file(path)
    assert {a.dtype for a in tensors.values()} == {np.dtype("float16")}
    run = ROOT / "weights" / checkpoint.id.partition("/")[2]
    last = max(run.glob("run*"))
    for each in run.glob("run*"):
        assert all((each / name).stat().st_size for name in ("command.txt", "result.json"))
    assert len((run / "run1/log.csv").read_text().splitlines()) > 10
    assert (run / "curves.png").read_bytes()[:4] == b"\x89PNG"
    assert f"{checkpoint.metrics['top1'] / 100:g}"[:5] in (run / "README.md").read_text()
    recipe = json.loads((last / "recipe.json").read_text())
    made = kerazoo.registry.get_entry(recipe["model"])
    assert checkpoint.model in (made.id, made.weights_of)
    if checkpoint.source == "hub":
        name = path.parent.name
        assert (run / "push.txt").read_text() == f"kerazoo push weights/{name} kerazoo/{name}\n"
        assert set(folder_files(run, f"kerazoo/{name}")) >= {"model.safetensors", "config.json"}


@pytest.mark.parametrize("checkpoint", OWN, ids=lambda c: c.id)
def test_the_table_of_the_documents(checkpoint):
    page = (ROOT / "docs/training.md").read_text("utf-8")
    name = checkpoint.id.partition("/")[2]
    (row,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` ")]
    cells = [cell.strip() for cell in row.split("|")]
    assert f"{checkpoint.metrics['top1']:.2f} %" in cells
    assert f"`{checkpoint.model}`" in cells
