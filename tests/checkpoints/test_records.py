"""The registry of checkpoints: complete, consistent, and easy to ask."""

import dataclasses
import json
import re
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

from kerazoo.checkpoints import records
from kerazoo.checkpoints.fetch.integrity import Digest, file_digest, first_mismatch
from kerazoo.checkpoints.records import (
    Checkpoint,
    all_checkpoints,
    checkpoints_for,
    default_checkpoint,
    get_checkpoint,
)
from tests.references import REFERENCES

WIDTHS = {
    "mixnet": ("s", "m", "l", "xl"),
    "mobilenet_v1": ("025", "050", "075", "100", "125"),
    "mobilenet_v2": ("035", "050", "075", "100", "130", "140"),
}
MODELS = [f"{family}_{width}" for family, widths in WIDTHS.items() for width in widths]


@pytest.mark.parametrize("model", MODELS)
def test_every_published_width_has_default_imagenet_weights(model):
    checkpoint = default_checkpoint(model)
    assert checkpoint.model == model
    assert checkpoint.size == (224, 224)
    assert checkpoint.classes == 1000
    assert checkpoint.metrics["top1"] > 40
    assert checkpoint.metrics["source"]


@pytest.mark.parametrize("size", ["s", "m", "l"])
def test_imagenet_means_googles_weights_for_mixnet(size):
    checkpoint = default_checkpoint(f"mixnet_{size}")
    assert checkpoint.id == f"timm/tf_mixnet_{size}.in1k"
    assert (checkpoint.padding, checkpoint.batch_norm_epsilon) == ("same", 1e-3)


def test_conventions_of_the_timm_fine_tunes_differ():
    checkpoint = get_checkpoint("timm/mixnet_m.ft_in1k")
    assert (checkpoint.padding, checkpoint.batch_norm_epsilon) == ("symmetric", 1e-5)
    assert checkpoint.preprocessing.interpolation == "bicubic"


@pytest.mark.parametrize(
    ("size", "expected"),
    [(None, 224), (128, 128), ((160, 160), 160), (100, 224), ((128, 256), 224), (224, 224)],
)
def test_default_follows_the_picture_size(size, expected):
    assert default_checkpoint("mobilenet_v1_025", size=size).size == (expected, expected)


def test_at_most_one_default_for_each_model_data_set_and_size():
    seen = [(c.model, c.dataset, c.size) for c in all_checkpoints() if c.default]
    assert len(seen) == len(set(seen)) > 40


def test_no_default_forbids_commercial_use():
    assert not [c.id for c in all_checkpoints() if c.default and c.non_commercial]
    with pytest.raises(ValueError, match=r"`default` must be False for non-commercial"):
        dataclasses.replace(get_checkpoint("keras/mobilenet_v2_1.0_224"), non_commercial=True)


def test_pins_are_whole_and_only_of_the_file_that_is_fetched():
    for checkpoint in all_checkpoints():
        for digest in checkpoint.integrity:
            # torch.hub's prefix is of the .pth, and says nothing about a .safetensors.
            if digest.kind == "sha256_prefix":
                assert digest.value in checkpoint.filename, checkpoint.id
    xl = get_checkpoint("timm/mixnet_xl.ra_in1k")
    assert xl.revision == "6a8855ac199bcfda7d5516fd4311f318be1a0a11"
    assert [d.value[:8] for d in xl.integrity] == ["30d96fe9"]


def test_a_digest_seen_only_elsewhere_is_no_pin():
    entries = json.loads((REFERENCES / "upstream.json").read_text())["entries"]
    rumours = {
        item["value"] for e in entries for item in e["integrity"] if item.get("seen_in")
    }  # fmt: skip
    pins = {d.value for c in all_checkpoints() for d in c.integrity}
    assert rumours
    assert not rumours & pins


