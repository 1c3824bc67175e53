"""What is done to training pictures: a record that a recipe can fill."""

from dataclasses import dataclass

from kerazoo._errors import invalid
from kerazoo._fields import Record, field
from kerazoo._rules import Rule, choice, either, flag, integer, number, row, zero


def _share() -> Rule:
    return number(least=0, most=1)


def _span(least: float, most: float) -> Rule:
    wants = f"two numbers from {least} to {most}, the least first"
    return row(number(least=least, most=most), wants, count=2, rising=True)


def _alpha() -> Rule:
    # Far below that the Beta distribution underflows, and mixes next to nothing anyway.
    return either(zero("0 (off)"), number(least=0.05, most=1))


@dataclass(frozen=True)
class Augmentation(Record, keys="augmentation key"):
    """How training pictures are varied. Keras' own layers do most of it, in tf.data.

    Args:
        crop: `"random"` cuts out a random part and scales it (random resized crop, the way to
            train on ImageNet). `"pad"` cuts as evaluation does, adds `padding` pixels around and
            takes a random crop of the result (CIFAR). `"none"` cuts as evaluation does.
            `"objects"` cuts out a random part that shows something: the SSD paper's crop, that has
            a minimum IoU with an object whose centre is in it.
        area: Least and largest share of the picture's area that a `"random"` crop keeps; an
            `"objects"` crop keeps the least's square root of each side at least.
        ratio: Least and largest width / height of these crops (`"objects"`: of the part to that of
            the picture).
        padding: Pixels added on each side for `"pad"`.
        padding_mode: `"zeros"` (black) or `"reflect"`.
        zoom_out: Probability that a picture is laid on a larger ground of its mean colour, so that
            things get smaller; for `crop="none"` and `"objects"`, before these.
        zoom_out_side: Largest side of that ground, in sides of the picture.
        colour: Strength of random brightness, contrast, saturation and hue, each in half of the
            pictures: 1 as in the SSD paper (32 of 255, half, half, 18 degrees), 0 is off.
        flip: Left and right change places in half of the pictures.
        mosaic: Probability that a picture is put together with the next three of its batch, after
            all else: a random part of the four side by side, once to twice as large as one of them,
            is scaled to the size of one. For tasks whose targets can lie side by side.
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

    crop: str = field(choice("random", "pad", "none", "objects"), "random")
    area: tuple[float, float] = field(_span(1e-3, 1), (0.08, 1.0))
    ratio: tuple[float, float] = field(_span(1e-2, 1e2), (3 / 4, 4 / 3))
    padding: int = field(integer(0), 4)
    padding_mode: str = field(choice("zeros", "reflect"), "zeros")
    zoom_out: float = field(_share(), 0.0)
    zoom_out_side: float = field(number(least=1, most=16), 4.0)
    colour: float = field(_share(), 0.0)
    flip: bool = field(flag(), True)
    mosaic: float = field(_share(), 0.0)
    rand_augment: int = field(integer(0), 0)
    rand_augment_factor: float = field(number(least=1e-3, most=1), 0.1)
    erase: float = field(_share(), 0.0)
    erase_side: tuple[float, float] = field(_span(1e-4, 1), (0.02, 0.33))
    erase_fill: str = field(choice("mean", "noise"), "mean")
    mixup: float = field(_alpha(), 0.0)
    cutmix: float = field(_alpha(), 0.0)
    mix_probability: float = field(_share(), 1.0)

    def check_together(self) -> None:
        if self.zoom_out and self.crop not in ("none", "objects"):
            rule = f'0 with `crop="{self.crop}"`; "none" and "objects" can zoom out'
            raise invalid("zoom_out", self.zoom_out, rule)

    @property
    def cuts(self) -> bool:
        """Whether a random part of the picture is scaled to the final size at once."""
        return self.crop in ("random", "objects") or self.zoom_out > 0

    @property
    def mixes(self) -> bool:
        """Whether targets are mixed, so that they must be encoded before."""
        return self.mix_probability > 0 and (self.mixup > 0 or self.cutmix > 0)


IMAGENET = Augmentation()
CIFAR = Augmentation(crop="pad")
OBJECTS = Augmentation(crop="objects", area=(0.09, 1.0), ratio=(0.5, 2.0), zoom_out=0.5, colour=1.0)
NONE = Augmentation(crop="none", flip=False)
