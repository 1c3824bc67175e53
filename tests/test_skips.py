"""The lists of tests that may skip, and of those for `make test-all`: what is on them exists."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT, tiers
from tests.skips import allowed, unexpected

OTHER = """
import pytest
def test_skips(): pytest.skip("just so")
def test_runs(): pass
"""


def defined(path: Path) -> set[str]:
    """`Class::test` and `test` of a file, read without importing it."""
    found = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{n.name}" for n in node.body if isinstance(n, ast.FunctionDef)}
        elif isinstance(node, ast.FunctionDef):
            found.add(node.name)
    return found


def named_by_tiers() -> list[str]:
    """Those that `thorough.toml` names in full, file and function at least."""
    listed = [id for group in tiers.groups().values() for id in group["instead"] + group["tests"]]
    return [id for id in listed if "*" not in id.partition("[")[0]]


def test_every_listed_test_exists():
    for id in [*allowed(), *named_by_tiers()]:
        file, _, name = id.partition("[")[0].partition("::")
        assert name in defined(ROOT / file), id


def test_a_test_is_named_with_or_without_its_parameters():
    may = {"a.py::test": "", "b.py::test[1]": ""}
    assert unexpected(["a.py::test[x]", "b.py::test[1]"], may) == []
    assert unexpected(["b.py::test[2]", "c.py::test"], may) == ["b.py::test[2]", "c.py::test"]


def test_what_stays_in_the_place_of_a_thorough_test_is_not_one_itself():
    for name, group in tiers.groups().items():
        assert group["reason"], name
        assert group["instead"], name
        assert not [id for id in group["instead"] if tiers.thorough(id)], name


def test_a_pattern_names_tests_with_their_parameters():
    assert tiers.matches("a.py::test", "a.py::test[x-1]")
    assert tiers.matches("a.py::test[*-1]", "a.py::test[x-1]")
    assert tiers.matches("a.py::*[x]", "a.py::Class::test[x]")
    assert not tiers.matches("a.py::test", "a.py::test_other")
    assert not tiers.matches("a.py::test[x]", "a.py::test[x-1]")


@pytest.mark.parametrize("workers", [[], ["-n", "1"]], ids=["one process", "a worker"])
def test_another_skip_fails_the_run(tmp_path, workers):
    (tmp_path / "conftest.py").write_text("from tests.skips import *\n")
    (tmp_path / "test_other.py").write_text(OTHER)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *workers]
    done = subprocess.run(
        [*command, "-c", str(tmp_path / "pytest.ini"), str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "UNEXPECTED SKIP test_other.py::test_skips: Skipped: just so" in done.stdout
    assert "1 passed, 1 skipped" in done.stdout
