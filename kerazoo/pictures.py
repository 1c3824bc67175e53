"""Pictures as people have them: any mode, any orientation, sometimes not a picture at all."""

import io
import logging
import os
import threading
from typing import Any, BinaryIO

import numpy as np

from kerazoo._bounds import PICTURE_BYTES, PICTURE_PIXELS
from kerazoo._checks import check_int, checked
from kerazoo._errors import invalid
from kerazoo._files import open_regular, read_regular

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Parts of a PNG that say nothing of its pixels as we read them, and that Pillow bounds.
_PNG_TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
_HEIF = tuple(b"ftyp" + brand for brand in (b"heic", b"heix", b"mif1", b"msf1", b"heim", b"avif"))
# Files whose mode "I" Pillow has scaled to 16 bits; those of TIFF have any range.
_SIXTEEN_BITS = ("PNG", "PPM")

_log = logging.getLogger("kerazoo")
_pillow = threading.Lock()  # for its one global number
_BITS, _PHOTOMETRIC = 258, 262  # tags of TIFF
ORIENTATION = 0x0112  # tag of EXIF
_STRIP = 2**22  # pixels that are computed with at a time


class PictureError(ValueError):
    """A file that cannot be read as a picture; the message names the file and the reason."""


@checked("at_least")
def open_picture(
    source: str | os.PathLike | bytes,
    *,
    max_pixels: int | None = None,
    at_least: tuple[int, int] | None = None,
) -> Any:
    """Reads any picture that Pillow knows as upright 8-bit RGB.

    EXIF rotation is applied. Transparency is laid on white, as a browser would show it. Sixteen
    bits of grey are scaled to eight. CMYK, palette, grey and bilevel pictures become RGB. Of an
    animation the first frame is taken. Training and evaluation read files in the same way.

    Args:
        source: Path of a regular file (no pipe, no device), or its bytes.
        max_pixels: Height times width that are decoded at the most. Default: 134,217,728, or what
            the environment variable KERAZOO_MAX_PIXELS says. A file may have 512 MiB, or
            KERAZOO_MAX_PICTURE_BYTES.
        at_least: Height and width that the picture has to keep. A JPEG may then be decoded at an
            eighth, a quarter or half of its size, the smallest that has them, which takes a
            fraction of the time. Default: every pixel.

    Returns:
        A loaded `PIL.Image.Image` of mode `"RGB"`; no file stays open.

    Raises:
        PictureError: The file is missing, empty, cut short, too large, or not a picture.
    """
    return open_reduced(source, at_least, max_pixels)[0]


def open_reduced(
    source: str | os.PathLike | bytes,
    at_least: tuple[int, int] | None,
    max_pixels: int | None = None,
) -> tuple[Any, tuple[int, int]]:
    """`open_picture`, and the height and width that the whole picture has, upright."""
    check_int("max_pixels", max_pixels, optional=True)
    most = PICTURE_PIXELS.value if max_pixels is None else max_pixels
    if not isinstance(source, str | os.PathLike | bytes) or source == "":
        raise invalid("source", source, "a path or bytes")
    name = "<bytes>" if isinstance(source, bytes) else os.fspath(source)
    data = source if isinstance(source, bytes) else _read(source)
    if not data:
        raise PictureError(f"Cannot read picture {name!r}: the file is empty.")
    if len(data) > PICTURE_BYTES.value:
        raise PictureError(
            f"Cannot read picture {name!r}: the file is too large in bytes; {PICTURE_BYTES}."
        )
    from PIL import UnidentifiedImageError

    try:
        with opened_lazily(_without_texts(data), most) as image:
            if image.width * image.height > most:
                size = f"{image.width:,} x {image.height:,}"
                rule = f"at most {most:,} are taken ({PICTURE_PIXELS.variable})"
                raise PictureError(f"Cannot read picture {name!r}: {size} pixels; {rule}.")
            size = _reduce(image, at_least)
            image.load()
            _turn(image, name)
            return _to_rgb(image), size
    except PictureError:
        raise
    except UnidentifiedImageError:
        if data[4:12] in _HEIF:
            hint = "`pip install pillow-heif`, then `pillow_heif.register_heif_opener()` in Python"
            reason = f"HEIC or AVIF, which Pillow reads with a package more: {hint}"
        else:
            reason = f"not a picture in a format Pillow knows (it begins with {data[:12]!r})"
    except Exception as error:
        reason = f"damaged or not supported ({error})"
    raise PictureError(f"Cannot read picture {name!r}: {reason}.")


