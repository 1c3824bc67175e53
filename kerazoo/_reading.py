"""Encoded pictures in graphs of TensorFlow: the pixels that `kerazoo.pictures.open_picture` gives.

JPEG and plain PNG are decoded by TensorFlow. All other files, and those beyond the bounds, go
through Python to `open_picture` itself, which reads or refuses them, and Python reads EXIF in JPEG.
A graph that is to be saved, where there is no Python, has all of this in itself for JPEG and PNG
(turned as EXIF says, transparency on white, 16 bits of grey scaled to eight) and refuses the rest.
That makes it four times as large, and TensorFlow works through it again for every iterator.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from kerazoo._bounds import PICTURE_BYTES, PICTURE_PIXELS
from kerazoo._orientation import (
    bytes_of,
    holds,
    jpeg_orientation,
    png_number,
    png_orientation,
    png_part,
    rgb,
    stored_window,
    upright,
)
from kerazoo.pictures import PNG_SIGNATURE, open_picture

_JPEG, _PNG, _OTHER = range(3)
_HEADS = {
    b"GIF8": "a GIF",
    b"BM": "a BMP",
    b"RIFF": "a WebP",
    b"II*\0": "a TIFF",
    b"MM\0*": "a TIFF",
    b"\xff\xd8\xff": "too large",
    PNG_SIGNATURE: "too large",
}


def read_picture(data: tf.Tensor, rounding: str = "floor", *, python: bool = True) -> tf.Tensor:
    """The bytes of a file, a scalar string -> upright uint8 RGB `(height, width, 3)`.

    Args:
        data: The bytes.
        rounding: As in `kerazoo.Preprocessing`: whose JPEG decoder, Pillow's (`"floor"`) or that of
            TensorFlow pipelines (`"round"`), a grey level apart.
        python: Whether Python is there when the graph runs. Without it JPEG and PNG are taken
            alone, and CMYK within a grey level.

    Raises:
        tf.errors.OpError: When it runs: the picture is damaged, or refused by `open_picture`.
    """
    return rgb(_reader(rounding, python)(data, *_bounds()))


def read_window(
    data: tf.Tensor, rounding: str, choose: Callable[[tf.Tensor], tf.Tensor]
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """A part of a picture; of a JPEG no more than that is decoded.

    Args:
        data, rounding: As for `read_picture`.
        choose: Height and width of the upright picture -> top, left, height and width of the part,
            int32 tensors.

    Returns:
        The part, uint8 `(height, width, 3)`; what `choose` gave; height and width of the picture.
    """

    begin, end = _window_reader(rounding)
    kind, orientation, shape, whole = begin(data, *_bounds())
    window = choose(tf.ensure_shape(shape, (2,)))
    return rgb(end(data, kind, orientation, shape, whole, window)), window, shape


def to_grey(image: tf.Tensor) -> tf.Tensor:
    """uint8 RGB -> `(height, width, 1)`, as Pillow's `convert("L")`."""
    weights = tf.constant([19595, 38470, 7471])
    grey = tf.reduce_sum(tf.cast(image, tf.int32) * weights, -1, keepdims=True)
    return tf.cast((grey + 2**15) // 2**16, tf.uint8)


def _bounds() -> tuple[tf.Tensor, tf.Tensor]:
    return tf.constant(PICTURE_PIXELS.value, tf.int64), tf.constant(PICTURE_BYTES.value, tf.int64)


# These graphs take a second to trace: once, and not once for each pipeline.


@functools.cache
def _reader(rounding: str, python: bool) -> Any:
    def read(data: tf.Tensor, *bounds: tf.Tensor) -> tf.Tensor:
        kind = _kind(data, python, *bounds)
        others = _others(data, python, bounds[0])
        return tf.switch_case(kind, [lambda: _whole_jpeg(data, rounding, python), *others])

    return _traced(read, tf.string, tf.int64, tf.int64)


@functools.cache
def _window_reader(rounding: str) -> tuple[Any, Any]:
    """What is done before a window is chosen, and after it."""

    def begin(data: tf.Tensor, *bounds: tf.Tensor) -> tuple[tf.Tensor, ...]:
        def jpeg() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            stored, orientation = tf.io.extract_jpeg_shape(data)[:2], jpeg_orientation(data, True)
            shape = tf.where(orientation > 4, stored[::-1], stored)
            return orientation, shape, tf.zeros((0, 0, 3), tf.uint8)

        def other(read: Callable[[], tf.Tensor]) -> Callable[[], tuple]:
            def whole() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
                image = read()
                return tf.constant(1), tf.shape(image)[:2], image

            return whole

        kind = _kind(data, True, *bounds)
        others = map(other, _others(data, True, bounds[0]))
        return kind, *tf.switch_case(kind, [jpeg, *others])

    def end(data, kind, orientation, shape, whole, window) -> tf.Tensor:
        def jpeg() -> tf.Tensor:
            stored = stored_window(window, shape, orientation)
            how = {"channels": 3, "dct_method": _transform(rounding)}
            return upright(tf.io.decode_and_crop_jpeg(data, stored, **how), orientation)

        def other() -> tf.Tensor:
            return tf.image.crop_to_bounding_box(rgb(whole), *tf.unstack(window))

        return tf.cond(kind == _JPEG, jpeg, other)

    number, pair = tf.TensorSpec((), tf.int32), tf.TensorSpec((2,), tf.int32)
    whole, window = tf.TensorSpec(None, tf.uint8), tf.TensorSpec((4,), tf.int32)
    return _traced(begin, tf.string, tf.int64, tf.int64), _traced(
        end, tf.string, number, number, pair, whole, window
    )


def _traced(function: Callable, *inputs: Any) -> Any:
    specs = [tf.TensorSpec((), each) if isinstance(each, tf.DType) else each for each in inputs]
    return tf.function(function, input_signature=specs, autograph=False)


def _transform(rounding: str) -> str:
    # TensorFlow's default inverse DCT is the fast one, a whole grey level off Pillow's on average;
    # the accurate one gives Pillow's bytes.
    return "INTEGER_ACCURATE" if rounding == "floor" else ""


def _kind(
    data: tf.Tensor, python: bool, most_pixels: tf.Tensor, most_bytes: tf.Tensor
) -> tf.Tensor:
    """What decodes it; what is not within the bounds is for `open_picture` to refuse."""
    other = tf.constant(_OTHER)

    def bounded(pixels: tf.Tensor, kind: int) -> tf.Tensor:
        return tf.where(pixels <= most_pixels, kind, other)

    def jpeg() -> tf.Tensor:
        height, width, channels = tf.unstack(tf.io.extract_jpeg_shape(data, tf.int64))
        kind = bounded(height * width, _JPEG)
        return tf.where((channels == 1) | (channels == 3), kind, other) if python else kind

    def png() -> tf.Tensor:
        width, height = png_number(data, 16), png_number(data, 20)
        kind = bounded(width * height, _PNG)
        return tf.where(_is_plain(data), kind, other) if python else kind

    size = tf.strings.length(data)
    is_png = (size > 32) & (tf.strings.substr(data, 0, 8) == PNG_SIGNATURE)
    cases = [
        (tf.cast(size, tf.int64) > most_bytes, lambda: other),
        (tf.io.is_jpeg(data), jpeg),
        (is_png, png),
    ]
    return tf.case(cases, default=lambda: other)


def _others(data: tf.Tensor, python: bool, most: tf.Tensor) -> list[Callable[[], tf.Tensor]]:
    """How the kinds after `_JPEG` are read."""
    if python:
        return [lambda: tf.io.decode_png(data, 3), lambda: _by_pillow(data)]
    return [lambda: _whole_png(data), lambda: _refused(data, most)]


def _by_pillow(data: tf.Tensor) -> tf.Tensor:
    return tf.numpy_function(
        lambda given: np.asarray(open_picture(given)), [data], tf.uint8, stateful=False
    )


def _is_plain(data: tf.Tensor) -> tf.Tensor:
    """Whether a PNG is what TensorFlow reads as Pillow does: a name inside its pixels says no."""
    depth, colours = tf.unstack(bytes_of(tf.strings.substr(data, 24, 2), 2))
    deep_grey = (depth == 16) & (colours == 0)
    return (colours < 4) & ~deep_grey & ~holds(data, "(tRNS|eXIf)")


def _refused(data: tf.Tensor, most: tf.Tensor) -> tf.Tensor:
    found: Any = tf.constant("none")
    for head, kind in _HEADS.items():
        found = tf.where(tf.strings.substr(data, 0, len(head)) == head, kind, found)
    rule = ["; JPEG and PNG of up to ", tf.strings.as_string(most), " pixels are read here."]
    message = tf.strings.join(["Cannot read picture: it is ", found, *rule])
    with tf.control_dependencies([tf.debugging.Assert(tf.constant(False), [message])]):
        return tf.zeros((1, 1, 3), tf.uint8)


def _whole_jpeg(data: tf.Tensor, rounding: str, python: bool) -> tf.Tensor:
    image = tf.io.decode_jpeg(data, channels=3, dct_method=_transform(rounding))
    return upright(image, jpeg_orientation(data, python))


def _whole_png(data: tf.Tensor) -> tf.Tensor:
    depth, colours = tf.unstack(bytes_of(tf.strings.substr(data, 24, 2), 2))

    def grey() -> tf.Tensor:
        levels = tf.cast(tf.io.decode_png(data, 1, tf.uint16), tf.int32)
        return tf.repeat(tf.cast((levels + 128) // 257, tf.uint8), 3, axis=-1)

    def clear() -> tf.Tensor:
        return _on_white(tf.io.decode_png(data, 4))

    # Asked for an alpha channel that is not there, TensorFlow takes (1 << bits) - 1 for opaque.
    has_alpha = (colours > 3) | (png_part(data, "tRNS") > 0)
    cases = [((depth == 16) & (colours == 0), grey), (has_alpha, clear)]
    image = tf.case(cases, default=lambda: tf.io.decode_png(data, 3))
    return upright(image, png_orientation(data))


def _on_white(image: tf.Tensor) -> tf.Tensor:
    """RGBA -> RGB in the integers of Pillow's `alpha_composite`."""
    image = tf.cast(image, tf.int32)
    share = image[..., 3:] * 2**7
    sums = image[..., :3] * share + 255 * (255 * 2**7 - share) + 2**14
    return tf.cast((sums // 2**8 + sums) // 2**15, tf.uint8)
