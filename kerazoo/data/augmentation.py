"""What is done to training pictures: a record that a recipe can fill."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from kerazoo._errors import invalid, unknown

CROPS = ("random", "pad", "none")


@dataclass(frozen=True)
class Augmentation:
    """How training pictures are varied. Keras' own layers do most of it, in tf.data.

    Args:
        crop: `"random"` cuts out a random part and scales it (random resized crop, the way to
            train on ImageNet). `"pad"` cuts as evaluation does, adds `padding` pixels around and
            takes a random crop of the result (CIFAR). `"none"` cuts as evaluation does.
        area: Least and largest share of the picture's area that a `"random"` crop keeps.
        ratio: Least and largest width / height of a `"random"` crop.
        padding: Pixels added on each side for `"pad"`.
        padding_mode: `"zeros"` (black) or `"reflect"`.
        flip: Left and right change places in half of the pictures.
        rand_augment: How many operations of Keras' `RandAugment` each picture goes through.
        rand_augment_factor: Their strength, in (0, 1]. In Keras 0.1 means rotation by up to 36
            degrees and translation by up to a tenth of the side; 0.5 turns pictures over.
        erase: Probability that a random rectangle is blotted out.
        erase_side: Least and largest of what is drawn for each side of that rectangle: the square
            of its share of the picture's side (`scale` of Keras' `RandomErasing`).
        erase_fill: `"mean"` fills with the mean colour of the preprocessing (that of ImageNet
            where it does not centre the pixels), `"noise"` with noise.
        mixup: `alpha` of MixUp's Beta distribution; 0 is off. Labels become soft.
        cutmix: `alpha` of CutMix's Beta distribution; 0 is off. With `mixup` as well, a coin
            decides for each batch. Labels become soft.
        mix_probability: Share of the batches that MixUp or CutMix are applied to.
    """

    crop: str = "random"
    area: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    padding: int = 4
    padding_mode: str = "zeros"
    flip: bool = True
    rand_augment: int = 0
    rand_augment_factor: float = 0.1
    erase: float = 0.0
    erase_side: tuple[float, float] = (0.02, 0.33)
    erase_fill: str = "mean"
    mixup: float = 0.0
    cutmix: float = 0.0
    mix_probability: float = 1.0

    def __post_init__(self) -> None:
        for name in ("area", "ratio", "erase_side"):  # TOML has lists
            if isinstance(value := getattr(self, name), list):
                object.__setattr__(self, name, tuple(value))
        _check(self)

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "Augmentation":
        """The inverse of `to_dict`; missing keys take their defaults, unknown keys raise."""
        known = [field.name for field in dataclasses.fields(cls)]
        for key in record:
            if key not in known:
                raise unknown("augmentation", key, known)
        return cls(**record)

    def to_dict(self) -> dict[str, Any]:
        """This record as JSON and TOML can hold it (tuples become lists)."""
        record = dataclasses.asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in record.items()}

    @property
    def mixes(self) -> bool:
        """Whether targets are mixed, so that they must be encoded before."""
        return self.mix_probability > 0 and (self.mixup > 0 or self.cutmix > 0)


def _check(record: Augmentation) -> None:
    for name, accepted in (
        ("crop", CROPS),
        ("padding_mode", ("zeros", "reflect")),
        ("erase_fill", ("mean", "noise")),
    ):
        if getattr(record, name) not in accepted:
            raise unknown(name, getattr(record, name), accepted)
    if not isinstance(record.flip, bool):
        raise invalid("flip", record.flip, "True or False")
    for name in ("padding", "rand_augment"):
        value = getattr(record, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise invalid(name, value, "an int, 0 or more")
    for name in ("erase", "mix_probability"):
        if not _within(getattr(record, name), 0, 1):
            raise invalid(name, getattr(record, name), "a number from 0 to 1")
    for name in ("mixup", "cutmix"):
        value = getattr(record, name)
        # Far below that the Beta distribution underflows, and mixes next to nothing anyway.
        if not (_within(value, 0.05, 1) or value == 0):
            raise invalid(name, value, "0 (off) or a number from 0.05 to 1")
    if not _within(record.rand_augment_factor, 1e-3, 1):
        raise invalid("rand_augment_factor", record.rand_augment_factor, "from 0.001 to 1")
    for name, low, high in (("area", 1e-3, 1), ("ratio", 1e-2, 1e2), ("erase_side", 1e-4, 1)):
        value = getattr(record, name)
        if (
            not isinstance(value, tuple)
            or len(value) != 2
            or not all(_within(v, low, high) for v in value)
            or value[0] > value[1]
        ):
            raise invalid(name, value, f"two numbers from {low} to {high}, the least first")


def _within(value: Any, low: float, high: float) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and low <= value <= high


IMAGENET = Augmentation()
CIFAR = Augmentation(crop="pad")
NONE = Augmentation(crop="none", flip=False)
