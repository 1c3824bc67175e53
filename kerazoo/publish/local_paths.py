"""Records as they are published: without the folders of the machine that wrote them."""

import json
import os
import shlex
from typing import Any

# Names that mean something to people, whatever they look like: /m/01yrx is a cat.
_NAMES = ("classes", "labels")


def without_folders(value: Any) -> Any:
    """A JSON value in which absolute paths, in command lines too, are file names alone.

    Args:
        value: As `json.loads` gives it. Names of classes stay as they are.
    """
    if isinstance(value, dict):
        return {k: v if k in _NAMES else without_folders(v) for k, v in value.items()}
    if isinstance(value, list):
        return [without_folders(each) for each in value]
    if not isinstance(value, str):
        return value
    return _command(value) if value.startswith(("kerazoo ", "python ")) else _name(value)


def published_text(file: str, text: str) -> str:
    """The text of a `.json` file or of `command.txt`, likewise; without such paths as it is."""
    if not file.endswith(".json"):
        return "".join(_command(line) for line in text.splitlines(keepends=True))
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text  # not ours
    public = without_folders(value)
    return text if public == value else json.dumps(public, indent=1, ensure_ascii=False) + "\n"


def _name(text: str) -> str:
    if not (os.path.isabs(text) or text.startswith("~")) or "\n" in text:
        return text
    return os.path.basename(text.rstrip("/\\")) or text


def _command(line: str) -> str:
    try:
        words = shlex.split(line)
    except ValueError:  # a quotation without an end: no command line
        return line
    public = [_word(word) for word in words]
    return line if public == words else shlex.join(public) + line[len(line.rstrip()) :]


def _word(word: str) -> str:
    option, equals, value = word.partition("=")
    return f"{option}={_name(value)}" if equals and option.startswith("--") else _name(word)
