"""Files that are there whole or not at all."""

import os
from pathlib import Path


def write_whole(path: str | os.PathLike, content: bytes | str) -> None:
    """Writes a file under a temporary name beside its place, then renames it.

    Args:
        path: Where to; what is there is replaced at the end, in one step.
        content: Bytes, or text, which is written in UTF-8.
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.part")
    try:
        unfinished.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
