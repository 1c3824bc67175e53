"""Drawn pictures as files."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kerazoo._errors import invalid
from kerazoo._files import write_file

# Ending -> format as Pillow calls it, and how it is written.
_KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    ".jpg": ("JPEG", {"quality": 92}),
    ".jpeg": ("JPEG", {"quality": 92}),
    ".png": ("PNG", {}),
    ".webp": ("WEBP", {"quality": 92}),
}


def save_drawn(path: str | os.PathLike, draw: Callable[[], Any]) -> None:
    """Writes a PIL picture, replacing an older file only once the new one is whole.

    Args:
        path: Its ending says the format: `.jpg`, `.png`, `.webp`.
        draw: Gives the picture; not called where the ending is none of these.

    Raises:
        ValueError: The ending is none of these.
    """
    ending = Path(path).suffix.lower()
    if ending not in _KINDS:
        raise invalid("path", str(path), f"a file name in {', '.join(_KINDS)}")
    (kind, how), drawn = _KINDS[ending], draw()
    write_file(Path(path), lambda partial: drawn.save(partial, kind, **how))
