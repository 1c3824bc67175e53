"""Contact sheets: pictures with what a model says of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._files import write_file
from kerazoo.report.lettering import font_for, lettered

# Pixels. A cell is a photograph of fixed size over lines of text.
_PHOTO, _MARGIN, _LINE, _COLUMNS = (380, 285), 20, 30, 3
_PAPER, _INK, _BAR, _FAINT = "#ffffff", "#1c2430", "#9cc3f0", "#6b7684"


def contact_sheet(
    title: str, pictures: Sequence[Any], captions: Sequence[Sequence[tuple[str, float | None]]]
) -> Any:
    """A PIL picture: a grid of photographs, under each its classes with bars for their scores.

    Args:
        title: A line for the head of the sheet.
        pictures: PIL pictures of any size; they are cut to a common shape. Without any the sheet
            is its title.
        captions: For each picture `(name, score)`, scores 0 to 1, best first; None for a line of
            text that is no prediction.
    """
    from PIL import Image, ImageDraw, ImageOps

    lines = max(map(len, captions), default=0)
    cell = _PHOTO[0] + _MARGIN, _PHOTO[1] + _MARGIN // 2 + lines * _LINE + _MARGIN
    columns = min(_COLUMNS, max(1, len(pictures)))
    rows = -(-len(pictures) // columns)
    size = columns * cell[0] + _MARGIN, rows * cell[1] + 3 * _MARGIN + _LINE
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    head = font_for([title], 24)
    draw.text((_MARGIN, _MARGIN), lettered(title, head), fill=_INK, font=head)
    for i, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        left = _MARGIN + i % columns * cell[0]
        top = 2 * _MARGIN + _LINE + i // columns * cell[1]
        sheet.paste(ImageOps.fit(picture, _PHOTO, Image.Resampling.LANCZOS), (left, top))
        for rank, (name, score) in enumerate(caption):
            _caption(draw, (left, top + _PHOTO[1] + _MARGIN // 2 + rank * _LINE), name, score, rank)
    return sheet


def framed(picture: Any) -> Any:
    """A PIL picture in the middle of a white one of the sheet's shape, none of it cut off."""
    from PIL import Image, ImageOps

    # Small pictures keep their pixels visible.
    small = picture.height < _PHOTO[1] // 2
    method = Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS
    return ImageOps.pad(picture.convert("RGB"), _PHOTO, method, color=_PAPER)


def pil_picture(pixels: np.ndarray) -> Any:
    """Pixels 0 to 255, `(height, width, channels)` of any number type, as a PIL picture.

    One channel is grey; of more than three the first three are shown.
    """
    from PIL import Image

    x = np.asarray(pixels)
    x = x if x.dtype == np.uint8 else x.round().clip(0, 255).astype("uint8")
    return Image.fromarray(x[..., 0] if x.shape[-1] < 3 else x[..., :3])


def save_sheet(sheet: Any, path: str | Path) -> None:
    """Saves as PNG, replacing an older sheet only once the new one is whole."""
    write_file(Path(path), lambda partial: sheet.save(partial, "PNG"))


def _caption(draw: Any, corner: tuple[int, int], name: str, score: float | None, rank: int) -> None:
    left, top = corner
    font = font_for([name], 18)
    if score is None:
        text = _shorten(draw, name, font, _PHOTO[0])
        draw.text((left, top + 2), text, fill=_INK, font=font)
        return
    bar = max(1, round(_PHOTO[0] * min(max(score, 0), 1)))
    draw.rectangle((left, top, left + bar, top + _LINE - 4), fill=_BAR)
    figures = f"{100 * score:.1f} %"
    room = _PHOTO[0] - draw.textlength(figures, font) - 24
    ink = _INK if rank == 0 else _FAINT
    draw.text((left + 8, top + 2), _shorten(draw, name, font, room), fill=_INK, font=font)
    draw.text((left + _PHOTO[0] - 4, top + 2), figures, fill=ink, font=font, anchor="ra")


def _shorten(draw: Any, text: str, font: Any, room: float) -> str:
    """The first synonym, with an ellipsis where even that is too long."""
    text = lettered(text.partition(",")[0], font)
    if draw.textlength(text, font) <= room:
        return text
    cut = lettered("…", font)
    while text and draw.textlength(text + cut, font) > room:
        text = text[:-1]
    return text + cut