def picture_header(source: str | os.PathLike | bytes) -> tuple[tuple[int, int], int]:
    """Height and width of a picture as it is stored, and the orientation that EXIF says, 1 to 8.

    Of its path or its bytes; no pixel is decoded.

    Raises:
        PictureError: The file is missing or not a picture.
    """
    from PIL import UnidentifiedImageError

    try:
        opened = io.BytesIO(source) if isinstance(source, bytes) else open_regular(source)
        with opened as file, opened_lazily(file, PICTURE_PIXELS.value) as image:
            size = image.height, image.width
            try:
                orientation = image.getexif().get(ORIENTATION, 1)
            except Exception:  # unreadable EXIF turns nothing
                orientation = 1
    except Exception as error:
        name = "<bytes>" if isinstance(source, bytes) else os.fspath(source)
        reason = getattr(error, "strerror", None) or error
        if isinstance(error, UnidentifiedImageError):  # its words name a buffer
            reason = "not a picture in a format Pillow knows"
        raise PictureError(f"Cannot read picture {name!r}: {reason}.") from error
    return size, orientation if orientation in range(1, 9) else 1


def _reduce(image: Any, at_least: tuple[int, int] | None) -> tuple[int, int]:
    """Has a JPEG decoded no larger than needed; gives the whole height and width, upright."""
    size = image.height, image.width
    try:
        aside = image.getexif().get(ORIENTATION, 1) >= 5
    except Exception:  # `_turn` says so
        aside = False
    if at_least is not None:
        rows, columns = reversed(at_least) if aside else at_least
        image.draft(None, (columns, rows))
    return size[::-1] if aside else size


def opened_lazily(data: bytes | BinaryIO, most: int) -> Any:
    """A picture of which no more than the header is read yet, whatever its size.

    Files are opened by the caller: a pipe would be waited for, by whoever else reads pictures too.
    """
    from PIL import Image

    with _pillow:  # Pillow's own bound warns on stderr of pictures that we take, or refuse
        theirs, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(io.BytesIO(data) if isinstance(data, bytes) else data)
        finally:
            # It counts again when such a picture is cropped, so who raised ours means both.
            if theirs is not None and most > PICTURE_PIXELS.default:
                theirs = max(theirs, most)
            Image.MAX_IMAGE_PIXELS = theirs
    if theirs is not None and most >= image.width * image.height > 2 * theirs:
        raise Image.DecompressionBombError(f"more than {2 * theirs:,} pixels, Pillow's own bound")
    # Orientation in XMP, which Pillow falls back on, is heeded by no browser and not by TensorFlow.
    image.info.pop("xmp", None)
    return image


def _without_texts(data: bytes) -> bytes:
    """A PNG without those of its parts; any other file as it is."""
    if not data.startswith(PNG_SIGNATURE):
        return data
    kept, start, at = [], 0, len(PNG_SIGNATURE)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4])
        if data[at + 4 : at + 8] in _PNG_TEXTS:
            kept.append(data[start:at])
            start = end
        at = end
    return b"".join([*kept, data[start:]]) if kept else data


