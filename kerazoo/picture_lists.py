"""Which pictures somebody means: files, folders, patterns, arrays, lists of these."""

import glob
import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._errors import counted, invalid
from kerazoo.pictures import PictureError

_log = logging.getLogger("kerazoo")


PICTURE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

_said: set[str] = set()  # warnings of folders, which are opened once for each split


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
            `PICTURE_SUFFIXES`; hidden files are left out, and a warning counts all others.

    Raises:
        PictureError: A folder or a glob yields no picture.
    """
    found: dict[Path, None] = {}
    for argument in arguments:
        if not os.fspath(argument):
            raise PictureError("Cannot read picture '': the path is empty.")
        found.update(dict.fromkeys(_expand(os.fspath(argument))))
    return list(found)


def _expand(argument: str) -> list[Path]:
    path = Path(argument)
    if is_one_path(argument):
        return [path]
    if path.is_dir():
        paths = _walk(path)
    else:
        paths, left_out = [], Counter()
        for match in map(Path, glob.glob(argument, recursive=True)):
            if match.is_dir():
                paths += _walk(match)
            elif _is_picture(match):
                paths.append(match)
            else:
                left_out[match.suffix.lower() or "no suffix"] += 1
        say_left_out(argument, left_out)
    if not paths:
        accepted = ", ".join(PICTURE_SUFFIXES)
        raise PictureError(f"No pictures in {argument!r}. Accepted suffixes: {accepted}.")
    return sorted(set(paths))


def _walk(folder: Path) -> list[Path]:
    paths, left_out = pictures_under(folder)
    say_left_out(folder, left_out)
    return paths


def pictures_under(folder: Path) -> tuple[list[Path], Counter[str]]:
    """Pictures anywhere under a folder, by their suffix, and what else is there, counted by kind.

    What is hidden is neither, nor what lies in a hidden folder.
    """
    paths, left_out = [], Counter()
    for path in folder.rglob("*"):
        if any(part[0] == "." for part in path.relative_to(folder).parts):
            continue
        if path.is_dir():
            left_out["links to folders"] += path.is_symlink()  # which are not followed
        elif _is_picture(path):
            paths.append(path)
        elif path.suffix.lower() in PICTURE_SUFFIXES:
            left_out["no regular files"] += 1
        else:
            left_out[path.suffix.lower() or "no suffix"] += 1
    return sorted(paths), +left_out


def pictures_in(folder: Path) -> list[Path]:
    """Pictures that lie in a folder itself, by their suffix; hidden ones are none."""
    return [path for path in folder.iterdir() if path.name[0] != "." and _is_picture(path)]


def say_left_out(folder: str | os.PathLike, left_out: Mapping[str, int]) -> None:
    """A warning, the first time, of files in a folder that `pictures_under` does not take."""
    if not left_out:
        return
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(left_out.items()))
    total = sum(left_out.values())
    files = f"{counted(total, 'file')} {'is' if total == 1 else 'are'}"
    text = f"{os.fspath(folder)!r}: {files} left out ({kinds}); "
    text += f"pictures end in {', '.join(PICTURE_SUFFIXES)}."
    if text not in _said:
        _said.add(text)
        _log.warning("%s", text)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()


def is_one_picture(pictures: Any) -> bool:
    """Whether that is a picture, rather than what may hold several (a list, folder or glob)."""
    if isinstance(pictures, np.ndarray):
        return pictures.ndim < 4
    if isinstance(pictures, str | os.PathLike):
        return not os.fspath(pictures) or is_one_path(pictures)
    from PIL import Image

    return isinstance(pictures, bytes | Image.Image)


def listed(pictures: Any) -> list[Any]:
    """Pictures as a list of paths, uint8 arrays and PIL pictures; see `Predictor.predict`."""
    from PIL import Image

    if isinstance(pictures, str | os.PathLike):
        return find_pictures([pictures])
    single = isinstance(pictures, bytes | Mapping | Image.Image)
    single = single or (isinstance(pictures, np.ndarray) and not pictures.ndim)
    if single or not isinstance(pictures, Iterable):
        raise invalid("pictures", pictures, "paths, PIL pictures or uint8 arrays, in a list")
    items = list(pictures)
    if all(isinstance(item, str | os.PathLike) for item in items):
        return find_pictures(items)
    return [path for item in items for path in _listed(item)]


def _listed(item: Any) -> list[Any]:
    from PIL import Image

    if isinstance(item, str | os.PathLike):
        return find_pictures([item])
    picture = isinstance(item, np.ndarray) and item.dtype == np.uint8 and item.ndim in (2, 3)
    if picture or isinstance(item, bytes | Image.Image):
        return [item]
    shown = f"{item.dtype} {item.shape}" if isinstance(item, np.ndarray) else item
    rule = "paths, PIL pictures or uint8 arrays (height, width, channels), 0 to 255"
    raise invalid("pictures", shown, rule)
