"""What is done to training pictures: a record that a recipe can fill."""

from dataclasses import dataclass

from kerazoo._checks import Rule, choice, either, flag, integer, number, row, zero
from kerazoo._fields import Record, field


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

    crop: str = field(choice("random", "pad", "none"), "random")
    area: tuple[float, float] = field(_span(1e-3, 1), (0.08, 1.0))
    ratio: tuple[float, float] = field(_span(1e-2, 1e2), (3 / 4, 4 / 3))
    padding: int = field(integer(0), 4)
    padding_mode: str = field(choice("zeros", "reflect"), "zeros")
    flip: bool = field(flag(), True)
    rand_augment: int = field(integer(0), 0)
    rand_augment_factor: float = field(number(least=1e-3, most=1), 0.1)
    erase: float = field(_share(), 0.0)
    erase_side: tuple[float, float] = field(_span(1e-4, 1), (0.02, 0.33))
    erase_fill: str = field(choice("mean", "noise"), "mean")
    mixup: float = field(_alpha(), 0.0)
    cutmix: float = field(_alpha(), 0.0)
    mix_probability: float = field(_share(), 1.0)

    @property
    def mixes(self) -> bool:
        """Whether targets are mixed, so that they must be encoded before."""
        return self.mix_probability > 0 and (self.mixup > 0 or self.cutmix > 0)


IMAGENET = Augmentation()
CIFAR = Augmentation(crop="pad")
NONE = Augmentation(crop="none", flip=False)