def as_picture(item: Any, argument: str = "pictures") -> Any:
    """A PIL picture of whatever stands for one.

    Args:
        item: A path or the bytes of a file, as for `open_picture`; a PIL picture, treated alike; or
            a uint8 array `(height, width)` or `(height, width, channels)`, whose channels are
            kept: one is grey, three are RGB.
        argument: What complaints call it.

    Raises:
        PictureError: A file cannot be read.
        ValueError: It is nothing of that.
    """
    from PIL import Image

    if isinstance(item, np.ndarray):
        fits = item.ndim == 2 or (item.ndim == 3 and item.shape[-1] in (1, 2, 3, 4))
        if not fits or item.dtype != np.uint8:
            rule = "uint8, of shape (height, width) or (height, width, channels), 1 to 4 of them"
            raise invalid(argument, f"an array {item.dtype} {item.shape}", rule)
        return Image.fromarray(item[..., 0] if item.ndim == 3 and item.shape[-1] == 1 else item)
    if isinstance(item, Image.Image):
        return of_pil(item)
    if not isinstance(item, str | os.PathLike | bytes) or item == "":
        rule = "a path, the bytes of a file, a PIL picture or a uint8 array"
        raise invalid(argument, item, rule)
    return open_picture(item)


def again(item: Any) -> Any:
    """The PIL picture that something was found on, to be drawn on.

    Args:
        item: What it was given as: as for `as_picture`; None where nobody knows.

    Raises:
        ValueError: It is None.
        PictureError: The file cannot be read any more.
    """
    if item is None:
        raise invalid("picture", None, "given: it is not known what these were found on")
    return as_picture(item)


def of_pil(image: Any) -> Any:
    """A PIL picture as `open_picture` would read its file.

    Raises:
        PictureError: Its mode has no defined colours, as that of floating-point numbers.
    """
    try:
        return _to_rgb(upright(image))
    except Exception as error:
        raise PictureError(f"Cannot read picture {image!r}: not supported ({error}).") from error


def _read(path: str | os.PathLike) -> bytes:
    try:
        return read_regular(path, PICTURE_BYTES.value)
    except FileNotFoundError:
        reason = "no such file"
    except IsADirectoryError:
        reason = "it is a folder"
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        reason = getattr(error, "strerror", None) or str(error)
    raise PictureError(f"Cannot read picture {os.fspath(path)!r}: {reason}.")


def upright(image: Any) -> Any:
    """A PIL picture turned as its EXIF says: itself, where that is not at all."""
    from PIL import ImageOps

    try:
        turned = image.getexif().get(ORIENTATION, 1) != 1
        return ImageOps.exif_transpose(image) if turned else image
    except Exception as error:
        _warn_of_exif(repr(image), error)
        return image


def _turn(image: Any, name: str) -> None:
    """Turns a picture of our own as its EXIF says."""
    from PIL import ImageOps

    try:
        ImageOps.exif_transpose(image, in_place=True)
    except Exception as error:
        _warn_of_exif(repr(name), error)


def _warn_of_exif(name: str, error: Exception) -> None:
    _log.warning("EXIF of picture %s is unreadable (%s); rotation is ignored.", name, error)


def _to_rgb(image: Any) -> Any:
    from PIL import Image

    if image.mode == "F":
        raise ValueError("floating-point pictures have no defined range")
    if image.mode == "I" and image.format not in _SIXTEEN_BITS:
        raise ValueError("integers beyond 16 bits have no defined range")
    if image.mode.startswith("I"):
        # convert() would clip 16-bit grey to its lowest 256 levels; 65535 / 257 = 255.
        image = Image.fromarray(_to_bytes(_levels(image)))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _levels(image: Any) -> np.ndarray:
    """16-bit grey, black as 0 and white as 65535."""
    levels = np.asarray(image)
    tags = getattr(image, "tag_v2", {})  # of a TIFF, which may have fewer bits, or white as 0
    if tags.get(_BITS) == (12,):
        levels = (levels.astype("uint32") * 65535 // 4095).astype("uint16")
    return 65535 - levels if tags.get(_PHOTOMETRIC) == 0 else levels


def _to_bytes(levels: np.ndarray) -> np.ndarray:
    """16-bit grey as 8-bit, a strip at a time: the whole of it in 64 bits would be too much."""
    if levels.min() < 0 or levels.max() > 65535:
        raise ValueError("integer grey levels beyond 16 bits")
    result = np.empty(levels.shape, "uint8")
    rows = max(1, _STRIP // levels.shape[1])
    for top in range(0, len(levels), rows):
        result[top : top + rows] = (levels[top : top + rows].astype("int32") + 128) // 257
    return result
