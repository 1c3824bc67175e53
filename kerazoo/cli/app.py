"""`kerazoo app`: a page in the browser on which networks are tried."""

import argparse
from pathlib import Path

from kerazoo._files import read_json
from kerazoo.cli._model import MODEL, positive
from kerazoo.cli._output import complain
from kerazoo.cli._quiet import import_keras

SUMMARY = "open a page on which networks are tried and compared"
EPILOG = """\
Needs gradio (pip install "kerazoo[app]"). The page is for this machine alone; with another --host,
those who can reach it can open the networks of the list, and none by a path or a repository. It has
a tab for each task, and a second page with all models by accuracy and cost. Nothing that is sent to
it is kept. Ctrl-C ends it.

examples:
  kerazoo app
  kerazoo app runs/pets mixnet_s.tflite
  kerazoo app --host 0.0.0.0 --port 8000
  kerazoo app --benchmark results/benchmark.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from kerazoo.app.serve import HOST, PORT

    parser.add_argument(
        "models", metavar="MODEL", nargs="*", help=f"offered first: {MODEL}, or an exported file"
    )
    parser.add_argument("--host", default=HOST, help=f"address to listen on (default: {HOST})")
    parser.add_argument(
        "--port", type=positive, default=PORT, help=f"to listen on (default: {PORT})"
    )
    parser.add_argument(
        "--benchmark",
        metavar="FILE.json",
        nargs="+",
        default=[],
        help="reports of `kerazoo benchmark --output`, for plots of measured latency",
    )


def run(args: argparse.Namespace) -> int:
    from kerazoo._machine import require

    require([("gradio", "app")], "The app")
    reports = [read_json(Path(path)) for path in args.benchmark]
    import_keras("tensorflow")
    from kerazoo.app.serve import serve

    complain(f"the page: http://{args.host}:{args.port}, until Ctrl-C")
    serve(args.models, host=args.host, port=args.port, benchmarks=reports)
    return 0
