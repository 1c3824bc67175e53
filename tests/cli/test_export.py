"""`kerazoo export`: what its output is called, and what it says of it at the end."""

import argparse

import pytest

from kerazoo import registry
from kerazoo.cli import main
from kerazoo.cli.export import _default_output
from tests.pictures import photograph
from tests.test_docs import small_networks


@pytest.mark.parametrize(
    ("model", "precision", "suffix", "name"),
    [
        ("mixnet_s", "float32", ".tflite", "mixnet_s.tflite"),
        ("mixnet_s", "float32", "", "mixnet_s_savedmodel"),  # not the name of the model
        ("runs/pets", "int8", ".xml", "pets_int8.xml"),
        ("a/m.h5", "float32", ".tflite", "m.tflite"),
        ("m.weights.h5", "float32", ".onnx", "m.onnx"),
        ("m.keras", "float32", ".keras", "m_exported.keras"),
        ("m.KERAS", "float16", ".tflite", "m_float16.tflite"),
        ("timm/tf_mixnet_m.in1k", "float32", ".onnx", "tf_mixnet_m.in1k.onnx"),
    ],
)
def test_default_names(model, precision, suffix, name):
    assert _default_output(argparse.Namespace(model=model, precision=precision), suffix) == name


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A folder with `page.keras`, a small network of ours, and `cat.jpg`."""
    folder = tmp_path_factory.mktemp("network")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(registry, "_outside", {})
        small_networks()
        photograph("chelsea.png").save("cat.jpg")
        yield folder
    registry._listed.cache_clear()


def test_it_ends_with_file_size_and_agreement(network, capsys):
    words = ["export", "page.keras", "--format", "litert", "--precision", "int8", "--force"]
    assert main([*words, "--representative", "cat.jpg", "--compare", "cat.jpg"]) == 0
    out, err = capsys.readouterr()
    path, summary = out.splitlines()
    assert path == "page_int8.tflite"
    assert summary.startswith("0.0")
    assert " MB; outputs within 0.0" in summary
    assert summary.endswith("of the original's on 1 picture, the same class first on 1")
    (line,) = err.splitlines()  # the converter says nothing
    assert line.startswith("kerazoo: int8 ranges are found with 1 of 32 or more pictures")


def test_it_need_not_be_compared(network, capsys, monkeypatch):
    words = ["export", "page.keras", "--format", "keras", "--force", "--output", "out.keras"]
    assert main([*words, "--no-compare"]) == 0
    assert capsys.readouterr().out.splitlines()[1].endswith(" MB")
    monkeypatch.setattr("kerazoo._photographs.photographs", list)
    assert main(words) == 0
    assert 'pip install "kerazoo[demo]" for some' in capsys.readouterr().out
    monkeypatch.setattr("kerazoo.cli.export.is_installed", lambda module: False)
    words[3] = "litert"
    assert main([*words[:-1], "out.tflite", "--compare", "cat.jpg"]) == 0
    assert (
        'not compared with the original: pip install "kerazoo[litert]"' in capsys.readouterr().out
    )


def test_pictures_that_are_not_there_cost_no_model(network, capsys):
    assert main(["export", "page.keras", "--format", "keras", "--compare", "no.jpg"]) == 2
    assert "no.jpg" in capsys.readouterr().err
