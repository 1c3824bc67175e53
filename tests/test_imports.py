"""Every name that is imported from kerazoo is there: in scripts that no test runs as well."""

import ast
import functools
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("kerazoo", "tests", "tools", "benchmarks", "space", "notebooks")


@functools.cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


@functools.cache
def names_of(module: str) -> set[str] | None:
    """What a module defines or imports; None where it answers to names when it is asked."""
    place = ROOT / module.replace(".", "/")
    package = (place / "__init__.py").is_file()  # `records` is a folder beside `records.py`
    found = {path.stem for path in place.iterdir()} if package else set()
    for node in ast.walk(parsed(place / "__init__.py" if package else place.with_suffix(".py"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(each.asname or each.name).partition(".")[0] for each in node.names}
    return None if "__getattr__" in found else found


def missing(file: Path) -> list[str]:
    """Names that a file imports from modules of kerazoo which do not have them."""
    found = []
    for node in ast.walk(parsed(file)):
        if not (isinstance(node, ast.ImportFrom) and node.module and not node.level):
            continue
        if node.module.partition(".")[0] == "kerazoo":
            known = names_of(node.module)
            found += [each.name for each in node.names if known and each.name not in known]
    return found


@pytest.mark.parametrize("folder", FOLDERS)
def test_imported_names_are_there(folder):
    files = sorted((ROOT / folder).rglob("*.py"))
    wrong = {str(file.relative_to(ROOT)): names for file in files if (names := missing(file))}
    assert not wrong


def test_one_that_is_not_there_is_found(tmp_path):
    file = tmp_path / "a.py"
    file.write_text("def f():\n    from kerazoo._checks import check_int, no_such\n")
    assert missing(file) == ["no_such"]
