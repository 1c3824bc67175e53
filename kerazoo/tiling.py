"""Large pictures in overlapping tiles: where these lie, and where their pixels go.

A network sees a picture at the size of its input, in which small things may be lost. Seen tile by
tile they are not. What was found is put together by the task (`kerazoo.tasks.task.Task.merge`).
"""

import dataclasses
import math
from dataclasses import dataclass

from kerazoo._checks import check_int
from kerazoo._errors import invalid
from kerazoo.placement import Placement
from kerazoo.preprocessing import Preprocessing

OVERLAP = 0.25  # of a tile with the next one, at the least: what is smaller is whole in one of them
MOST = 10_000  # tiles of one picture


@dataclass(frozen=True)
class Tile:
    """A part of a picture that a network looks at by itself.

    Attributes:
        window: Top, left, height and width, in pixels of the upright picture.
        placement: Of the whole picture in the network's input.
        seen: What the input shows: x1, y1, x2, y2 in pixels of the picture. Smaller than the
            window where its ends are cut off (`Preprocessing.fit`).
    """

    window: tuple[int, int, int, int]
    placement: Placement
    seen: tuple[float, float, float, float]

    @classmethod
    def of_window(
        cls,
        window: tuple[int, int, int, int],
        picture: tuple[int, int],
        preprocessing: Preprocessing,
    ) -> "Tile":
        """A tile whose pixels are prepared as a picture of their own.

        Args:
            window: As in the attributes.
            picture: Height and width of the picture.
            preprocessing: Of the network.
        """
        top, left, height, width = window
        alone = preprocessing.place(height, width)
        (sx, sy), (ox, oy) = alone.scale, alone.offset
        placement = dataclasses.replace(
            alone, offset=(ox - left * sx, oy - top * sy), picture=picture
        )
        x1, y1, x2, y2 = placement.inverse.boxes([0.0, 0.0, *reversed(alone.size)])
        start, end = (max(float(x1), left), max(float(y1), top)), (left + width, top + height)
        return cls(window, placement, (*start, min(float(x2), end[0]), min(float(y2), end[1])))


def check_tiles(tiles: int | None, task) -> None:
    """Raises `ValueError` unless `tiles` is None, or a side for a task that can merge tiles."""
    check_int("tiles", tiles, optional=True)
    if tiles is not None and not task.merges:
        rule = f"left out: {task.name} has no way to put tiles of a picture together"
        raise invalid("tiles", tiles, rule)


def tiles_of(picture: tuple[int, int], side: int, preprocessing: Preprocessing) -> list[Tile]:
    """The whole picture, and its tiles by rows; alone where it is no larger than one of them.

    Args:
        picture: Height and width of the upright picture.
        side: The longer side of a tile in pixels of the picture. Tiles have the shape of the
            network's input, and all of them the same size.
        preprocessing: Of the network.

    Raises:
        ValueError: They would be more than `MOST`.
    """
    check_int("tiles", side)
    longest = max(preprocessing.size)
    sides = [max(1, round(side * each / longest)) for each in preprocessing.size]
    (height, tops), (width, lefts) = (
        (min(each, whole), _starts(whole, each)) for each, whole in zip(sides, picture, strict=True)
    )
    count = len(tops) * len(lefts)
    if count > MOST:
        rule = f"larger: a picture of {picture[0]} x {picture[1]} has {count:,} tiles of that side"
        raise invalid("tiles", side, f"{rule}, over {MOST:,}")
    windows = [(0, 0, *picture)]
    if count > 1:
        windows += [(top, left, height, width) for top in tops for left in lefts]
    return [Tile.of_window(window, picture, preprocessing) for window in windows]


def _starts(whole: int, side: int) -> list[int]:
    """Where tiles begin along an axis, evenly: the first at 0, the last ends with the picture."""
    if side >= whole:
        return [0]
    steps = math.ceil((whole - side) / (side - round(side * OVERLAP)))
    return [round(step * (whole - side) / steps) for step in range(steps + 1)]
