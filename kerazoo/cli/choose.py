"""`kerazoo choose`: the network for a budget of time on this machine."""

import argparse
from pathlib import Path
from typing import Any

from kerazoo._errors import counted
from kerazoo.cli._model import given, positive
from kerazoo.cli._output import complain, print_json, print_table, say
from kerazoo.cli._quiet import import_keras
from kerazoo.cli._run import DATA, add_data_dir
from kerazoo.tasks import TASKS

SUMMARY = "time networks here and pick the most accurate one within a budget"
EPILOG = """\
Published weights that few others beat by multiply-adds are candidates. Those whose times tell which
of them fit are built and timed, one picture at a time: ten at most, with DATA twelve. Reading the
picture comes on top. Published figures decide or, with DATA, a linear probe on held-out pictures of
it (classification), which takes minutes.

examples:
  kerazoo choose --task classification --budget "15 ms"
  kerazoo choose --task detection --budget "20 fps" --runtime onnx --plot frontier.png
  kerazoo choose --task classification --budget "15 ms" --data pets/
  kerazoo choose --task classification --budget "5 ms" --models mixnet_s mobilenet_v3_small
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--task", required=True, choices=TASKS, help="what the network is for")
    parser.add_argument(
        "--budget", required=True, help='for one picture: "15 ms", "0.5 s" or "60 fps"'
    )
    parser.add_argument("--data", help=f"pictures of your own that decide: {DATA}")
    add_data_dir(parser)
    parser.add_argument(
        "--runtime",
        default="auto",
        help="auto, tensorflow, openvino, onnx or litert (default: the fastest installed)",
    )
    parser.add_argument(
        "--models",
        nargs="+",
        metavar="MODEL",
        help="only these, ids of models or weights, and all of them",
    )
    parser.add_argument("--dataset", help="whose published figures count (default: the usual one)")
    parser.add_argument("--threads", type=positive, help="default: one for each core")
    parser.add_argument("--plot", metavar="FILE.png", help="also draw time and accuracy")
    parser.add_argument("--force", action="store_true", help="overwrite FILE.png")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    if args.plot:
        _check_plot(Path(args.plot), args.force)
    import_keras("tensorflow")
    from kerazoo.choosing.run import choose

    choice = choose(
        args.task,
        args.budget,
        args.data,
        tell=complain,
        **given(args, ("data_dir", "runtime", "models", "dataset", "threads")),
    )
    if args.json:
        print_json(choice.to_dict())
    else:
        _print(choice)
    if args.plot:
        from kerazoo.choosing.plot import save_plot

        save_plot(choice, args.plot)
        complain(f"plot: {args.plot}")
    return 0


def _check_plot(path: Path, force: bool) -> None:
    from kerazoo._errors import invalid
    from kerazoo._files import check_output
    from kerazoo.report.figure import check_matplotlib

    if path.suffix.lower() != ".png":
        raise invalid("plot", str(path), "a file name in .png")
    check_matplotlib()
    check_output(path, [path], force)


def _print(choice: Any) -> None:
    from kerazoo.choosing.plot import text_plot

    best = {each.candidate.weights for each in choice.frontier}
    rows = []
    for each in choice.timed:
        found = each.candidate
        sign = "#" if each is choice.pick else "o" if found.weights in best else ""
        low, high = each.quartiles
        height, width = found.size
        rows.append(
            (
                sign,
                found.weights,
                f"{each.ms:.2f}",
                "–" if low == high else f"{low:.2f}–{high:.2f}",
                "yes" if each.ms <= choice.budget else "",
                "–" if each.score is None else f"{each.score:.1f}",
                f"{height}x{width}",
                f"{found.macs / 1e6:.0f}",
                f"{found.params / 1e6:.2f}",
            )
        )
    header = ("", "weights", "ms", "quartiles", "within", f"{choice.figure.label} (%)", "size")
    header = (*header, "mult-adds (M)", "params (M)")
    print_table(header, rows, right=(2, 3, 5, 7, 8))
    say("", *text_plot(choice).split("\n"), "")
    for name, reason in choice.left_out.items():
        complain(f"left out {name}: {reason}")
    if choice.not_timed:
        complain(
            f"not timed: {counted(len(choice.not_timed), 'other')}, less accurate than the pick or "
            "too far from the budget by multiply-adds"
        )
    pick = choice.pick
    say(
        f"Pick for {choice.budget:.3g} ms on {choice.runtime}: {pick.candidate.weights}, "
        f"{pick.ms:.2f} ms, {choice.figure.label} {pick.score:.1f} % on {choice.dataset}",
        "Its weights are on this machine." if choice.fetched else "Its weights will be downloaded.",
        choice.command,
    )
