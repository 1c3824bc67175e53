"""`kerazoo info` of files: what they could be of, and what is refused."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from kerazoo.cli import main
from kerazoo.recognition import check_size, describe_file
from tests import ROOT
from tests.weights_files import folded_mobilenet


@pytest.fixture(scope="module")
def mobilenet(tmp_path_factory):
    """A file with the weights of MobileNetV1 0.25, which says nothing of itself."""
    return folded_mobilenet(tmp_path_factory.mktemp("weights") / "w.weights.h5")


@pytest.fixture(scope="module")
def lone(tmp_path_factory):
    """Our own weights for ten classes in a file without the `config.json` beside it."""
    folder = tmp_path_factory.mktemp("lone")
    source = ROOT / "weights/mixnet_s_cifar10/model.safetensors"
    (folder / source.name).write_bytes(source.read_bytes())
    return folder / source.name


def test_a_file_says_what_it_could_be(capsys, mobilenet):
    assert main(["info", str(mobilenet)]) == 0
    out = capsys.readouterr().out
    assert "could be  mobilenet_v1_025" in out
    assert "names     keras" in out


def test_with_other_classes_too(lone):
    assert describe_file(lone)["could_be"] == ["mixnet_s"]
    check_size(lone, "mixnet_s")


def test_without_a_classifier(tmp_path):
    check_size(_tensors(tmp_path, 4231976 - 1025 * 1000), "mobilenet_v1")
    with pytest.raises(ValueError, match="4,231,976 parameters"):
        check_size(_tensors(tmp_path, 4231976 - 1025 * 1000 - 1), "mobilenet_v1")


def _tensors(folder, count):
    path = folder / f"{count}.safetensors"
    save_file({"stem_conv/kernel": np.zeros((1, 1, 1, count), "float16")}, path)
    return path


def test_like_names_the_network(capsys, mobilenet):
    assert main(["info", str(mobilenet), "--like", "keras/mobilenet_v1_0.25_128"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["model", "mobilenet_v1_025"]
    assert "size=128, 128" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("mixnet_s --like timm/tf_mixnet_s.in1k", "`like` must be left out: it is for weights in"),
        ("timm/tf_mixnet_s.in1k --like a", "`like` must be left out: timm/tf_mixnet_s.in1k says"),
        ("timm/tf_mixnet_s.in1k --weights a", "`weights` must be left out"),
        ("mobilenet_v1_050 --weights {file}", "it has the size of mobilenet_v1_025"),
        ("mixnet_s --weights {folder}", "must be a folder with model.safetensors and config.json"),
        ("mixnet_s --weights {folder}", "of a file alone, {folder}/model.safetensors, its path"),
        ("mixnet_s --weights {folder}", "`weights={folder!r}`"),
    ],
)
def test_refusals(capsys, mobilenet, lone, words, message):
    names = {"file": mobilenet, "folder": str(lone.parent)}
    arguments = [word.format(**names) for word in words.split()]
    assert main(["info", *arguments]) == 2
    assert message.format(**names) in capsys.readouterr().err


def test_no_name_is_not_the_folder_one_is_in(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["info", ""])
    assert stop.value.code == 2
    assert "argument MODEL" in capsys.readouterr().err
