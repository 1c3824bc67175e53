"""Files that are whole or not there, whenever the process is killed."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def write_file(path: Path, write: Callable[[Path], None]) -> None:
    """Lets `write` fill a file beside `path`, which then takes its place.

    Args:
        path: The file.
        write: Called with a path of the same ending.
    """
    partial = path.with_name(f".{path.name}" if path.suffix else f".{path.name}.part")
    try:
        write(partial)
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replaces the file's text."""
    write_file(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Replaces the file by indented JSON."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def public_name(weights: str) -> str:
    """What to call weights where others read it: a file without the folders of this machine."""
    path = Path(weights)
    return path.name if path.is_absolute() or path.is_file() else weights
