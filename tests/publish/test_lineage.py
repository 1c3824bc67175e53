"""Where weights come from travels with them: run.json, config.json, card, exported file."""

import json
import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

import kerazoo
from kerazoo.checkpoints import records
from kerazoo.checkpoints.hub_config import CARD, CONFIG, WEIGHTS
from kerazoo.checkpoints.lineage import UNKNOWN, origins
from kerazoo.checkpoints.resolve import resolve
from kerazoo.checkpoints.weights import described
from kerazoo.data.arrays import array_source
from kerazoo.deploy.exporting.record import describe
from kerazoo.publish.hub import hub_files
from kerazoo.training.recipe import Recipe
from kerazoo.training.run import train
from kerazoo.training.trained import load_trained
from tests.tiny import NAME

pytestmark = pytest.mark.usefixtures("tiny_net")
CLASSES = ["dark", "bright"]
RECIPE = {"model": NAME, "epochs": 1, "batch_size": 4, "preprocessing": {"size": 32}}
RECIPE["optimizer"] = {"warmup_epochs": 0}
EXPORTED = {"format": "litert", "precision": "float32", "target": None}
EMBEDDED = (
    Path(kerazoo.__file__).parent / "checkpoints/embedded/mobilenet_v2_1.0_224_quant.safetensors"
)


def trained(folder, **changes):
    pictures = np.zeros((4, 32, 32, 3), "uint8")
    pictures[2:] = 200
    labels = np.array([0, 0, 1, 1])
    sources = {
        name: array_source(pictures, labels, CLASSES, name="lamps") for name in ("train", "test")
    }
    train(Recipe.from_dict({**RECIPE, **changes}), folder, sources=sources, progress=False)
    return json.loads((folder / "run.json").read_text())["lineage"]


def digest(path):
    return sha256(Path(path).read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def repository(tiny_net, tmp_path_factory):
    """A folder as somebody published it."""
    folder = tmp_path_factory.mktemp("start") / "lamps"
    folder.mkdir()
    model = kerazoo.create_model(NAME, weights=None, input_shape=(32, 32, 3), classes=2)
    files = hub_files(
        model, "them/lamps", licence="cc-by-nc-4.0", dataset="streets", labels=CLASSES
    )
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def runs(repository, tmp_path_factory):
    """Two runs, the second from a file that the first left, and what their records say."""
    root = tmp_path_factory.mktemp("runs")
    first = trained(root / "first", weights=str(repository / WEIGHTS))
    second = trained(root / "second", weights=str(root / "first/best.weights.h5"))
    return root, first, second


def test_a_run_says_where_it_began(runs, repository):
    root, first, second = runs
    published = {
        "weights": "lamps/model.safetensors",
        "sha256": digest(repository / WEIGHTS),
        "licence": "cc-by-nc-4.0",
        "dataset": "streets",
        "part": "network",
    }
    assert first == [published]
    own = {
        "weights": "first/best.weights.h5",
        "sha256": digest(root / "first/best.weights.h5"),
        "licence": "cc-by-nc-4.0",  # nobody stated another
        "dataset": "lamps",
        "part": "network",
    }
    assert second == [own, published]
    assert str(root) not in json.dumps([first, second])


def test_what_is_made_of_it_says_so_too(runs, repository):
    root, _, second = runs
    model = load_trained(root / "second")
    files = hub_files(model, "me/lamps")
    config = json.loads(files[CONFIG])
    assert config["licence"] == "cc-by-nc-4.0"
    assert [each["weights"] for each in config["lineage"]] == [
        "second/model.weights.h5", "first/best.weights.h5", "lamps/model.safetensors"
    ]  # fmt: skip
    assert config["lineage"][1:] == second
    card = files[CARD].decode()
    assert "license: cc-by-nc-4.0" in card
    sum_of_it = digest(repository / WEIGHTS)
    assert f"| `lamps/model.safetensors` | streets | cc-by-nc-4.0 | `{sum_of_it}` |" in card
    assert "not recorded" not in card
    assert describe(model, None, None, **EXPORTED).licence == "cc-by-nc-4.0"
    stored = root / "stored.keras"
    model.save(stored)
    assert resolve(stored, None).lineage == model.info.lineage
    assert resolve(stored, None).licence == "cc-by-nc-4.0"


def test_a_file_of_which_nobody_knows_the_licence(repository, tmp_path):
    shutil.copyfile(repository / WEIGHTS, tmp_path / "found.safetensors")
    (origin,) = trained(tmp_path / "run", weights=str(tmp_path / "found.safetensors"))
    assert (origin["weights"], origin["licence"]) == ("found.safetensors", UNKNOWN)
    model = load_trained(tmp_path / "run")
    with pytest.raises(ValueError, match="`licence` must be the id of a licence"):
        hub_files(model, "me/lamps")
    card = hub_files(model, "me/lamps", licence="mit")[CARD].decode()
    assert "| `found.safetensors` | – | not recorded |" in card
    assert "licence `run/model.weights.h5` and `found.safetensors` may be passed on was not" in card
    assert describe(model, None, None, **EXPORTED).licence is None


def test_of_a_trunk_it_says_that_it_was_the_trunk(runs, tmp_path):
    root, first, _ = runs
    found = trained(tmp_path / "run", transfer={"trunk": str(root / "first")})
    assert [each["part"] for each in found] == ["trunk", "network"]
    assert found[1:] == first
    card = hub_files(load_trained(tmp_path / "run"), "me/lamps")[CARD].decode()
    assert "| `first/model.weights.h5`, the trunk alone | lamps | cc-by-nc-4.0 |" in card


def test_a_copy_of_a_registered_file_is_known_by_its_digest(tmp_path):
    copy = tmp_path / "renamed.safetensors"
    shutil.copyfile(EMBEDDED, copy)
    id = "tensorflow/mobilenet_v2_1.0_224_quant"
    (found,) = origins(resolve(copy, "mobilenet_v2_100"), digest(copy))
    known = records.get_checkpoint(id)
    assert (found.weights, found.licence, found.dataset) == (id, known.licence, "imagenet")
    (unread,) = origins(resolve(copy, "mobilenet_v2_100"))
    assert (unread.weights, unread.licence) == ("renamed.safetensors", UNKNOWN)


def test_the_nearest_public_weights_are_what_it_started_from(runs):
    root, _, _ = runs
    from dataclasses import replace

    model = load_trained(root / "first")
    public = origins(resolve("timm/tf_mixnet_s.in1k", "mixnet_s"))
    model.info = replace(model.info, lineage=(*model.info.lineage, *public))
    files = hub_files(model, "me/lamps")
    assert json.loads(files[CONFIG])["checkpoint"] == "timm/tf_mixnet_s.in1k"
    assert "started from `timm/tf_mixnet_s.in1k`" in files[CARD].decode()


@pytest.mark.parametrize(
    ("lineage", "message"),
    [
        ("x", "of itself is wrong: 'lineage' must be a list or null, not 'x'"),
        ([{"weights": "a", "licence": 3}], "of its lineage is wrong: .*`licence` must be text"),
        ([{"weight": "a"}], "of its lineage is wrong: .*'weights'"),
        ([7], "of its lineage is wrong: .*7"),
    ],
)
def test_a_damaged_lineage_is_refused(lineage, message):
    facts = {"architecture": NAME, "arguments": {}, "lineage": lineage}
    with pytest.raises(ValueError, match=f"What `them/x` says {message}"):
        described("them/x", dict, facts)
