"""Boxes on a picture: lines and letters that can be read on pictures of 100 and of 6,000 pixels."""

import colorsys
from typing import Any

import numpy as np

from kerazoo._errors import invalid
from kerazoo.report.lettering import font_for, lettered

_GOLDEN = 0.618034  # of a turn: hues of neighbouring classes lie far apart


def colour_of(number: int) -> tuple[int, int, int]:
    """The colour of a class, dark enough for white letters."""
    hue = (0.58 + number * _GOLDEN) % 1
    # The eye takes green and yellow for brighter than red and blue.
    value = 0.62 if 0.11 < hue < 0.5 else 0.85
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.85, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def draw(picture: Any, found: Any) -> Any:
    """The picture with what was found: the surest on top, each with its name and score.

    Args:
        picture: A PIL picture.
        found: The `Detections`.

    Raises:
        ValueError: The picture has another size than the one that they were found on.
    """
    from PIL import ImageDraw

    if (picture.height, picture.width) != tuple(found.size):
        rule = f"{found.size[1]} x {found.size[0]} pixels, as that which was looked at"
        raise invalid("picture", f"one of {picture.width} x {picture.height}", rule)
    drawn = picture.convert("RGB").copy()
    pen = ImageDraw.Draw(drawn)
    side = (picture.width * picture.height) ** 0.5
    line = max(1, round(side / 200))
    font = font_for(found.names, max(10, round(side / 36)))
    taken: list[tuple[float, float, float, float]] = []
    order = range(len(found))
    for number in reversed(order):
        _outline(pen, found.boxes[number], colour_of(int(found.classes[number])), line)
    for number in order:
        text = f"{lettered(found.names[number], font)} {100 * found.scores[number]:.0f}"
        place = _place(pen, text, found.boxes[number], font, line, drawn.size, taken)
        if place is not None:
            taken.append(place)
            pen.rectangle(place, fill=colour_of(int(found.classes[number])))
            pen.text((place[0] + 2 * line, place[1] + line), text, fill="white", font=font)
    return drawn


def _outline(pen: Any, box: np.ndarray, colour: tuple, line: int) -> None:
    x1, y1, x2, y2 = (round(float(v)) for v in box)
    corners = (x1, y1, max(x2 - 1, x1), max(y2 - 1, y1))
    rim = max(1, line // 3)
    outer = (corners[0] - rim, corners[1] - rim, corners[2] + rim, corners[3] + rim)
    pen.rectangle(outer, outline="white", width=rim)  # to be seen on any ground
    pen.rectangle(corners, outline=colour, width=line)


def _place(
    pen: Any, text: str, box: np.ndarray, font: Any, line: int, size: tuple[int, int], taken: list
) -> tuple[float, float, float, float] | None:
    """Where the letters go: above the box, else inside it, else below; None if all is taken."""
    _, _, right, bottom = pen.textbbox((0, 0), text, font=font)
    width, height = right + 4 * line, bottom + 3 * line
    x1, y1, _, y2 = (float(v) for v in box)
    x = min(max(x1, 0), max(size[0] - width, 0))
    for y in (y1 - height, y1, y2, y2 - height):
        place = (x, y, x + width, y + height)
        if 0 <= y <= size[1] - height and not any(_meet(place, other) for other in taken):
            return place
    return None


def _meet(a: tuple, b: tuple) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
