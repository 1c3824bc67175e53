"""`kerazoo benchmark`: how fast models run here, under each runtime."""

import argparse
import json
from pathlib import Path

from kerazoo._files import write_text
from kerazoo.cli._model import positive
from kerazoo.cli._output import complain
from kerazoo.cli._quiet import import_keras

SUMMARY = "measure latency, throughput, memory, load time and file size by runtime"
EPILOG = """\
All runtimes run a model in turn, so that what else the machine does meets them alike; memory and
load time are those of a process that does nothing else. What a runtime cannot do is left out and
listed with the reason. docs/benchmarks.md explains every column.

examples:
  kerazoo benchmark mixnet_s mobilenet_v2
  kerazoo benchmark mixnet_s --runtimes tensorflow fused openvino --batch 1 16 32 --rounds 50
  kerazoo benchmark 'mixnet_?' mobilenet_v2 espnetv2 --output results --plot
"""
FILES = ("benchmark.json", "benchmark.md")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "models", metavar="MODEL", nargs="+", help="as elsewhere, or a pattern of ids"
    )
    parser.add_argument("--runtimes", nargs="+", metavar="NAME", help="default: all")
    parser.add_argument(
        "--batch", nargs="+", type=positive, default=[1, 16], help="pictures at a time (1 16)"
    )
    parser.add_argument(
        "--rounds", type=positive, default=20, help="turns of each runtime, two runs in each (20)"
    )
    parser.add_argument("--threads", type=positive, help="default: one for each core")
    parser.add_argument("--size", type=positive, help="side of the pictures in pixels")
    parser.add_argument("--weights", help="default: random, which are as fast")
    parser.add_argument("--output", metavar="FOLDER", help="also write " + " and ".join(FILES))
    parser.add_argument(
        "--plot", action="store_true", help="draw accuracy against latency and multiply-adds too"
    )
    parser.add_argument("--force", action="store_true", help="overwrite what is in the folder")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def run(args: argparse.Namespace) -> int:
    from kerazoo._errors import invalid
    from kerazoo.benchmark.candidates import CANDIDATES

    models = _models(args.models)
    folder = Path(args.output) if args.output else None
    if args.plot and folder is None:
        raise invalid("plot", True, "given with `--output FOLDER`")
    if folder is not None:
        _check_folder(folder, args.plot, args.force)
    import_keras("tensorflow")
    from kerazoo.benchmark.report import markdown
    from kerazoo.benchmark.run import benchmark

    report = benchmark(
        models,
        tuple(args.runtimes or CANDIDATES),
        args.batch,
        args.rounds,
        args.threads,
        args.size,
        args.weights,
        tell=complain,
    )
    print(json.dumps(report, indent=1) if args.json else markdown(report), end="")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in zip(FILES, (json.dumps(report, indent=1), markdown(report)), strict=True):
            write_text(folder / name, text)
        if args.plot:
            from kerazoo.benchmark.plot import save_plots

            save_plots(report, folder)
    return 0 if report["results"] else 2


def _models(patterns: list[str]) -> list[str]:
    """What is measured, in the order given, each once: patterns stand for ids."""
    from kerazoo.benchmark.models import check_model
    from kerazoo.registry import get_entry, list_models

    found: dict[str, None] = {}
    for pattern in patterns:
        ids = list_models(pattern) if set(pattern) & set("*?[") else [pattern]
        if not ids:
            get_entry(pattern)  # raises, and names what there is
        for id in ids:
            check_model(id)
        found |= dict.fromkeys(ids)
    return list(found)


def _check_folder(folder: Path, plot: bool, force: bool) -> None:
    from kerazoo._errors import invalid
    from kerazoo.benchmark.plot import HEADS

    if folder.exists() and not folder.is_dir():
        raise invalid("output", str(folder), "a folder")
    names = [*FILES, *(HEADS.values() if plot else ())]
    there = [name for name in names if (folder / name).exists()]
    if there and not force:
        raise invalid(
            "output", str(folder), f"a folder without {', '.join(there)} (or give --force)"
        )
