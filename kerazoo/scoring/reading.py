"""The pictures of a part, one after the other: names, and paths or bytes of files."""

import os
import tarfile
from collections.abc import Iterator
from typing import Any

from kerazoo._bounds import PICTURE_BYTES
from kerazoo._errors import invalid, reason_of
from kerazoo.picture_lists import PICTURE_SUFFIXES
from kerazoo.pictures import PictureError
from kerazoo.scoring.parts import PARQUET, TAR, Part

# Columns of Parquet files that are looked for, in this order: the pictures, and what to call them.
PICTURES = ("bytes", "image", "jpg", "png", "path", "picture", "file", "file_name")
NAMES = ("path", "file_name", "name", "__key__", "key", "id")
_AT_ONCE = 64  # rows of a Parquet file that are read at a time


def pictures_of(part: Part, column: str | None = None) -> Iterator[tuple[str, str | bytes]]:
    """`(name, path or bytes)` of each picture, in order.

    Args:
        part: Of `divide`.
        column: Of a Parquet file; by default the first of `PICTURES` that it has.

    Raises:
        PictureError: The file of the part cannot be read.
        ValueError: There is no such column, or it holds neither paths nor bytes.
    """
    if part.kind == TAR:
        return _in_tar(part.paths[0])
    if part.kind == PARQUET:
        return _in_parquet(part, column)
    return ((path, path) for path in part.paths)


def _in_tar(path: str) -> Iterator[tuple[str, bytes]]:
    """Members of a tar file that are pictures by their suffix; all others are left alone."""
    try:
        with tarfile.open(path, "r|*") as file:
            for member in file:
                suffix = os.path.splitext(member.name)[1].lower()
                if member.isfile() and suffix in PICTURE_SUFFIXES:
                    content = file.extractfile(member)
                    assert content is not None  # of a regular file
                    # One byte more than may be: `open_picture` refuses it by its size.
                    yield f"{path}/{member.name}", content.read(PICTURE_BYTES.value + 1)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise PictureError(f"Cannot read {path!r}: no whole tar file ({error}).") from error


def _in_parquet(part: Part, column: str | None) -> Iterator[tuple[str, str | bytes]]:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    (path,) = part.paths
    try:
        with ParquetFile(path) as file:
            held, name = _columns(file.schema_arrow, path, column)
            groups, row = _groups(file, part.start, part.stop)
            columns = list(dict.fromkeys((held, name or held)))
            for batch in file.iter_batches(_AT_ONCE, row_groups=groups, columns=columns):
                values = batch.column(held).to_pylist()
                names = batch.column(name).to_pylist() if name else [None] * len(values)
                for value, called in zip(values, names, strict=True):
                    if part.start <= row < part.stop:
                        yield _picture(value, called, f"{path}#{row}", os.path.dirname(path))
                    row += 1
    except (ArrowException, OSError) as error:
        reason = reason_of(error)
        raise PictureError(f"Cannot read {path!r}: no whole Parquet file ({reason}).") from error


def _groups(file: Any, start: int, stop: int) -> tuple[list[int], int]:
    """Row groups that hold these rows, and the first row of the first of them."""
    found, first, row = [], 0, 0
    for group in range(file.metadata.num_row_groups):
        end = row + file.metadata.row_group(group).num_rows
        if row < stop and start < end:
            first = first if found else row
            found.append(group)
        row = end
    return found, first


def _columns(schema: Any, path: str, column: str | None) -> tuple[str, str | None]:
    """The column of pictures, and the one of their names, if there is any beside it."""
    import pyarrow

    names = schema.names
    held = column or next((name for name in PICTURES if name in names), None)
    if held is None or held not in names:
        rule = f"a column of {path!r}: {', '.join(names)}"
        raise invalid("column", column, rule)
    kind = schema.field(held).type
    text, binary = pyarrow.types.is_string, pyarrow.types.is_binary
    large = pyarrow.types.is_large_string, pyarrow.types.is_large_binary
    if not (any(is_(kind) for is_ in (text, binary, *large)) or pyarrow.types.is_struct(kind)):
        raise invalid("column", held, f"of paths or bytes in {path!r}, not {kind}")
    if text(kind) or large[0](kind):
        return held, None
    return held, next((n for n in NAMES if n in names and n != held), None)


def _picture(value: Any, name: Any, place: str, folder: str) -> tuple[str, str | bytes]:
    """Of a value: a path, which begins at the file's folder; bytes; or a struct with either."""
    if isinstance(value, dict):  # as Hugging Face's `datasets` write images
        name = name or value.get("path")
        value = value.get("bytes") or value.get("path")
    if isinstance(value, str) and value:
        path = os.path.join(folder, value)
        return path, path
    return str(name) if name is not None else place, value or b""  # which is refused as empty
