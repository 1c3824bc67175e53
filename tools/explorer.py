"""Writes the explorer: the models with published accuracy in a plot, one file that works offline.

python tools/explorer.py --output explorer.html
python tools/explorer.py --output explorer.html --benchmark results/benchmark.json
"""

import argparse
import json
from pathlib import Path

from kerazoo._files import write_text
from kerazoo.app.explorer.page import explorer_page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.html")
    parser.add_argument(
        "--benchmark",
        type=Path,
        nargs="*",
        default=[],
        metavar="FILE.json",
        help="reports of `kerazoo benchmark --output`, for axes of measured latency",
    )
    args = parser.parse_args()
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in args.benchmark]
    args.output.parent.mkdir(parents=True, exist_ok=True)
    write_text(args.output, explorer_page(reports))


if __name__ == "__main__":
    main()
