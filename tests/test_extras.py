"""What is not installed is named together with the command that installs it."""

import importlib.util
import re
import sys
import tomllib

import pytest
from keras.optimizers.schedules import CosineDecay

from kerazoo import _machine
from kerazoo.benchmark import plot
from kerazoo.deploy.exporting import FORMATS
from kerazoo.deploy.runtimes import OPENERS
from kerazoo.optimize._tfmot import legacy
from kerazoo.report.figure import check_matplotlib
from kerazoo.training.optim.schedules import plot_schedule
from kerazoo.training.run import check_session
from tests import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
START = (ROOT / "docs/start.md").read_text("utf-8")


def _tfds(tmp_path):
    from kerazoo.data.tfds import tfds_source

    (tmp_path / "cifar10" / "1.0.0").mkdir(parents=True)
    (tmp_path / "cifar10" / "1.0.0" / "features.json").write_text("{}")
    tfds_source("cifar10", "train", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("package", "extra", "call"),
    [
        ("matplotlib.figure", "plot", lambda tmp_path: check_matplotlib()),
        ("matplotlib.figure", "plot", lambda tmp_path: plot.save_plots({}, tmp_path)),
        (
            *("matplotlib.figure", "plot"),
            lambda tmp_path: plot_schedule(CosineDecay(0.1, 3), 3, tmp_path / "a.png"),
        ),
        ("tensorflow_datasets", "data", _tfds),
        ("tensorflow_model_optimization", "tfmot", lambda tmp_path: legacy()),
        ("tf_keras", "tfmot", lambda tmp_path: legacy()),
    ],
)
def test_packages_that_are_imported(package, extra, call, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=re.escape(f'pip install "kerazoo[{extra}]"')):
        call(tmp_path)


NEEDS = {
    need
    for kind in (*FORMATS.values(), *OPENERS.values())
    for need in (*kind.needs, *getattr(kind, "int8_needs", ()))
}


@pytest.mark.parametrize(("module", "extra"), sorted(NEEDS))
def test_packages_that_are_looked_for(module, extra, monkeypatch):
    monkeypatch.setattr(_machine, "is_installed", lambda name: name != module)
    with pytest.raises(ImportError, match=re.escape(f'pip install "kerazoo[{extra}]"')):
        _machine.require([(module, extra)], "This")
    assert extra in EXTRAS


def test_tensorboard(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=re.escape('pip install "kerazoo[tensorboard]"')):
        check_session(None, tensorboard=True)


def test_every_command_that_is_told_installs_something():
    found = set()
    for path in (*(ROOT / "kerazoo").rglob("*.py"), ROOT / "README.md", *ROOT.glob("docs/*.md")):
        for names in re.findall(r"pip install [\"'](?:kerazoo|\.)\[([\w,-]+)\]", path.read_text()):
            found |= set(names.split(","))
    assert found - set(EXTRAS) == set()
    assert {"plot", "data", "tfmot", "tensorboard", "demo", "detection"} <= found


def test_the_table_of_extras_is_whole():
    table = START.partition("| extra |")[2].partition("\n\n")[0]
    named = set(re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE))
    assert named == set(EXTRAS)


def test_an_editable_install_is_a_plain_path():
    """A finder would come after the folder one is in: that of a clone hides the package then."""
    assert PROJECT["tool"]["distutils"]["editable_wheel"] == {"mode": "compat"}
