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
from kerazoo.pictures import ORIENTATION, PNG_SIGNATURE, open_picture, picture_header

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
# Bytes of a value by its type in EXIF; types beyond the last are unknown, and passed over.
_LENGTHS = np.array([0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 0], "int64")


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
    return _rgb(_reader(rounding, python)(data, *_bounds()))


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
    return _rgb(end(data, kind, orientation, shape, whole, window)), window, shape


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
            stored, orientation = tf.io.extract_jpeg_shape(data)[:2], _jpeg_orientation(data, True)
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
            stored = _stored(window, shape, orientation)
            how = {"channels": 3, "dct_method": _transform(rounding)}
            return _turned(tf.io.decode_and_crop_jpeg(data, stored, **how), orientation)

        def other() -> tf.Tensor:
            return tf.image.crop_to_bounding_box(_rgb(whole), *tf.unstack(window))

        return tf.cond(kind == _JPEG, jpeg, other)

    number, pair = tf.TensorSpec((), tf.int32), tf.TensorSpec((2,), tf.int32)
    whole, window = tf.TensorSpec(None, tf.uint8), tf.TensorSpec((4,), tf.int32)
    return _traced(begin, tf.string, tf.int64, tf.int64), _traced(
        end, tf.string, number, number, pair, whole, window
    )


def _traced(function: Callable, *inputs: Any) -> Any:
    specs = [tf.TensorSpec((), each) if isinstance(each, tf.DType) else each for each in inputs]
    return tf.function(function, input_signature=specs, autograph=False)


def _rgb(image: tf.Tensor) -> tf.Tensor:
    return tf.ensure_shape(image, (None, None, 3))


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
        width, height = _png_number(data, 16), _png_number(data, 20)
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
    depth, colours = tf.unstack(_bytes(tf.strings.substr(data, 24, 2), 2))
    deep_grey = (depth == 16) & (colours == 0)
    return (colours < 4) & ~deep_grey & ~_holds(data, "(tRNS|eXIf)")


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
    return _turned(image, _jpeg_orientation(data, python))


