"""The list of tests that may skip: what is not on it fails the run, and what is on it exists."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT
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


def test_every_listed_test_exists():
    for id in allowed():
        file, _, name = id.partition("[")[0].partition("::")
        assert name in defined(ROOT / file), id


def test_a_test_is_named_with_or_without_its_parameters():
    may = {"a.py::test": "", "b.py::test[1]": ""}
    assert unexpected(["a.py::test[x]", "b.py::test[1]"], may) == []
    assert unexpected(["b.py::test[2]", "c.py::test"], may) == ["b.py::test[2]", "c.py::test"]


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