def test_records_are_what_the_tool_makes_of_the_survey(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "tools"))
    import make_records

    monkeypatch.setattr(make_records, "RECORDS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["make_records", str(REFERENCES / "upstream.json")])
    make_records.main()
    committed = resources.files("kerazoo.checkpoints").joinpath("records")
    made = sorted(tmp_path.iterdir())
    assert made
    for file in made:
        assert file.read_text() == committed.joinpath(file.name).read_text(), file.name


def test_unknown_id_names_the_nearest():
    with pytest.raises(ValueError, match=r"Did you mean 'timm/mixnet_m.ft_in1k'"):
        get_checkpoint("timm/mixnet_m.ft_in1")


def test_unknown_data_set_lists_what_the_model_has():
    message = r"Accepted: 'imagenet', .*'timm/tf_mixnet_l.in1k'.*Received: `weights='imagenett'`"
    with pytest.raises(ValueError, match=message):
        default_checkpoint("mixnet_l", "imagenett")


def test_model_without_weights_says_so():
    with pytest.raises(ValueError, match="no pretrained weights for `mixnet_xxs`"):
        default_checkpoint("mixnet_xxs")
    assert checkpoints_for("mixnet_xxs") == ()


def test_defaults_come_first():
    assert checkpoints_for("mixnet_m")[0].default


def test_shared_records_cannot_be_changed():
    checkpoint = get_checkpoint("timm/mixnet_m.ft_in1k")
    with pytest.raises(TypeError):
        checkpoint.metrics["top1"] = 100


def record():
    folder = resources.files("kerazoo.checkpoints").joinpath("records")
    return json.loads(folder.joinpath("mixnet.json").read_text())["checkpoints"][0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lisence": "mit"}, "Unknown `record key`. Did you mean 'licence'"),
        ({"source": "ftp"}, "Unknown `source`"),
        ({"layout": "tim"}, "Unknown `layout`. Did you mean 'timm'"),
        ({"padding": "valid"}, "Unknown `padding`"),
        ({"revision": "abc1234"}, "`revision` must be a full commit"),
        ({"integrity": [{"kind": "sha2", "value": "00"}]}, "Unknown `kind`"),
        ({"integrity": [{"kind": "md5", "value": "XY" * 16}]}, "`value` must be 32 lower-case"),
        ({"integrity": [{"kind": "sha256", "value": "ab"}]}, "`value` must be 64 lower-case"),
        ({"integrity": [{"kind": "sha256_prefix", "value": "ab"}]}, "`value` must be 8 to 64"),
    ],
)
def test_a_wrong_record_is_refused(change, message):
    Checkpoint.from_dict(record())
    with pytest.raises(ValueError, match=message):
        Checkpoint.from_dict({**record(), **change})


def test_missing_key_is_refused():
    incomplete = record()
    del incomplete["licence"]
    with pytest.raises(ValueError, match="a record that says licence"):
        Checkpoint.from_dict(incomplete)


def test_an_id_may_occur_once(monkeypatch, tmp_path):
    (tmp_path / "records").mkdir()
    (tmp_path / "records/twice.json").write_text(json.dumps({"checkpoints": [record()] * 2}))
    monkeypatch.setattr(records.resources, "files", lambda package: tmp_path)
    with pytest.raises(ValueError, match="`id` must be unique"):
        records._registry.__wrapped__()


def test_digests_of_a_known_file(tmp_path):
    path = tmp_path / "hello"
    path.write_bytes(b"hello\n")
    git = Digest("git_blob_sha1", "ce013625030ba8dba906f756967f9e9ca394464a")  # git hash-object
    sha = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
    good = (git, Digest("sha256", sha), Digest("sha256_prefix", sha[:12]))
    assert first_mismatch(path, good) is None
    wrong = Digest("md5", "0" * 32)
    assert first_mismatch(path, (*good, wrong)) is wrong
    assert wrong.of(path) == "b1946ac92492d2347c6235b4d2611184"
    with pytest.raises(ValueError, match=r"Unknown `kind`. Did you mean 'sha256'"):
        file_digest(path, "sha265")


def test_listing_imports_neither_keras_nor_tensorflow():
    code = (
        "import sys; from kerazoo.checkpoints.records import all_checkpoints; all_checkpoints();"
        "print([m for m in ('keras', 'tensorflow', 'huggingface_hub') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\[\]\s*", done.stdout)
