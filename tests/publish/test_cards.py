"""What a card says can be followed: its snippets run, its links lead somewhere."""

import re

import numpy as np
import pytest
from PIL import Image

import kerazoo
from kerazoo.publish.hub import hub_files
from tests import ROOT

SMALL = {"weights": None, "input_shape": (32, 32, 3), "classes": 2}


@pytest.fixture(scope="module")
def model():
    return kerazoo.create_model("mobilenet_v1_025", **SMALL)


def card_of(model, **facts):
    return hub_files(model, "user/x", licence="mit", **facts)["README.md"].decode()


def snippets(card):
    return re.findall(r"```python\n(.*?)```", card, re.DOTALL)


@pytest.mark.parametrize("known", [True, False])
def test_snippets_run(model, known, tmp_path, monkeypatch, capsys):
    if known:
        from dataclasses import replace

        preprocessing = kerazoo.Preprocessing((32, 32))
        model = kerazoo.create_model("mobilenet_v1_025", **SMALL)
        model.info = replace(model.info, preprocessing=preprocessing)
    files = hub_files(model, "user/x", licence="mit", labels=["cat", "dog"])
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    Image.fromarray(np.zeros((40, 50, 3), "uint8")).save(tmp_path / "cat.jpg")
    monkeypatch.chdir(tmp_path)
    found = snippets(files["README.md"].decode())
    assert len(found) == 2 + known
    names = {}
    for code in found:
        exec(code.replace("hf://user/x", str(tmp_path)), names)
    assert names["scores"].shape == (2, 2)
    assert capsys.readouterr().out.count("dog") == 2 + known


def test_a_folder_of_ones_own_is_no_data_set_of_the_hub(model):
    header = card_of(model, dataset="pets", metrics={"accuracy": 0.9}).split("---")[1]
    assert "datasets:" not in header
    assert "type: custom" in header
    assert "name: pets" in header
    header = card_of(model, dataset="user/pets", metrics={"accuracy": 0.9}).split("---")[1]
    assert "datasets:\n- user/pets" in header
    assert "type: user/pets" in header


def test_no_link_leads_nowhere(model):
    cards = [card_of(model), *(p.read_text("utf-8") for p in ROOT.glob("weights/*/README.md"))]
    assert len(cards) >= 5
    for card in cards:
        assert re.findall(r"\]\(https?://[^)]*\)", card) == []
    for path in ROOT.glob("weights/*/README.md"):
        for target in re.findall(r"\]\(([^)]+)\)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), target
