"""Studies: cells are told apart, run once each, and reported from the log alone."""

import json
import runpy
import sys

import numpy as np
import pytest

import kerazoo
from tests import ROOT

FOLDER = ROOT / "benchmarks/studies"
CELLS = """
CELLS = [
    {
        "network": "tiny", "kernels": kind, "largest": largest, "seed": seed,
        "changes": {"seed": seed, "optimizer.learning_rate": 0.001 * largest + 0.1 * (kind == "b")},
    }
    for kind in "ab" for largest in (3, 5) for seed in (1, 2)
]
"""
RECIPE = """
model = "tiny_net"
epochs = 1
batch_size = 25
[data]
name = "cifar10"
train = "train[:200]"
validation = "test[:50]"
test = "test[50:100]"
[optimizer]
learning_rate = 0.1
warmup_epochs = 0
"""

pytestmark = pytest.mark.usefixtures("tiny_net")


@pytest.fixture(scope="module")
def modules():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(FOLDER), *sys.path])
        import study  # pyright: ignore[reportMissingImports]  (a script beside others)

        runner = runpy.run_path(str(FOLDER / "run.py"))
        report = runpy.run_path(str(FOLDER / "report.py"))
        yield study, runner, report
    del sys.modules["study"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/cells.py").write_text(CELLS)
    (tmp_path / "own/recipe.toml").write_text(RECIPE)
    return tmp_path / "own"


def line(cell, test, seconds=60):
    facts = {"parameters": 1000, "multiply_adds": 2_000_000, "seconds": seconds}
    return json.dumps({"place": dict(cell.place), "recipe": cell.digest, "test": test, **facts})


def test_a_cell_runs_once_and_leaves_a_line(modules, folder, tmp_path, data_dir):
    study, runner, _ = modules
    own = study.Study(folder)
    _, second, *_ = own.cells()
    work = tmp_path / "work"
    entry = runner["run_next"](own, work, str(data_dir))
    assert entry["place"] == {"network": "tiny", "kernels": "a", "largest": 3, "seed": 1}
    (read,) = own.lines()
    assert read == json.loads(json.dumps(entry))
    assert 0 <= entry["test"] <= 1
    assert len(entry["validation"]) == 1
    assert entry["parameters"] > 0
    assert own.open_cells()[0].place == second.place
    # One that another runner has taken is left to it.
    from kerazoo._locks import take_lock

    taken = work / f"{second.name}-{second.digest}"
    taken.mkdir(parents=True)
    lock = take_lock(taken / "taken")
    assert lock is not None
    ran = []
    changed = {"run_cell": lambda study, cell, *rest: ran.append(cell.place) or {}}
    runner["run_next"].__globals__.update(changed)
    runner["run_next"](own, work, str(data_dir))
    assert ran == [own.cells()[2].place]


def test_a_changed_recipe_opens_the_cells_again(modules, folder):
    study, *_ = modules
    own = study.Study(folder)
    own.log.write_text("\n".join(line(cell, 0.5) for cell in own.cells()))
    assert own.open_cells() == []
    recipe = folder / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("epochs = 1", "epochs = 2"))
    assert len(own.open_cells()) == 8


def test_defaults_do_not_count(modules, folder):
    """So that a key that the library gets later opens no cell."""
    study, *_ = modules
    told = {cell.digest for cell in study.Study(folder).cells()}
    recipe = folder / "recipe.toml"
    recipe.write_text('dtype = "float32"\nseed = 5\n' + recipe.read_text())  # cells have seeds
    assert {cell.digest for cell in study.Study(folder).cells()} == told
    recipe.write_text('best_by = "loss"\n' + recipe.read_text())
    assert not told & {cell.digest for cell in study.Study(folder).cells()}


