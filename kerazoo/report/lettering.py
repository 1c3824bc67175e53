"""Names on pictures, in letters that a font of this machine has.

Pillow's own font knows ASCII. Class names are written in any script: another font is looked for
where one needs it, and letters that none has are written without their marks, or as escapes.
"""

import functools
import importlib.util
import logging
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

log = logging.getLogger("kerazoo")

# Files that Pillow finds among the fonts of a system: Latin, Greek and Cyrillic, then all scripts.
_ELSEWHERE = ("DejaVuSans.ttf", "Arial.ttf", "NotoSans-Regular.ttf")
_ELSEWHERE += ("Arial Unicode.ttf", "NotoSansCJK-Regular.ttc", "msyh.ttc", "PingFang.ttc")
_NOBODY_HAS = "\uffff"


def font_for(texts: Iterable[str], size: int) -> Any:
    """The first font, of `size` pixels, that has all letters of `texts`, else the most of them."""
    wanted = {letter for text in texts for letter in text if not letter.isspace()}
    best, lacking = None, len(wanted) + 1
    for name in _names() if not all(map(str.isascii, wanted)) else (None,):
        font = _font(name, size)
        missing = sum(not _has(font, letter) for letter in wanted)
        if missing < lacking:
            best, lacking = font, missing
        if not missing:
            break
    return best


def lettered(text: str, font: Any) -> str:
    """`text` as `font` can write it: letters that it lacks lose their marks, or are escaped."""
    found = "".join(letter if _has(font, letter) else _instead(letter, font) for letter in text)
    if found != text:
        _tell(text, found)
    return found


def _instead(letter: str, font: Any) -> str:
    if letter.isspace():
        return " "
    bare = "".join(
        part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part)
    )
    bare = {"ß": "ss"}.get(letter, bare)
    if bare and all(_has(font, part) for part in bare):
        return bare
    return letter.encode("ascii", "backslashreplace").decode()


@functools.cache
def _tell(text: str, found: str) -> None:
    log.warning("No font found here writes %s: %s on pictures.", text, found)


@functools.cache
def _names() -> tuple[str | None, ...]:
    """Pillow's own (None), Matplotlib's, and those of the system."""
    matplotlib = importlib.util.find_spec("matplotlib")
    places = matplotlib.submodule_search_locations if matplotlib else None
    theirs = [Path(place) / "mpl-data/fonts/ttf/DejaVuSans.ttf" for place in places or ()]
    return (None, *(str(file) for file in theirs if file.is_file()), *_ELSEWHERE)


@functools.lru_cache(64)
def _font(name: str | None, size: int) -> Any:
    from PIL import ImageFont

    own = ImageFont.load_default(size)
    try:
        return own if name is None else ImageFont.truetype(name, size)
    except OSError:  # not here
        return own


@functools.lru_cache(4096)
def _has(font: Any, letter: str) -> bool:
    """Whether it draws something else than the box that stands for letters it does not know."""
    if letter.isspace():
        return letter == " "
    drawn, unknown = font.getmask(letter), font.getmask(_NOBODY_HAS)
    return drawn.size != unknown.size or bytes(drawn) != bytes(unknown)
