"""The `kerazoo` command.

Exit status: 0 all went well; 1 some pictures could not be read, the others were done; 2 wrong
usage or an error, told in one line on stderr; 130 interrupted.
"""

import argparse
import contextlib
import importlib
import logging
import math
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from kerazoo._errors import did_you_mean
from kerazoo.cli._output import complain, prepare_output

# One module each, in the order of --help. A module is light to import; what it does is not.
COMMANDS = {
    "list": "listing",
    "info": "info",
    "predict": "predict",
    "evaluate": "evaluate",
    "train": "train",
    "finetune": "finetune",
    "export": "export",
    "optimize": "optimize",
    "check": "check",
    "show-data": "show_data",
    "push": "push",
    "benchmark": "benchmark",
    "choose": "choose",
    "demo": "demo",
    "app": "app",
    "completion": "completion",
}

EXAMPLES = """\
examples:
  kerazoo list 'mix*'
  kerazoo info mixnet_m
  kerazoo predict mixnet_m cat.jpg holiday/ 'more/*.png'
  kerazoo evaluate mixnet_m --data imagenet2012 --data-dir ~/tensorflow_datasets
  kerazoo train mixnet_s_cifar10 --data-dir ~/tensorflow_datasets --output runs/mixnet_s
  kerazoo finetune mixnet_s --data pets/ --output runs/pets
  kerazoo benchmark mixnet_s mobilenet_v2
  kerazoo export mixnet_m --format litert --output mixnet_m.tflite

exit status:
  0 success, 1 some pictures were unreadable and skipped, 2 error
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit status.

    Args:
        argv: Arguments after the program's name; by default those of the process.
    """
    traceback, words = False, list(sys.argv[1:] if argv is None else argv)
    try:
        prepare_output()
        parser = _parser()
        args = parser.parse_args(words)
        args.words = words  # for commands that record how they were called
        args.parser = parser
        traceback = args.traceback
        with _warnings_told():
            return args.run(args)
    except KeyboardInterrupt as stop:
        # A run that has saved its state says where it stands.
        how = f"; go on with: {shlex.join(['kerazoo', *words])}" if str(stop) else ""
        complain(f"{str(stop) or 'interrupted'}{how}")
        return 130
    except BrokenPipeError:  # `kerazoo list | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if traceback:
            raise
        # ValueErrors are worded for users; of others the kind is half of the message.
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        complain(f"error: {kind}{error}")
        return 2


class _Complaints(logging.Handler):
    """What the library warns of, as lines of the command."""

    def emit(self, record: logging.LogRecord) -> None:
        complain(record.getMessage())


@contextlib.contextmanager
def _warnings_told() -> Iterator[None]:
    handler, log = _Complaints(logging.WARNING), logging.getLogger("kerazoo")
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


class _Parser(argparse.ArgumentParser):
    """Takes no empty text and no number that is not finite, whatever the option.

    What it does not know, it says itself: argparse leaves that to the command above, which would
    show the usage of all of `kerazoo`.
    """

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            wrong = str(unknown[0]).partition("=")[0]
            hint = did_you_mean(wrong, self._option_string_actions) if wrong[0] == "-" else ""
            self.error(f"unrecognized arguments: {shlex.join(unknown)}.{hint}")
        return found, unknown

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        if isinstance(action, argparse._SubParsersAction):  # whose parser looks for itself
            return super()._get_value(action, arg_string)  # type: ignore[misc]
        if not arg_string:
            raise argparse.ArgumentError(action, "must not be empty")
        value = super()._get_value(action, arg_string)  # type: ignore[misc]
        if isinstance(value, float) and not math.isfinite(value):
            raise argparse.ArgumentError(action, f"must be a finite number, not {arg_string!r}")
        return value


def _parser() -> argparse.ArgumentParser:
    shared = _Parser(add_help=False)
    shared.add_argument("--traceback", action="store_true", help="show where an error comes from")
    parser = _Parser(
        prog="kerazoo",
        description="Efficient convolutional networks for Keras, with pretrained weights.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"kerazoo {_version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, module in COMMANDS.items():
        command = importlib.import_module(f"kerazoo.cli.{module}")
        sub = commands.add_parser(
            name,
            parents=[shared],
            help=command.SUMMARY,
            description=f"{command.SUMMARY[0].upper()}{command.SUMMARY[1:]}.",
            epilog=command.EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return parser


def _version() -> str:
    from kerazoo import __version__

    return __version__
