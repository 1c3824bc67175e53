"""What is not installed is named together with the command that installs it."""

import importlib.util
import re
import sys
import tomllib
import zipfile

import pytest

from kerazoo import _machine
from kerazoo.benchmark import plot
from kerazoo.deploy.exporting import FORMATS
from kerazoo.deploy.runtimes import OPENERS
from kerazoo.optimize._tfmot import legacy
from kerazoo.report.figure import check_matplotlib
from kerazoo.training.optim.schedules import plot_schedule
from kerazoo.training.run import _check
from tests import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
README = (ROOT / "README.md").read_text("utf-8")


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
            lambda tmp_path: plot_schedule(lambda step: 0.1, 3, tmp_path / "a.png"),
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
        _check(None, tensorboard=True)


def test_every_command_that_is_told_installs_something():
    found = set()
    for path in (*(ROOT / "kerazoo").rglob("*.py"), ROOT / "README.md", *ROOT.glob("docs/*.md")):
        for names in re.findall(r"pip install [\"'](?:kerazoo|\.)\[([\w,-]+)\]", path.read_text()):
            found |= set(names.split(","))
    assert found - set(EXTRAS) == set()
    assert {"plot", "data", "tfmot", "tensorboard", "demo", "detection"} <= found


def test_the_table_of_extras_is_whole():
    table = README.partition("| extra |")[2].partition("\n\n")[0]
    named = set(re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE))
    assert named == set(EXTRAS) - {"quantizer"}  # which a benchmark alone uses


def test_an_editable_install_is_a_plain_path(tmp_path, monkeypatch):
    """A finder would come after the folder one is in: that of a clone hides the package then."""
    build = pytest.importorskip("setuptools.build_meta")
    project = tmp_path / "clone"
    (project / "kerazoo").mkdir(parents=True)
    (project / "kerazoo" / "__init__.py").write_text('__version__ = "0.1.0"\n')
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (project / name).write_text((ROOT / name).read_text("utf-8"))
    monkeypatch.chdir(project)
    (tmp_path / "wheels").mkdir()
    wheel = tmp_path / "wheels" / build.build_editable(str(tmp_path / "wheels"))
    with zipfile.ZipFile(wheel) as archive:
        (path,) = [name for name in archive.namelist() if name.endswith(".pth")]
        assert archive.read(path).decode().strip() == str(project)
        assert not [name for name in archive.namelist() if "finder" in name]
