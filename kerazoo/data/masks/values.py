"""What the numbers of a mask mean: pictures of masks in their many modes, and classes of values."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerazoo._bounds import PICTURE_BYTES, PICTURE_PIXELS
from kerazoo._errors import invalid
from kerazoo._files import read_lines, read_regular
from kerazoo.data.class_lists import check_once
from kerazoo.pictures import opened_lazily, upright

IGNORED = 255  # of pixels that do not count, in every mask as the tasks have it
MOST = 255  # classes
IGNORE = "ignore"  # the name in a list of what does not count
_LOSSY = ("JPEG", "MPO")
_VALUES = 1 << 16
_UNKNOWN = 256


@dataclass(frozen=True)
class Values:
    """Classes by the value of a pixel.

    Attributes:
        classes: Names.
        of_value: Value -> number of the class, or `IGNORED`; other values are errors.
    """

    classes: tuple[str, ...]
    of_value: Mapping[int, int]

    def encode(self, values: np.ndarray, name: str) -> np.ndarray:
        """uint8 class numbers of a mask's values.

        Args:
            values: As `read_values` gives them.
            name: Of the file, for the error.

        Raises:
            ValueError: A value that stands for no class.
        """
        table = np.full(_VALUES, _UNKNOWN, "uint16")
        for value, number in self.of_value.items():
            table[value] = number
        found = table[values]
        if (found == _UNKNOWN).any():
            wrong = int(values[found == _UNKNOWN][0])
            known = ", ".join(map(str, sorted(self.of_value)))
            rule = f"of the values {known}; it has {wrong} (`classes` and `ignore` say what counts)"
            raise invalid("mask", name, rule)
        return found.astype("uint8")


def read_values(path: str | Path | bytes, name: str | None = None) -> np.ndarray:
    """The numbers in a mask, `(height, width)`, 0 to 65,535.

    A palette's numbers are taken, not its colours; a mask of one bit has 0 and 1; one of 16 bits
    its own numbers. Colours are taken where red, green and blue are equal everywhere. A mask is
    turned as its own EXIF says, as pictures are.

    Args:
        path: Of the file, or its bytes.
        name: What messages call it; by default the path.

    Raises:
        ValueError: Not a picture, too large, or one whose colours are no numbers.
    """
    name = name or str(path)
    try:
        data = path if isinstance(path, bytes) else read_regular(path, PICTURE_BYTES.value)
        if len(data) > PICTURE_BYTES.value:
            raise ValueError(f"too large in bytes; {PICTURE_BYTES}")
        with opened_lazily(data, PICTURE_PIXELS.value) as picture:
            if picture.width * picture.height > PICTURE_PIXELS.value:
                size = f"{picture.width:,} x {picture.height:,}"
                raise ValueError(f"{size} pixels; {PICTURE_PIXELS}")
            if picture.format in _LOSSY:
                raise ValueError(f"{picture.format} does not keep numbers as they were; PNG does")
            values = np.asarray(upright(picture))
            mode = picture.mode
    except Exception as error:  # Pillow fails in many ways
        raise invalid("mask", name, f"a picture that can be read ({error})") from error
    if mode in ("RGB", "RGBA", "LA"):
        colours = values[..., : 3 if mode != "LA" else 1]
        if not (colours == colours[..., :1]).all():
            rule = (
                "of class numbers (a grey or palette PNG); it has colours, which nothing says the "
                "classes of"
            )
            raise invalid("mask", f"{name} ({mode})", rule)
        values = colours[..., 0]
    if values.ndim != 2 or (values.dtype.kind not in "ub" and (values < 0).any()):
        raise invalid("mask", f"{name} ({mode})", "of whole numbers from 0")
    if values.dtype.kind == "f" or int(values.max(initial=0)) >= _VALUES:
        raise invalid("mask", f"{name} ({mode})", f"of whole numbers below {_VALUES:,}")
    return values.astype("uint16")


def turned(mask: np.ndarray, orientation: int) -> np.ndarray:
    """A mask of a picture as it is stored, turned as EXIF turns that (`kerazoo._orientation`)."""
    mask = mask.T if orientation > 4 else mask
    mask = mask[:, ::-1] if orientation in (2, 3, 6, 7) else mask
    return np.ascontiguousarray(mask[::-1] if orientation in (3, 4, 7, 8) else mask)


def as_png(mask: np.ndarray) -> bytes:
    """Class numbers, uint8 `(height, width)`, as the bytes of a grey PNG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def given_values(classes: Mapping[int, str] | Sequence[str], ignore: Sequence[int] = ()) -> Values:
    """Values whose meaning is told.

    Args:
        classes: Value -> name, or names of the values 0, 1, 2, …; values with one name are one
            class.
        ignore: Values that do not count. 255 is one of them unless it is a class.

    Raises:
        ValueError: No two classes, too many, values twice.
    """
    named = dict(classes) if isinstance(classes, Mapping) else dict(enumerate(classes))
    names = tuple(dict.fromkeys(named.values()))
    texts = all(isinstance(name, str) and name for name in names)
    if not texts or not 2 <= len(names) <= MOST:
        raise invalid("classes", classes, f"two to {MOST} names")
    for value in (*named, *ignore):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _VALUES:
            raise invalid("classes", value, f"of values from 0 to {_VALUES - 1}")
    if both := set(named) & set(ignore):
        raise invalid("ignore", sorted(both), "values that are no class")
    skipped = {*ignore, IGNORED} - set(named)
    numbers = {value: names.index(name) for value, name in named.items()}
    return Values(names, {**numbers, **dict.fromkeys(skipped, IGNORED)})


def found_values(seen: Sequence[int]) -> Values:
    """What the values of a data set mean where nobody tells: each is a class, 255 is none.

    A set of 0 and 255 alone has two classes, `background` and `foreground`.
    """
    values = sorted({*seen})
    if values == [0, IGNORED]:
        return Values(("background", "foreground"), {0: 0, IGNORED: 1})
    own = [value for value in values if value != IGNORED]
    return given_values({value: f"class {value}" for value in own})


def read_classes(file: Path) -> Values:
    """`classes.txt`: a name a line, in the order of the values, or a value and a name.

    `ignore` is the name of what does not count. Values that have one name are one class.

    Raises:
        ValueError: No two classes, or too many; some lines have a value and others none; a value
            or, in a list of names, a name comes twice. It names the file, and the line.
    """
    lines = read_lines(file)
    numbers, texts = [number for number, _ in lines], [text for _, text in lines]
    parts = [text.split(maxsplit=1) for text in texts]
    valued = [len(p) == 2 and p[0].isdecimal() and len(p[0]) < 10 for p in parts]
    if all(valued):
        values = [int(value) for value, _ in parts]
        check_once(file, numbers, values)
        named = dict(zip(values, [name for _, name in parts], strict=True))
    else:
        if valued[0]:  # otherwise the numbers may belong to the names
            place = f"{file}, line {numbers[valued.index(False)]}"
            raise invalid("data", place, "a value and a name, as the lines before it")
        counted = [(n, t) for n, t in lines if t.lower() != IGNORE]
        check_once(file, [n for n, _ in counted], [t for _, t in counted])
        named = dict(enumerate(texts))
    ignored = [value for value, name in named.items() if name.lower() == IGNORE]
    classes = {v: n for v, n in named.items() if v not in ignored}
    if not 2 <= len(set(classes.values())) <= MOST or max(named) >= _VALUES:
        rule = f"a list of two to {MOST} classes, of values below {_VALUES:,}"
        raise invalid("data", str(file), rule)
    return given_values(classes, ignored)