def test_the_report_is_made_of_the_log(modules, folder):
    study, _, report = modules
    own = study.Study(folder)
    cells = own.cells()
    values = (0.50, 0.54, 0.60)  # both seeds of the first place, one of the second
    text = "\n".join(line(c, v, 120) for c, v in zip(cells[:3], values, strict=True))
    own.log.write_text(text)
    report["report"](own)
    rows = (folder / "results.md").read_text().splitlines()
    assert rows[0] == "# own: 3 of 8 cells"
    assert "| tiny | a | 3 | 0.001 | 2.0 | 52.00 | 4.00 | 2 of 2 | 2.0 |" in rows
    assert "| tiny | a | 5 | 0.001 | 2.0 | 60.00 | – | 1 of 2 | 2.0 |" in rows
    assert "| tiny | b | 3 | – | – | – | – | 0 of 2 | – |" in rows
    assert (folder / "accuracy.png").read_bytes().startswith(b"\x89PNG")
    own.log.unlink()
    report["report"](own)
    assert (folder / "results.md").read_text().startswith("# own: 0 of 8 cells")


def test_no_such_study(modules):
    study, *_ = modules
    message = r"There is no study 'kernels': choose one of kernel_sizes, learned_groups"
    with pytest.raises(ValueError, match=message):
        study.Study.named("kernels")


def test_the_grid_of_kernel_sizes(modules):
    """Six sizes of plain kernels and five of mixed ones, two networks, two seeds; each once."""
    study, *_ = modules
    cells = study.Study.named("kernel_sizes").cells()
    assert len(cells) == len({cell.name for cell in cells}) == (6 + 5) * 2 * 2
    assert len({cell.digest for cell in cells}) == 44
    by = {tuple(cell.place.values()): cell.recipe for cell in cells}
    mixed = by["mobilenet_v2", "mixed", 7, 1]
    assert mixed.arguments["kernel_sizes"] == [3, 5, 7]
    assert by["mobilenet_v1", "plain", 13, 2].arguments["kernel_sizes"] == 13
    assert mixed.data.validation == "train[45000:]"


def test_the_grid_of_learned_groups(modules):
    study, *_ = modules
    cells = study.Study.named("learned_groups").cells()
    assert len({cell.digest for cell in cells}) == len(cells) == 2 * (1 + 3 * 4) + 3 * 2
    by = {tuple(cell.place.values())[1:]: cell.recipe for cell in cells}
    assert by["ordinary", 1, 2].arguments["groups"] == 1
    assert not by["fixed", 4, 1].arguments["learned"]
    assert by["learned, copies", 8, 5].arguments["duplicate_top"] == 3


def test_what_a_study_watches_and_measures(modules, folder, tmp_path):
    """The numbers of the learned groups, on a network that was trained for a step."""
    study, runner, report = modules
    own = study.Study.named("learned_groups")
    small = {"input_shape": (32, 32, 3), "classes": 3, "weights": None, "stem": "cifar"}
    network = kerazoo.create_model("flgc_resnet14", groups=4, duplicate_top=3, width=0.125, **small)
    network(np.zeros((1, 32, 32, 3), "float32"), training=True)
    told = own.asks("watch")(network)
    assert 0 < told["copied"] < 3
    assert 0 <= told["empty"] < 1
    measured = own.asks("measure")(network)
    dense = kerazoo.profile(network)
    assert 0 < measured["multiply_adds"] < dense.macs
    assert measured["frozen_time"] > 0
    fixed = kerazoo.create_model("flgc_resnet14", groups=4, learned=False, width=0.125, **small)
    assert own.asks("watch")(fixed) == own.asks("measure")(fixed) == {}

    path = tmp_path / "watched.json"
    callback = runner["after_epochs"](path, lambda model: {"copied": model})
    for epoch, value in ((0, 0.1), (1, 0.2), (1, 0.3)):  # the second was broken off
        callback.set_model(value)
        callback.on_epoch_end(epoch)
    assert runner["read_watched"](path) == [{"copied": 0.1}, {"copied": 0.3}]

    log = study.Study(folder)
    entry = json.loads(line(log.cells()[0], 0.5))
    log.log.write_text(json.dumps(entry | {"watched": [{"copied": 0.25}], "frozen_time": 0.5}))
    report["report"](log)
    rows = (folder / "results.md").read_text().splitlines()
    assert "| tiny | a | 3 | 0.001 | 2.0 | 50.00 | – | 0.250 | 0.500 | 1 of 2 | 1.0 |" in rows
    assert "| tiny | a | 5 | – | – | – | – | – | – | 0 of 2 | – |" in rows
