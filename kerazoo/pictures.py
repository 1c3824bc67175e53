"""Pictures as people have them: any mode, any orientation, sometimes not a picture at all."""

import glob
import io
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._errors import invalid

PICTURE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

_log = logging.getLogger("kerazoo")


class PictureError(ValueError):
    """A file that cannot be read as a picture; the message names the file and the reason."""


def open_picture(source: str | os.PathLike | bytes) -> Any:
    """Reads any picture that Pillow knows as upright 8-bit RGB.

    EXIF rotation is applied. Transparency is laid on white, as a browser would show it. Sixteen
    bits of grey are scaled to eight. CMYK, palette, grey and bilevel pictures become RGB. Of an
    animation the first frame is taken.

    Args:
        source: Path of a file, or its bytes.

    Returns:
        A loaded `PIL.Image.Image` of mode `"RGB"`; no file stays open.

    Raises:
        PictureError: The file is missing, empty, cut short, or not a picture.
    """
    if not isinstance(source, str | os.PathLike | bytes):
        raise invalid("source", source, "a path or bytes")
    name = "<bytes>" if isinstance(source, bytes) else os.fspath(source)
    data = source if isinstance(source, bytes) else _read(source)
    if not data:
        raise PictureError(f"Cannot read picture {name!r}: the file is empty.")
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            return _to_rgb(_upright(image, name))
    except UnidentifiedImageError:
        reason = f"not a picture in a format Pillow knows (it begins with {data[:12]!r})"
    except Exception as error:
        reason = f"damaged or not supported ({error})"
    raise PictureError(f"Cannot read picture {name!r}: {reason}.")


def as_picture(item: Any) -> Any:
    """A PIL picture of whatever stands for one.

    Args:
        item: A path or the bytes of a file, as for `open_picture`; a PIL picture, treated alike; or
            a uint8 array `(height, width)` or `(height, width, channels)`, whose channels are
            kept: one is grey, three are RGB.

    Raises:
        PictureError: A file cannot be read.
    """
    from PIL import Image

    if isinstance(item, np.ndarray):
        return Image.fromarray(item[..., 0] if item.ndim == 3 and item.shape[-1] == 1 else item)
    if isinstance(item, Image.Image):
        return _to_rgb(_upright(item, repr(item)))
    return open_picture(item)


def is_one_path(argument: str | os.PathLike) -> bool:
    """Whether `find_pictures` takes that for one file: it is neither a folder nor a glob."""
    path = Path(argument)
    return not path.is_dir() and (path.exists() or not glob.has_magic(os.fspath(argument)))


def find_pictures(arguments: Iterable[str | os.PathLike]) -> list[Path]:
    """Paths of the pictures that files, folders and globs name, each once, in a stable order.

    Args:
        arguments: A file is taken as it is, whatever its suffix, and so is a path that does not
            exist (`open_picture` then says so). A folder stands for all pictures under it, a
            glob (`*`, `?`, `[…]`, `**`) for those that match, both sorted and chosen by
            `PICTURE_SUFFIXES`; hidden files are left out.

    Raises:
        PictureError: A folder or a glob yields no picture.
    """
    found: dict[Path, None] = {}
    for argument in arguments:
        found.update(dict.fromkeys(_expand(os.fspath(argument))))
    return list(found)


def _expand(argument: str) -> list[Path]:
    path = Path(argument)
    if is_one_path(argument):
        return [path]
    if path.is_dir():
        paths = _walk(path)
    else:
        paths = []
        for match in map(Path, glob.glob(argument, recursive=True)):
            paths += _walk(match) if match.is_dir() else [match] * _is_picture(match)
    if not paths:
        accepted = ", ".join(PICTURE_SUFFIXES)
        raise PictureError(f"No pictures in {argument!r}. Accepted suffixes: {accepted}.")
    return sorted(set(paths))


def _walk(folder: Path) -> list[Path]:
    inside: Iterator[Path] = folder.rglob("*")
    return [
        path
        for path in inside
        if _is_picture(path) and not any(p[0] == "." for p in path.relative_to(folder).parts)
    ]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()


def _read(path: str | os.PathLike) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        reason = "no such file"
    except IsADirectoryError:
        reason = "it is a folder"
    except OSError as error:
        reason = error.strerror or str(error)
    raise PictureError(f"Cannot read picture {os.fspath(path)!r}: {reason}.")


def _upright(image: Any, name: str) -> Any:
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except Exception as error:
        _log.warning("EXIF of picture %r is unreadable (%s); rotation is ignored.", name, error)
        return image


def _to_rgb(image: Any) -> Any:
    from PIL import Image

    if image.mode == "F":
        raise ValueError("floating-point pictures have no defined range")
    if image.mode.startswith("I"):
        # convert() would clip 16-bit grey to its lowest 256 levels; 65535 / 257 = 255.
        levels = np.asarray(image).astype("int64")
        if levels.min() < 0 or levels.max() > 65535:
            raise ValueError("integer grey levels beyond 16 bits")
        image = Image.fromarray(((levels + 128) // 257).astype("uint8"))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")
