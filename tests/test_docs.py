"""What the pages for maintainers name is there."""

import re
import tomllib

import pytest

import kerazoo
from tools.import_circles import circles, imports
from tools.stubs import ROOT

PAGES = ("docs/architecture.md", "CONTRIBUTING.md")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def places(text):
    """Files and folders of the repository that a page names in backticks."""
    words = (word for quoted in re.findall(r"`([^`\n]+)`", text) for word in quoted.split())
    named = [word.strip(",") for word in words if "<" not in word and "*" not in word]
    return [w for w in named if re.fullmatch(r"[\w./-]+(\.(py|md|json|toml|cff|yml)|/)", w)]


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_exist(page):
    roots = (ROOT, ROOT / "kerazoo", *(ROOT / "kerazoo").iterdir())
    named = places((ROOT / page).read_text(encoding="utf-8"))
    made_by_a_run = {"run.json", "result.json", "config.json"}
    assert len(named) > 10
    missing = {n for n in named if not any((root / n).exists() for root in roots)}
    assert missing <= made_by_a_run


def test_the_tree_of_the_architecture_is_the_package():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    tree = text.partition("## The tree")[2].partition("```\n")[2].partition("```")[0]
    named = set(re.findall(r"([\w]+)(?:\.py|/)", tree.partition("tests/ ")[0]))
    there = {
        path.stem
        for path in (ROOT / "kerazoo").iterdir()
        if (path.suffix == ".py" or (path.is_dir() and list(path.glob("*.py"))))
        and path.stem not in ("__init__", "__pycache__")
    }
    assert there <= named, f"not in the tree: {sorted(there - named)}"


def test_every_module_has_its_place_among_the_layers():
    (contract,) = PROJECT["tool"]["importlinter"]["contracts"]
    assert contract["exhaustive"]
    assert contract["exhaustive_ignores"] == ["tasks"]


def test_circles_are_found_even_in_functions(tmp_path):
    package = tmp_path / "p"
    package.mkdir()
    for name, text in {
        "__init__": "",
        "a": "from p import b",
        "b": "def f():\n    from p.c import x",
        "c": "import p.a\nx = 1",
        "d": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p import e",
        "e": "from p import d, a",
    }.items():
        (package / f"{name}.py").write_text(text)
    assert circles(imports(package)) == [["p.a", "p.b", "p.c"]]
    assert circles(imports(ROOT / "kerazoo")) == []


def test_one_version():
    assert "version" not in PROJECT["project"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "kerazoo.__version__"}
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {kerazoo.__version__}\n" in citation
    assert f"## {kerazoo.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_bound_is_in_the_page_of_limits():
    """Under its variable, with its default."""
    from kerazoo import _bounds

    text = (ROOT / "docs/limits.md").read_text(encoding="utf-8")
    bounds = [each for each in vars(_bounds).values() if isinstance(each, _bounds.Bound)]
    assert len(bounds) == len(re.findall(r"^\| `KERAZOO_", text, re.M)) > 5
    for each in bounds:
        assert f"| `{each.variable}` | {each.default:,} |" in text
