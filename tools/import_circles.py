"""Circles among the package's modules: groups of which each needs every other to be imported.

    python tools/import_circles.py [folder]

Every import counts, those inside of functions too, where circles hide; those for type checkers do
not. It prints each circle and exits with 1 if there is any. import-linter, which holds the layers
(`[tool.importlinter]`), looks at siblings of one folder only.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main(folder: Path) -> int:
    """Prints the circles among the modules of a package; returns how many there are."""
    found = circles(imports(folder))
    for names in found:
        print(f"circle of {len(names)}: {', '.join(names)}")
    print(f"{len(found)} circles in {folder.name}")
    return len(found)


def imports(folder: Path) -> dict[str, set[str]]:
    """Module -> the modules of the same package that it imports."""
    files = {_name(folder, file): file for file in sorted(folder.rglob("*.py"))}
    return {
        name: {each for each in _imported(file, files) if each != name}
        for name, file in files.items()
    }


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected parts of more than one module (Tarjan), each sorted."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        number[name] = lowest[name] = len(number)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in number:
                visit(other)
                lowest[name] = min(lowest[name], lowest[other])
            elif other in stack:
                lowest[name] = min(lowest[name], number[other])
        if lowest[name] == number[name]:
            part = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(part) > 1:
                found.append(sorted(part))

    for name in graph:
        if name not in number:
            visit(name)
    return sorted(found)


def _name(folder: Path, file: Path) -> str:
    parts = file.relative_to(folder.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(file: Path, known: dict[str, Path]) -> Iterator[str]:
    for node in _outside_type_checking(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:  # `from a import b`: the module a.b, or what a has
                inner = f"{node.module}.{alias.name}"
                yield from [name for name in (inner, node.module) if name in known][:1]


def _outside_type_checking(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        checking = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        if not checking:
            yield child
            yield from _outside_type_checking(child)


if __name__ == "__main__":
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "kerazoo"
    sys.exit(1 if main(given) else 0)