def _whole_png(data: tf.Tensor) -> tf.Tensor:
    depth, colours = tf.unstack(_bytes(tf.strings.substr(data, 24, 2), 2))

    def grey() -> tf.Tensor:
        levels = tf.cast(tf.io.decode_png(data, 1, tf.uint16), tf.int32)
        return tf.repeat(tf.cast((levels + 128) // 257, tf.uint8), 3, axis=-1)

    def clear() -> tf.Tensor:
        return _on_white(tf.io.decode_png(data, 4))

    # Asked for an alpha channel that is not there, TensorFlow takes (1 << bits) - 1 for opaque.
    has_alpha = (colours > 3) | (_png_part(data, "tRNS") > 0)
    cases = [((depth == 16) & (colours == 0), grey), (has_alpha, clear)]
    image = tf.case(cases, default=lambda: tf.io.decode_png(data, 3))
    return _turned(image, _png_orientation(data))


def _on_white(image: tf.Tensor) -> tf.Tensor:
    """RGBA -> RGB in the integers of Pillow's `alpha_composite`."""
    image = tf.cast(image, tf.int32)
    share = image[..., 3:] * 2**7
    sums = image[..., :3] * share + 255 * (255 * 2**7 - share) + 2**14
    return tf.cast((sums // 2**8 + sums) // 2**15, tf.uint8)


# How a picture is turned: as Pillow's `exif_transpose` does it, transposed first and then mirrored.


def _turned(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    def turn() -> tf.Tensor:
        turned = tf.cond(orientation > 4, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
        turned = _rgb(turned)
        for axis, which in ((1, _mirrored), (0, _upside_down)):
            turned = tf.cond(
                which(orientation),
                lambda turned=turned, axis=axis: tf.reverse(turned, [axis]),
                lambda turned=turned: turned,
            )
        return turned

    return tf.cond(orientation == 1, lambda: image, turn)


def _mirrored(orientation: tf.Tensor) -> tf.Tensor:
    return tf.reduce_any(orientation == tf.constant([2, 3, 6, 7]))


def _upside_down(orientation: tf.Tensor) -> tf.Tensor:
    return tf.reduce_any(orientation == tf.constant([3, 4, 7, 8]))


def _stored(window: tf.Tensor, shape: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """A window of the upright picture of that shape -> where it is in the stored one."""
    top, left, height, width = tf.unstack(window)
    left = tf.where(_mirrored(orientation), shape[1] - left - width, left)
    top = tf.where(_upside_down(orientation), shape[0] - top - height, top)
    upright, lying = tf.stack([top, left, height, width]), tf.stack([left, top, width, height])
    return tf.where(orientation > 4, lying, upright)


def _jpeg_orientation(data: tf.Tensor, python: bool) -> tf.Tensor:
    """1 to 8; the segments are only walked through where EXIF is somewhere."""
    size = tf.strings.length(data)

    def asked() -> tf.Tensor:
        def answer(given: bytes) -> np.int32:
            return np.int32(picture_header(given)[1])

        return tf.ensure_shape(tf.numpy_function(answer, [data], tf.int32, stateful=False), ())

    def step(at: tf.Tensor, found: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        first, marker, high, low = tf.unstack(_bytes(tf.strings.substr(data, at, 4), 4))
        exif = (marker == 0xE1) & (tf.strings.substr(data, at + 4, 6) == b"Exif\0\0")
        junk = (first != 0xFF) | (marker == 0xFF)
        alone = (marker == 0x01) | ((marker >= 0xD0) & (marker <= 0xD7))
        over = (marker == 0xDA) | (marker == 0xD9)
        after = tf.where(alone, at + 2, tf.where(over, size, at + 2 + 256 * high + low))
        return tf.where(junk, at + 1, after), tf.where(exif & ~junk, at + 10, found)

    def walked() -> tf.Tensor:
        _, found = tf.while_loop(
            lambda at, found: (at + 10 <= size) & (found == 0), step, (tf.constant(2), 0)
        )
        return tf.cond(found > 0, lambda: tags(found), lambda: tf.constant(1))

    def tags(at: tf.Tensor) -> tf.Tensor:
        high, low = tf.unstack(_bytes(tf.strings.substr(data, at - 8, 2), 2))
        return _orientation(tf.strings.substr(data, at, tf.maximum(256 * high + low - 8, 0)))

    there = _holds(data, r"Exif\x00\x00")
    return tf.cond(there, asked if python else walked, lambda: tf.constant(1))


def _png_orientation(data: tf.Tensor) -> tf.Tensor:
    at = _png_part(data, "eXIf")
    return tf.cond(
        at > 0,
        lambda: _orientation(tf.strings.substr(data, at, _png_number(data, at - 8))),
        lambda: tf.constant(1),
    )


def _png_part(data: tf.Tensor, name: str) -> tf.Tensor:
    """Where the content of a PNG's part begins; 0 where there is none."""
    size = tf.cast(tf.strings.length(data), tf.int64)
    nowhere = tf.constant(0, tf.int64)

    def step(at: tf.Tensor, found: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        hit = tf.strings.substr(data, at + 4, 4) == name
        return at + 12 + _png_number(data, at), tf.where(hit, at + 8, found)

    def walked() -> tf.Tensor:
        start = (tf.constant(8, tf.int64), nowhere)
        _, found = tf.while_loop(lambda at, found: (at + 8 <= size) & (found == 0), step, start)
        return found

    return tf.cond(_holds(data, name), walked, lambda: nowhere)


def _holds(data: tf.Tensor, pattern: str) -> tf.Tensor:
    return tf.strings.regex_full_match(data, rf"\C*{pattern}\C*")  # \C is any byte


def _orientation(tiff: tf.Tensor) -> tf.Tensor:
    """What a block of EXIF says, 1 to 8: the first directory's entry; 1 where it says nothing."""
    order = tf.strings.substr(tiff, 0, 4)
    known = (order == b"II*\0") | (order == b"MM\0*")

    def read() -> tf.Tensor:
        raw = tf.cast(tf.io.decode_raw(tiff, tf.uint8), tf.int64)

        def number(part: tf.Tensor) -> tf.Tensor:
            count = part.shape[-1]
            # Two constants: of one read backwards TensorFlow's layout pass tells an error.
            up, down = ([256**i for i in places] for places in (range(count), range(count)[::-1]))
            powers = tf.where(order == b"II*\0", *(tf.constant(p, tf.int64) for p in (up, down)))
            return tf.reduce_sum(part * powers, -1)

        raw = tf.pad(raw, [[0, 10]])
        size = tf.cast(tf.size(raw), tf.int64)
        at = tf.minimum(number(tf.ensure_shape(raw[4:8], (4,))), size - 2)
        count = number(tf.ensure_shape(raw[at : at + 2], (2,)))
        count = tf.minimum(count, (size - at - 2) // 12)
        entries = tf.reshape(raw[at + 2 : at + 2 + 12 * count], (-1, 12))
        kind, amount = number(entries[:, 2:4]), number(entries[:, 4:8])
        # As Pillow: what would be longer than all of it is passed over; where content is not
        # there, reading ends.
        length = amount * tf.gather(_LENGTHS, tf.minimum(kind, len(_LENGTHS) - 1))
        length = tf.where(length > 4, length, 0)
        whole = size - 10
        missing = (length > 0) & (number(entries[:, 8:12]) + length > whole)
        missing &= tf.cumsum(length) <= whole
        there = tf.cumsum(tf.cast(missing, tf.int32)) == 0
        value = tf.where(kind == 3, number(entries[:, 8:10]), number(entries[:, 8:12]))
        fits = (amount == 1) & ((kind == 3) | (kind == 4)) & (value > 0) & (value < 9) & there
        values = tf.boolean_mask(value, fits & (number(entries[:, :2]) == ORIENTATION))
        return tf.cast(tf.concat([values, [1]], 0)[0], tf.int32)

    return tf.cond(known, read, lambda: tf.constant(1))


def _bytes(text: tf.Tensor, count: int) -> tf.Tensor:
    return tf.ensure_shape(tf.cast(tf.io.decode_raw(text, tf.uint8), tf.int32), (count,))


def _png_number(data: tf.Tensor, at: tf.Tensor | int) -> tf.Tensor:
    raw = tf.cast(_bytes(tf.strings.substr(data, at, 4), 4), tf.int64)
    return tf.reduce_sum(raw * tf.constant([2**24, 2**16, 2**8, 1], tf.int64))
