"""From the boxes of a file to boxes of the upright picture that is there."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kerazoo.data.boxes.findings import BEYOND, Findings
from kerazoo.pictures import PictureError, picture_header

Size = tuple[int, int]  # height, width
Corners = tuple[float, float, float, float]


@dataclass(frozen=True)
class RawBox:
    """A box as a file has it.

    Attributes:
        corners: x1, y1, x2, y2, in pixels, or in shares of the picture.
        label: Number of its class.
        place: File and line, or id.
        crowd: Whether it is neither to be found nor wrong to find.
        area: Of the object, in pixels, where the file says it.
        relative: Whether `corners` are shares.
    """

    corners: Corners
    label: int
    place: str
    crowd: bool = False
    area: float | None = None
    relative: bool = False


@dataclass(frozen=True)
class RawPicture:
    """A picture as a file has it: its path, its height and width (None if unsaid), its objects.

    These are `RawBox`, or what another reader makes of a row; all have a `place`.
    """

    path: Path
    size: Size | None
    boxes: Sequence[Any]
    place: str


@dataclass(frozen=True)
class BoxedPicture:
    """A picture that is there, with boxes in pixels of it, upright."""

    path: Path
    size: Size
    boxes: list[Corners] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    crowd: list[bool] = field(default_factory=list)
    areas: list[float] = field(default_factory=list)


def placed(raw: RawPicture, findings: Findings) -> tuple[Size, Size, int] | None:
    """A picture's size upright, that on which its annotations were drawn, and the turn between.

    Which way round they were drawn follows from the annotated size: that of the picture as it is
    stored, or as EXIF turns it. Half of all tools do the one, half the other.

    Returns:
        The turn is an orientation of EXIF, 1 for none. None of a picture that is not there or is
        of another size, which is counted.
    """
    if not os.path.isfile(raw.path):
        findings.add("pictures that are missing", f"{raw.place}: {raw.path}")
        return None
    try:
        stored, orientation = picture_header(raw.path)
    except PictureError:
        findings.add("pictures that cannot be read", str(raw.path))
        return None
    upright = (stored[1], stored[0]) if orientation >= 5 else stored
    drawn, turn = upright, 1
    if raw.size is not None and orientation != 1:
        if upright == stored == raw.size:
            kind = "turned pictures whose size does not tell how they were annotated"
            findings.add(kind, raw.place)
        elif raw.size == stored:
            drawn, turn = stored, orientation
            findings.add("boxes drawn on the picture as it is stored", raw.place)
    if raw.size is not None and raw.size != drawn:
        sizes = f"{raw.size[1]} x {raw.size[0]}, the file {upright[1]} x {upright[0]}"
        findings.add("pictures of another size than annotated", f"{raw.place} says {sizes}")
        return None
    return upright, drawn, turn


def settle(raw: RawPicture, findings: Findings) -> BoxedPicture | None:
    """The picture as it can be learned from; None where it is not there, or of another size."""
    if (place := placed(raw, findings)) is None:
        return None
    upright, drawn, turn = place
    found, seen = BoxedPicture(raw.path, upright), set()
    for box in raw.boxes:
        corners = _settled(box, drawn, findings)
        if corners is None:
            continue
        key = (corners, box.label, box.crowd)
        if key in seen:
            findings.add("boxes given twice", box.place)
            continue
        seen.add(key)
        found.boxes.append(turned(corners, drawn, turn))
        found.labels.append(box.label)
        found.crowd.append(box.crowd)
        area = (corners[2] - corners[0]) * (corners[3] - corners[1])
        found.areas.append(area if box.area is None else box.area)
        if box.crowd:
            findings.add("crowd or difficult boxes", box.place)
    if not found.boxes:
        findings.add("pictures without boxes", raw.place)
    return found


def _settled(box: RawBox, size: Size, findings: Findings) -> Corners | None:
    """Corners in order and within the picture; None for a box that is none."""
    if not all(map(math.isfinite, box.corners)):
        findings.add("boxes that are not numbers", box.place)
        return None
    sides = size[1], size[0]
    scale = sides if box.relative else (1.0, 1.0)
    x1, y1, x2, y2 = (v * s for v, s in zip(box.corners, scale * 2, strict=True))
    if x1 == x2 or y1 == y2:
        findings.add("boxes without area", box.place)
        return None
    if x1 > x2 or y1 > y2:
        findings.add("boxes with swapped corners", box.place)
    low = min(x1, x2), min(y1, y2)
    high = max(x1, x2), max(y1, y2)
    width, height = map(float, sides)
    inside = (
        min(max(low[0], 0.0), width),
        min(max(low[1], 0.0), height),
        min(max(high[0], 0.0), width),
        min(max(high[1], 0.0), height),
    )
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        findings.add("boxes outside their picture", box.place)
        return None
    beyond = max(abs(a - b) for a, b in zip((*low, *high), inside, strict=True))
    if beyond > BEYOND:
        findings.add("boxes that reach beyond their picture", box.place)
    return inside


def turned(corners: Corners, size: Size, orientation: int) -> Corners:
    """A box of a stored picture of `(height, width)` in the one that EXIF makes of it."""
    height, width = size
    x1, y1, x2, y2 = corners
    if orientation in (2, 3, 7, 8):
        x1, x2 = width - x2, width - x1
    if orientation in (3, 4, 6, 7):
        y1, y2 = height - y2, height - y1
    return (y1, x1, y2, x2) if orientation >= 5 else (x1, y1, x2, y2)
