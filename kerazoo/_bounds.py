"""How much a file from elsewhere may ask for, in one place.

A few bytes can name sizes that no machine has. Each bound lets through what people really have,
and is raised (or lowered) by the environment variable that is named in the complaint.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from kerazoo._errors import invalid


class Bound(NamedTuple):
    """The most of something, and the environment variable that says otherwise."""

    variable: str
    default: int

    @property
    def value(self) -> int:
        """The number that holds now.

        Raises:
            ValueError: The variable is set to something else than a positive integer.
        """
        text = os.environ.get(self.variable, "")
        if not text:
            return self.default
        if not (text.isascii() and text.isdecimal() and int(text)):
            raise ValueError(
                f"The environment variable {self.variable} must be a positive integer, not {text!r}"
            )
        return int(text)

    def __str__(self) -> str:
        return f"at most {self.value:,} are taken ({self.variable})"


# A picture as it is stored. The cameras of telephones go to 108 million pixels.
PICTURE_PIXELS = Bound("KERAZOO_MAX_PIXELS", 2**27)
PICTURE_BYTES = Bound("KERAZOO_MAX_PICTURE_BYTES", 2**29)
# What visitors of `kerazoo app` may send: a photograph of 64 million pixels, a folder of as many.
UPLOAD_PIXELS = Bound("KERAZOO_MAX_UPLOAD_PIXELS", 2**26)
UPLOAD_BYTES = Bound("KERAZOO_MAX_UPLOAD_BYTES", 2**25)
UPLOAD_PICTURES = Bound("KERAZOO_MAX_UPLOAD_PICTURES", 64)
# What a network takes and gives: 4096 x 4096; the largest published set of labels has 22,000.
# The channels of a picture are bounded by the same number: either is a side of a kernel.
INPUT_PIXELS = Bound("KERAZOO_MAX_INPUT_PIXELS", 2**24)
CLASSES = Bound("KERAZOO_MAX_CLASSES", 100_000)
# Values of a network, 2 GiB in float32; the largest here has some 60 million.
PARAMETERS = Bound("KERAZOO_MAX_PARAMETERS", 2**29)
# A configuration, labels and all.
CONFIG_BYTES = Bound("KERAZOO_MAX_CONFIG_BYTES", 2**24)
# What compressed weights may become: so many bytes, or UNPACKED_RATIO times the file's, if more.
UNPACKED_BYTES = Bound("KERAZOO_MAX_UNPACKED_BYTES", 2**27)
UNPACKED_RATIO = 20


def unpacked_bytes(file_size: int) -> int:
    """The most bytes that the arrays of a weights file of that size may take."""
    return max(UNPACKED_BYTES.value, UNPACKED_RATIO * file_size)


def check_unpacked(wanted: int, file_size: int) -> None:
    """Raises `ValueError` where a file's arrays would take more than `unpacked_bytes`."""
    if wanted > unpacked_bytes(file_size):
        raise ValueError(
            f"its {file_size:,} bytes would become {wanted:,}: at most "
            f"{unpacked_bytes(file_size):,} are taken ({UNPACKED_BYTES.variable})"
        )


def check_pixels(argument: str, size: tuple[int, ...]) -> None:
    """Raises `ValueError` where a network would be fed pictures of more than `INPUT_PIXELS`.

    Args:
        argument: Its name.
        size: Height and width.
    """
    if size[0] * size[1] > INPUT_PIXELS.value:
        raise invalid(argument, tuple(size), f"of fewer pixels: {INPUT_PIXELS}")


def check_classes(argument: str, count: int) -> None:
    """Raises `ValueError` where a network would have more than `CLASSES`."""
    if count > CLASSES.value:
        raise invalid(argument, count, f"smaller: {CLASSES}")


def check_extents(argument: str, value: Any) -> None:
    """Raises `ValueError` where a number in a nest is beyond any width: more than `CLASSES`."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            check_extents(argument, each)
    elif isinstance(value, int | float) and abs(value) > CLASSES.value:
        raise invalid(argument, value, f"smaller: {CLASSES}")


def check_parameters(arguments: Iterable[str], count: int) -> None:
    """Raises `ValueError` where a network would have more than `PARAMETERS`.

    Args:
        arguments: Names of those that decide it.
        count: How many it would have.
    """
    if count > PARAMETERS.value:
        names = ", ".join(f"`{name}`" for name in arguments)
        raise ValueError(
            f"The arguments {names} must ask for a smaller network than one of {count:,} "
            f"parameters: {PARAMETERS}"
        )
