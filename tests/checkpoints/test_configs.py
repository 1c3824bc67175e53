"""Configurations of strangers: values of any kind, and sizes that no machine has."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from kerazoo.checkpoints.hub_config import resolve_folder
from kerazoo.checkpoints.timm_config import describe_timm
from kerazoo.checkpoints.weights import described
from kerazoo.preprocessing import Preprocessing

OURS = {
    "library": "kerazoo",
    "architecture": "mixnet_s",
    "arguments": {"classes": 2},
    "preprocessing": {"size": [32, 32]},
    "classes": 2,
    "labels": ["a", "b"],
}
ODD = [None, True, 0, -1, 2.5, float("nan"), float("inf"), "", "x", "1", [], [1], [None], {}]
ODD += [{"a": 1}, [[1]], 10**30, {"size": "x"}, {"mean": ["a", "b", "c"]}, {"no": 1}]


@pytest.fixture
def folder(tmp_path):
    save_file({"x": np.ones(2, "f4")}, tmp_path / "model.safetensors")

    def write(text):
        (tmp_path / "config.json").write_text(text if isinstance(text, str) else json.dumps(text))
        return tmp_path

    return write


def test_the_whole_one_is_read(folder):
    found = resolve_folder(folder(OURS))
    assert (found.model, found.classes, found.labels) == ("mixnet_s", 2, ("a", "b"))
    assert found.preprocessing.size == (32, 32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": 3}, "'architecture' must be text, not 3"),
        ({"arguments": [1]}, "'arguments' must be an object, "),
        ({"arguments": {"classifier_activation": 1}}, "classifier_activation a name or null"),
        ({"arguments": {"classes": 10**9}}, "its classes a positive integer"),
        ({"preprocessing": "x"}, "'preprocessing' must be an object or null, not 'x'"),
        ({"preprocessing": {"size": [10**6, 10**6]}}, "`size` must be of fewer pixels: at most 16"),
        ({"preprocessing": {"crop_fraction": 1e-6}}, "`crop_fraction` must be larger"),
        (
            {"preprocessing": {"crop_fraction": "x"}},
            "`crop_fraction` must be a number above 0 and at most 1",
        ),
        ({"preprocessing": {"mean": ["a"] * 3}}, "`mean` must be three numbers"),
        ({"classes": 10**9}, r"'classes' must be a positive integer or null \(KERAZOO_MAX_CLASSES"),
        ({"classes": "2"}, "'classes' must be a positive integer"),
        ({"classes": True}, "'classes' must be a positive integer"),
        ({"labels": 5}, "'labels' must be a list of names"),
        ({"labels": ["a", 1]}, "'labels' must be a list of names"),
        ({"labels": ["a"]}, "2 classes, 1 labels"),
        ({"licence": ["mit"]}, "'licence' must be text or null"),
    ],
)
def test_values_of_wrong_types_are_named(folder, change, message):
    path = folder({**OURS, **change})
    with pytest.raises(ValueError, match=message) as error:
        resolve_folder(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "\x00", '{"a": ' + "1" * 5000 + "}", "[]"])
def test_what_is_no_configuration(folder, text):
    with pytest.raises(ValueError, match=r"config\.json") as error:
        resolve_folder(folder(text))
    assert len(str(error.value)) < 500


def test_a_configuration_has_an_end(folder, monkeypatch):
    monkeypatch.setenv("KERAZOO_MAX_CONFIG_BYTES", "100")
    with pytest.raises(ValueError, match="too large; at most 100 are taken"):
        resolve_folder(folder({**OURS, "more": "x" * 100}))


def test_any_value_anywhere_is_read_or_refused_by_name():
    """Ours and timm's: each key, and each key within, with values of every kind."""
    record = {"input_size": [3, 32, 32], "crop_pct": 0.9, "mean": [0.5] * 3, "std": [0.5] * 3}
    record["interpolation"] = "bicubic"
    timm = {"architecture": "tf_x", "num_classes": 2, "label_names": ["a", "b"]}
    timm["pretrained_cfg"] = record
    refused = 0
    for config, read in (
        (OURS, lambda c: described("who", dict, c)),
        (timm, lambda c: describe_timm(c, "who")),
    ):
        places = [(key, None) for key in config if not (config is timm and "arch" in key)]
        places += [(k, i) for k, v in config.items() if isinstance(v, dict) for i in v]
        for key, inner in places:
            for odd in ODD:
                changed = {**config, key: odd if inner is None else {**config[key], inner: odd}}
                if config is timm and not isinstance(changed["pretrained_cfg"], dict):
                    continue  # not timm's, then
                complaint = complaint_of(read, changed)
                assert complaint is None or "who" in complaint
                refused += complaint is not None
    assert refused > 150


def complaint_of(read, config):
    try:
        read(config)
    except ValueError as error:
        return str(error)


def test_what_a_user_asks_for_has_the_same_bounds(monkeypatch):
    with pytest.raises(ValueError, match=r"`size` must be of fewer pixels.*_MAX_INPUT_PIXELS"):
        Preprocessing().with_size(1_000_000)
    monkeypatch.setenv("KERAZOO_MAX_INPUT_PIXELS", "4000000000000")
    monkeypatch.setenv("KERAZOO_MAX_PIXELS", "4000000000000")
    assert Preprocessing().with_size(1_000_000).size == (1_000_000, 1_000_000)
