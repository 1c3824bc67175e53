"""The table of docs/limits.md: kinds of faults, and the tests that hold them."""

import ast
import re

from tests import ROOT

TABLE = re.compile(r"`([\w/]+\.py)::(\w+)`( \\\*)?")


def marked(node, module) -> bool:
    """Whether a test, or all of its file, is left to `make faults`."""
    marks = [ast.unparse(each) for each in node.decorator_list]
    everywhere = [
        ast.unparse(each.value)
        for each in module.body
        if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "pytestmark"
    ]
    return any("mark.faults" in text for text in [*marks, *everywhere] if "param(" not in text)


def test_every_kind_of_fault_has_tests_that_are_there():
    text = (ROOT / "docs/limits.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if "`::" in line or ".py::" in line]
    assert len(rows) > 20
    assert all(TABLE.search(row) for row in rows)
    for file, name, star in TABLE.findall(text):
        module = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
        found = [
            node
            for node in ast.walk(module)
            if isinstance(node, ast.FunctionDef) and node.name == name
        ]
        assert found, f"{file} has no {name}"
        assert marked(found[0], module) == bool(star), f"{file}::{name}"
