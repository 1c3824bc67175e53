"""Sizes and corners of "scale to cover, cut the centre", and Pillow's side of the scaling."""

from collections.abc import Callable
from typing import Any


def scaled_and_corner(
    picture: tuple[Any, Any],
    cover: tuple[int, int],
    crop: tuple[int, int],
    rounding: str,
    where: Callable[[Any, Any, Any], Any],
) -> tuple[Any, Any, Any, Any]:
    """Height and width to scale to, then top and left of the crop; for ints and int tensors alike.

    Args:
        picture: Height and width of the picture.
        cover: Height and width that the scaled picture must just cover.
        crop: Height and width to cut out.
        rounding: `"floor"` or `"round"`, see `Preprocessing`.
        where: `where(condition, a, b)`: `tf.where`, or its like for Python values.
    """
    height, width = picture
    by_height = cover[0] * width >= cover[1] * height
    down = rounding == "floor"
    side, corner = (_divide_down, _divide_even) if down else (_divide_even, _divide_down)
    scaled_h = where(by_height, cover[0], side(height * cover[1], width))
    scaled_w = where(by_height, side(width * cover[0], height), cover[1])
    return scaled_h, scaled_w, corner(scaled_h - crop[0], 2), corner(scaled_w - crop[1], 2)


# Whole numbers throughout, so that Python ints and tensors cannot round differently.
def _divide_down(a: Any, b: Any) -> Any:
    return a // b


def _divide_even(a: Any, b: Any) -> Any:
    """`round(a / b)`, ties to even."""
    whole = a // b
    return whole + (2 * (a % b) + whole % 2 + b - 1) // (2 * b)


def cut_strip(image: Any, target: tuple[int, int]) -> Any:
    """The centre of a PIL picture that is far longer than its crop could ever show.

    A 1x20000 picture scaled whole to a short side of 256 would take 4 GB.
    """
    longest = 16 * max(-(-target[0] // target[1]), -(-target[1] // target[0]))
    width, height = image.size
    if max(width, height) <= longest * min(width, height):
        return image
    new_w, new_h = min(width, longest * height), min(height, longest * width)
    left, top = (width - new_w) // 2, (height - new_h) // 2
    return image.crop((left, top, left + new_w, top + new_h))


def scale_pil(image: Any, height: int, width: int, interpolation: str, antialias: bool) -> Any:
    """A PIL picture scaled to `height` and `width`."""
    from PIL import Image

    method = Image.Resampling[interpolation.upper()]
    if antialias or interpolation == "nearest":
        return image.resize((width, height), method)
    # `resize` always widens its filter; a transform samples points, as antialias=False means.
    extent = (0, 0, *image.size)
    return image.transform((width, height), Image.Transform.EXTENT, extent, method)
