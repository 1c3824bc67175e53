"""The tables of measurements on the pages of the site, from the files in benchmarks/results.

A page has `<!-- measured: ../benchmarks/results/FILE.json -->` where the tables of a file go.
Reports of `kerazoo benchmark`, of benchmarks/peers.py and of others are told apart by what they
hold.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from kerazoo.benchmark.report import table

_MARK = re.compile(r"<!-- measured: \.\./(benchmarks/results/[\w.]+\.json) -->\n")


def markdown(report: dict[str, Any]) -> str:
    """The tables of a report."""
    if "footprints" in report:
        from kerazoo.benchmark.report import markdown

        return markdown(report)
    if "tables" in report:  # of several: title, header and rows as they are
        parts = []
        for each in report["tables"]:
            rows = [[_shown(cell) for cell in row] for row in each["rows"]]
            parts += [f"**{each['title']}**"] * bool(each.get("title"))
            parts.append(table(each["header"], rows, left=each.get("left", 1)))
        return "\n\n".join(parts) + "\n"
    sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
    from _peer_goals import markdown

    return markdown(report)


def _shown(cell: Any) -> str:
    return "–" if cell is None else str(cell)


def filled(page: str, root: Path) -> str:
    """A page with the tables that its marks name."""

    def put(match: re.Match) -> str:
        report = json.loads((root / match[1]).read_text(encoding="utf-8"))
        return f"{markdown(report)}\n"

    return _MARK.sub(put, page)
