"""The page of commands on the site: what `kerazoo COMMAND --help` prints."""

import argparse
import os
from unittest import mock

from kerazoo.cli import COMMANDS, _parser


def page() -> str:
    """Markdown."""
    with mock.patch.dict(os.environ, {"COLUMNS": "88"}):  # the width that argparse wraps to
        parser = _parser()
        parts = ["# Commands", f"```text\n{parser.format_help().strip()}\n```"]
        (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
        for name in COMMANDS:
            text = commands.choices[name].format_help().strip()
            parts += [f"## `kerazoo {name}`", f"```text\n{text}\n```"]
    return "\n\n".join(parts) + "\n"
