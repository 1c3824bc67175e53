"""The one place where constructor arguments are checked, before any layer is made."""

from dataclasses import dataclass, field
from typing import Any

import keras

from kerazoo._bounds import check_classes, check_extents, check_pixels
from kerazoo._checks import check_int, check_number, check_text
from kerazoo._errors import invalid, unknown
from kerazoo._rules import is_int, number
from kerazoo.layers.padding import PADDINGS

POOLINGS = ("avg", "max")
OUTPUT_STRIDES = (None, 8, 16, 32)


@dataclass(frozen=True)
class Arguments:
    """The arguments every classifier takes, in the order of its signature.

    None stands for "what the checkpoint needs, else the family's default" where it is the default.
    """

    include_top: bool = True
    weights: Any = "imagenet"
    input_tensor: Any = None
    input_shape: tuple | None = None
    pooling: str | None = None
    classes: int | None = None
    classifier_activation: Any = "softmax"
    name: str | None = None
    include_preprocessing: bool = False
    dropout_rate: float | None = None
    padding: str | None = None
    batch_norm_epsilon: float | None = None
    stem_strides: int | None = None
    features_only: bool = False
    out_features: Any = None
    output_stride: int | None = None
    like: str | None = None
    extras: dict[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Raise a `ValueError` that names the first argument outside what is accepted."""
        if keras.config.image_data_format() != "channels_last":
            raise ValueError(
                "kerazoo networks are channels-last. Received: `keras.config.image_data_format()="
                f"{keras.config.image_data_format()!r}`"
            )
        for flag in ("include_top", "include_preprocessing", "features_only"):
            if not isinstance(getattr(self, flag), bool):
                raise invalid(flag, getattr(self, flag), "True or False")
        for name, accepted in {"pooling": POOLINGS, "padding": PADDINGS}.items():
            value = getattr(self, name)
            if value is not None and not (isinstance(value, str) and value in accepted):
                raise invalid(name, value, f"None or one of {accepted}")
        if not _is_one_of(self.output_stride, OUTPUT_STRIDES):
            raise invalid("output_stride", self.output_stride, f"one of {OUTPUT_STRIDES}")
        check_text("name", self.name, optional=True)
        if self.out_features is not None:
            self._check_out_features()
        if self.input_shape is not None:
            check_input_shape(self.input_shape, 1)
        self._check_numbers()
        self._check_activation()
        for name, value in self.extras.items():
            check_extents(name, value)

    def _check_activation(self) -> None:
        given = self.classifier_activation
        try:
            keras.activations.get(given)
        except (ValueError, TypeError) as error:
            if isinstance(given, str):
                names = (n for n in dir(keras.activations) if not n.startswith("_"))
                names = set(names) - {"deserialize", "get", "serialize"}
                raise unknown("classifier_activation", given, names, limit=None) from error
            rule = "None, a name or a function of `keras.activations`"
            raise invalid("classifier_activation", given, rule) from error

    def _check_out_features(self) -> None:
        if not self.features_only:
            raise invalid("out_features", self.out_features, "None without `features_only=True`")
        names = self.out_features
        listed = isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
        if not listed or not names or len(set(names)) < len(names):
            rule = 'None or a list of different names, such as `["stride_8", "stride_16"]`'
            raise invalid("out_features", names, rule)

    def _check_numbers(self) -> None:
        if self.classes is not None:
            check_int("classes", self.classes)
        check_classes("classes", self.classes or 1)
        if self.dropout_rate is not None:
            number(least=0, below=1).check("dropout_rate", self.dropout_rate)
        check_number("batch_norm_epsilon", self.batch_norm_epsilon, above=0, optional=True)
        if not _is_one_of(self.stem_strides, (None, 1, 2)):
            raise invalid("stem_strides", self.stem_strides, "1 or 2")


def _is_one_of(value: Any, accepted: tuple) -> bool:
    """Whether it is one of these integers or None: True and 1.0 are not 1."""
    return (value is None or is_int(value)) and value in accepted


def check_input_shape(shape: tuple, smallest: int) -> tuple[int | None, int | None, int]:
    """`(height, width, channels)` as a tuple, or a `ValueError`.

    Args:
        shape: What the caller passed; height and width may be None.
        smallest: Least height and width: the total stride of the network.
    """
    rule = f"(height, width, channels), height and width None or at least {smallest}"
    if not isinstance(shape, list | tuple) or len(shape) != 3:
        raise invalid("input_shape", shape, rule)
    height, width, channels = shape
    for size in (height, width):
        if size is not None and (not is_int(size) or size < smallest):
            raise invalid("input_shape", shape, rule)
    if not is_int(channels) or channels < 1:
        raise invalid("input_shape", shape, rule + ", channels at least 1")
    check_classes("input_shape", channels)
    check_pixels("input_shape", (height or 1, width or 1))
    return height, width, channels
