"""How an encoded picture is to be turned, and turning it, in graphs of TensorFlow.

EXIF says it, in a segment of a JPEG or a part of a PNG. It is done as Pillow's `exif_transpose`
does it: transposed first and then mirrored.
"""

import numpy as np
import tensorflow as tf

from kerazoo.pictures import ORIENTATION, picture_header

# Bytes of a value by its type in EXIF; types beyond the last are unknown, and passed over.
_LENGTHS = np.array([0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 0], "int64")


def rgb(image: tf.Tensor) -> tf.Tensor:
    """The same, known to have three channels."""
    return tf.ensure_shape(image, (None, None, 3))


def upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """RGB as it is stored -> as it is to be seen; `orientation` is 1 to 8."""

    def turn() -> tf.Tensor:
        turned = tf.cond(orientation > 4, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
        turned = rgb(turned)
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


def stored_window(window: tf.Tensor, shape: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """A window of the upright picture of that shape -> where it is in the stored one."""
    top, left, height, width = tf.unstack(window)
    left = tf.where(_mirrored(orientation), shape[1] - left - width, left)
    top = tf.where(_upside_down(orientation), shape[0] - top - height, top)
    standing, lying = tf.stack([top, left, height, width]), tf.stack([left, top, width, height])
    return tf.where(orientation > 4, lying, standing)


def jpeg_orientation(data: tf.Tensor, python: bool) -> tf.Tensor:
    """1 to 8; the segments are only walked through where EXIF is somewhere."""
    size = tf.strings.length(data)

    def asked() -> tf.Tensor:
        def answer(given: bytes) -> np.int32:
            return np.int32(picture_header(given)[1])

        return tf.ensure_shape(tf.numpy_function(answer, [data], tf.int32, stateful=False), ())

    def step(at: tf.Tensor, found: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        first, marker, high, low = tf.unstack(bytes_of(tf.strings.substr(data, at, 4), 4))
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
        high, low = tf.unstack(bytes_of(tf.strings.substr(data, at - 8, 2), 2))
        return _orientation(tf.strings.substr(data, at, tf.maximum(256 * high + low - 8, 0)))

    there = holds(data, r"Exif\x00\x00")
    return tf.cond(there, asked if python else walked, lambda: tf.constant(1))


def png_orientation(data: tf.Tensor) -> tf.Tensor:
    """1 to 8."""
    at = png_part(data, "eXIf")
    return tf.cond(
        at > 0,
        lambda: _orientation(tf.strings.substr(data, at, png_number(data, at - 8))),
        lambda: tf.constant(1),
    )


def png_part(data: tf.Tensor, name: str) -> tf.Tensor:
    """Where the content of a PNG's part begins; 0 where there is none."""
    size = tf.cast(tf.strings.length(data), tf.int64)
    nowhere = tf.constant(0, tf.int64)

    def step(at: tf.Tensor, found: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        hit = tf.strings.substr(data, at + 4, 4) == name
        return at + 12 + png_number(data, at), tf.where(hit, at + 8, found)

    def walked() -> tf.Tensor:
        start = (tf.constant(8, tf.int64), nowhere)
        _, found = tf.while_loop(lambda at, found: (at + 8 <= size) & (found == 0), step, start)
        return found

    return tf.cond(holds(data, name), walked, lambda: nowhere)


def holds(data: tf.Tensor, pattern: str) -> tf.Tensor:
    """Whether a pattern is anywhere in the bytes."""
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


def bytes_of(text: tf.Tensor, count: int) -> tf.Tensor:
    """The bytes of so long a text, as int32."""
    return tf.ensure_shape(tf.cast(tf.io.decode_raw(text, tf.uint8), tf.int32), (count,))


def png_number(data: tf.Tensor, at: tf.Tensor | int) -> tf.Tensor:
    """The four bytes of a PNG at a place, as a number."""
    raw = tf.cast(bytes_of(tf.strings.substr(data, at, 4), 4), tf.int64)
    return tf.reduce_sum(raw * tf.constant([2**24, 2**16, 2**8, 1], tf.int64))
