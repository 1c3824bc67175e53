"""Classes in colours: the palette, label pictures, and overlays with a legend."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerazoo._errors import invalid
from kerazoo.report.lettering import font_for, lettered
from kerazoo.tasks.segmentation.masks import UNSEEN

SHARE = 0.55  # of the colour over the picture
UNCOLOURED = ("background",)  # a class of that name is left as it is
_PAPER, _INK = "#ffffff", "#1c2430"


def palette() -> np.ndarray:
    """Pascal VOC's colours of the numbers 0 to 255, uint8 `(256, 3)`.

    The bits of a number are dealt to red, green and blue in turn, the lowest to their highest bits;
    0 is black, 255 nearly white. Source: VOCdevkit, `VOCcode/VOClabelcolormap.m`.
    """
    numbers = np.arange(256)
    colours = np.zeros((256, 3), "uint8")
    for bit in range(8):
        for channel in range(3):
            value = (numbers >> (3 * bit + channel)) & 1
            colours[:, channel] |= (value << (7 - bit)).astype("uint8")
    return colours


def colours_of(names: Sequence[str]) -> np.ndarray:
    """Those of the classes, uint8 `(256, 3)`: Pascal VOC's, whose first, black, is `background`'s.

    Where the first class is something else, each takes the colour of the next number.
    """
    colours = palette()
    if names and names[0] not in UNCOLOURED:
        colours[:-1] = colours[1:].copy()
    return colours


def label_picture(mask: np.ndarray, names: Sequence[str] = ()) -> Any:
    """A mask as a PIL picture of mode P, whose values are the class numbers."""
    from PIL import Image

    picture = Image.fromarray(mask).convert("L")
    picture.putpalette(colours_of(names).tobytes())
    return picture


def overlay(picture: Any, segments: Any) -> Any:
    """The picture with the classes in colours over it, and a legend on the right.

    Args:
        picture: A PIL picture of the mask's size.
        segments: The `Segments`.

    Raises:
        ValueError: The picture has another size.
    """
    from PIL import Image

    mask = segments.mask
    if (picture.height, picture.width) != mask.shape:
        rule = f"{mask.shape[1]} x {mask.shape[0]} pixels, as the mask is"
        raise invalid("picture", f"one of {picture.width} x {picture.height}", rule)
    pixels, colours = np.array(picture.convert("RGB")), colours_of(segments.names)
    plain = [i for i, name in enumerate(segments.names) if name in UNCOLOURED]
    for top in range(0, len(mask), 256):  # a copy in floats of all of it would be large
        part, strip = mask[top : top + 256], pixels[top : top + 256]
        shown = ~np.isin(part, [*plain, UNSEEN])
        mixed = (1 - SHARE) * strip[shown] + SHARE * colours[part[shown]]
        strip[shown] = mixed.round().astype("uint8")
    return _with_legend(Image.fromarray(pixels), segments, colours)


def _with_legend(picture: Any, segments: Any, colours: np.ndarray) -> Any:
    """Names, colours and shares beside the picture; sized so that they can be read on it."""
    from PIL import Image, ImageDraw

    size = max(12, round(min(picture.size) / 28))
    font, line = font_for(segments.areas, size), round(1.5 * size)
    entries = [
        (colours[segments.names.index(name)], f"{lettered(name, font)} {100 * share:.1f} %")
        for name, share in segments.areas.items()
    ]
    ruler = ImageDraw.Draw(picture)
    width = max((ruler.textlength(text, font) for _, text in entries), default=0)
    height = max(picture.height, line * len(entries) + size)
    sheet = Image.new("RGB", (picture.width + round(width) + 4 * size, height), _PAPER)
    sheet.paste(picture, (0, 0))
    draw, left = ImageDraw.Draw(sheet), picture.width + size
    for number, (colour, text) in enumerate(entries):
        top = size // 2 + number * line
        box = (left, top, left + size, top + size)
        draw.rectangle(box, fill=tuple(map(int, colour)), outline=_INK)
        draw.text((left + 1.5 * size, top - size // 8), text, fill=_INK, font=font)
    return sheet
