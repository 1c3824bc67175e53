"""Sizes and corners of "scale, then cut or border", and Pillow's side of the scaling.

Heights and widths are Python's ints or TensorFlow's int tensors; `where(condition, a, b)` is
`tf.where`, or its like for Python values. Whole numbers throughout, so that the two cannot round
differently.
"""

from collections.abc import Callable
from typing import Any

Where = Callable[[Any, Any, Any], Any]


def scaled_and_corner(
    picture: tuple[Any, Any],
    cover: tuple[int, int],
    size: tuple[int, int],
    fit: str,
    rounding: str,
    where: Where,
) -> tuple[Any, Any, Any, Any]:
    """Height and width to scale to, then where in that the result's top and left are.

    A corner below 0 lies outside the scaled picture: there is a border.

    Args:
        picture: Height and width of the picture.
        cover: Height and width that the scaled picture must just cover (`"crop"`), have
            (`"stretch"`) or just fit into (`"pad"`).
        size: Height and width of the result, the centre of that.
        fit: See `Preprocessing`.
        rounding: `"floor"` or `"round"`, likewise.
        where: See the module.
    """
    height, width = picture
    down = rounding == "floor"
    side, corner = (_divide_down, _divide_even) if down else (_divide_even, _divide_down)
    if fit == "stretch":
        scaled_h, scaled_w = cover
    else:
        for_height, for_width = cover[0] * width, cover[1] * height
        by_height = for_height >= for_width if fit == "crop" else for_height <= for_width
        scaled_h = where(by_height, cover[0], side(for_width, width))
        scaled_w = where(by_height, side(for_height, height), cover[1])
    # A strip that shall fit in whole keeps a pixel of its short side.
    scaled_h, scaled_w = (where(n < 1, 1, n) for n in (scaled_h, scaled_w))
    return scaled_h, scaled_w, corner(scaled_h - size[0], 2), corner(scaled_w - size[1], 2)


def centre_of_strip(
    picture: tuple[Any, Any], size: tuple[int, int], where: Where
) -> tuple[Any, Any, Any, Any]:
    """Top, left, height and width of the part of a picture that a crop of `size` could ever show.

    All of it, but of a picture that is far longer: a 1x20000 picture scaled whole to a short side
    of 256 would take 4 GB.
    """
    longest = 16 * max(-(-size[0] // size[1]), -(-size[1] // size[0]))
    height, width = picture
    new_h = where(height > longest * width, longest * width, height)
    new_w = where(width > longest * height, longest * height, width)
    return (height - new_h) // 2, (width - new_w) // 2, new_h, new_w


def _divide_down(a: Any, b: Any) -> Any:
    return a // b


def _divide_even(a: Any, b: Any) -> Any:
    """`round(a / b)`, ties to even."""
    whole = a // b
    return whole + (2 * (a % b) + whole % 2 + b - 1) // (2 * b)


def scale_pil(image: Any, height: int, width: int, interpolation: str, antialias: bool) -> Any:
    """A PIL picture scaled to `height` and `width`."""
    from PIL import Image

    method = Image.Resampling[interpolation.upper()]
    if antialias or interpolation == "nearest":
        return image.resize((width, height), method)
    # `resize` always widens its filter; a transform samples points, as antialias=False means.
    extent = (0, 0, *image.size)
    return image.transform((width, height), Image.Transform.EXTENT, extent, method)
