"""Write the tables of measured JSON files into docs/benchmarks.md.

    python tools/benchmark_tables.py results/benchmark.json build/peers/results/peers.json

Files of `kerazoo benchmark` and of benchmarks/peers.py are told apart by what they hold.
"""

import json
import re
import sys
from pathlib import Path

from kerazoo._files import write_text

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]


def section(report: dict) -> tuple[str, str]:
    """The place in the page, and what stands there."""
    if "footprints" in report:
        from kerazoo.benchmark.report import markdown

        return "benchmark", markdown(report)
    from _peer_goals import markdown

    return "peers", markdown(report)


def put(page: str, name: str, text: str) -> str:
    """The page with `text` between the marks of `name`."""
    marks = f"<!-- measured: {name} -->", "<!-- /measured -->"
    pattern = f"({re.escape(marks[0])}\n).*?({re.escape(marks[1])})"
    page, count = re.subn(pattern, lambda m: f"{m[1]}\n{text}\n{m[2]}", page, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"docs/benchmarks.md needs the marks {marks[0]} … {marks[1]} once")
    return page


def main() -> None:
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    path = ROOT / "docs" / "benchmarks.md"
    page = path.read_text(encoding="utf-8")
    for file in sys.argv[1:]:
        page = put(page, *section(json.loads(Path(file).read_text(encoding="utf-8"))))
    write_text(path, page)


if __name__ == "__main__":
    main()
