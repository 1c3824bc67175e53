"""What there is to score, divided into parts: each is read by one worker and makes one file.

A part says where its pictures are; no picture is opened here.
"""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kerazoo._errors import invalid
from kerazoo._machine import require
from kerazoo.picture_lists import find_pictures, pictures_under
from kerazoo.pictures import PictureError

PARQUET, TAR, LIST = ".parquet", ".tar", ".txt"
CONTAINERS = (PARQUET, TAR, LIST)


@dataclass(frozen=True)
class Part:
    """Pictures that are scored together.

    Attributes:
        number: Place among all parts.
        kind: `"paths"`, `".parquet"` or `".tar"`.
        paths: Of the pictures; of the others the one file.
        start: First row, of a Parquet file.
        stop: The row after the last.
    """

    number: int
    kind: str
    paths: tuple[str, ...]
    start: int = 0
    stop: int = 0

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> "Part":
        """What `to_dict` gave."""
        return cls(**{**facts, "paths": tuple(facts["paths"])})

    @property
    def count(self) -> int | None:
        """Number of pictures; None where only reading tells."""
        if self.kind == "paths":
            return len(self.paths)
        return self.stop - self.start if self.kind == PARQUET else None


def divide(pictures: Any, size: int) -> list[Part]:
    """Parts of at most `size` pictures; a tar file is one, whatever it holds.

    Args:
        pictures: A path or several: of pictures, folders of them and globs; of Parquet files, of
            tar files (WebDataset), and of lists, `.txt` with a path a line; or a folder of Parquet
            or tar files. All of one kind.
        size: Pictures of a part.

    Raises:
        PictureError: There is nothing.
        ValueError: Something of several kinds.
    """
    given = [pictures] if isinstance(pictures, str | os.PathLike) else list(pictures)
    if not given or not all(isinstance(each, str | os.PathLike) for each in given):
        raise invalid("pictures", pictures, "a path, or several")
    files = [path for each in given for path in _expand(os.fspath(each))]
    kinds = sorted({_kind(path) or "pictures" for path in files})
    if len(kinds) > 1:
        raise invalid("pictures", ", ".join(kinds), "of one kind: each makes parts of its own")
    if kinds[0] == TAR:
        return [Part(i, TAR, (_absolute(path),)) for i, path in enumerate(files)]
    if kinds[0] == PARQUET:
        parts = list(_rows(files, size))
    else:
        listed = kinds[0] == LIST
        found = [path for each in files for path in _listed(Path(each))] if listed else files
        paths = [_absolute(path) for path in found]
        starts = range(0, len(paths), size)
        parts = [Part(i, "paths", tuple(paths[at : at + size])) for i, at in enumerate(starts)]
    if not parts:  # a list without a line, Parquet files without a row
        raise PictureError(f"No pictures in {', '.join(files)}.")
    return parts


def _expand(argument: str) -> list[str]:
    """Files that an argument names: containers, or else pictures."""
    path = Path(argument)
    if path.is_dir():
        if not pictures_under(path)[0]:
            for suffix in (PARQUET, TAR):
                if inside := sorted(str(each) for each in path.rglob(f"*{suffix}")):
                    return inside
    elif _kind(argument):
        matches = sorted(glob.glob(argument)) if glob.has_magic(argument) else [argument]
        missing = [each for each in matches if not Path(each).is_file()]
        if missing or not matches:
            raise PictureError(f"Cannot read {(missing or [argument])[0]!r}: no such file.")
        return matches
    return [str(each) for each in find_pictures([argument])]


def _kind(path: str) -> str | None:
    suffix = os.path.splitext(path)[1].lower()
    return suffix if suffix in CONTAINERS else None


def _absolute(path: str) -> str:
    """Workers may be in another folder."""
    return os.path.abspath(path)


def _listed(path: Path) -> Iterator[str]:
    """Paths in a list file, which begin at its folder."""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            if name := line.rstrip("\r\n"):
                yield os.path.join(path.parent, name)


def _rows(files: Sequence[str], size: int) -> Iterator[Part]:
    """Parts of Parquet files; none has rows of two."""
    require([("pyarrow", "ray")], "Reading Parquet")
    from pyarrow import ArrowException
    from pyarrow.parquet import read_metadata

    number = 0
    for path in files:
        try:
            rows = read_metadata(path).num_rows
        except (ArrowException, OSError) as error:
            raise PictureError(f"Cannot read {path!r}: no Parquet file ({error}).") from error
        for start in range(0, rows, size):
            yield Part(number, PARQUET, (_absolute(path),), start, min(start + size, rows))
            number += 1


def total(parts: Iterable[Part]) -> int | None:
    """Number of pictures; None where only reading tells."""
    counts = [part.count for part in parts]
    return None if None in counts else sum(filter(None, counts))
