"""Networks of a few layers, for tests of what does not care which network it is.

They are registered as users register theirs (docs/own_models.md), by the fixture `tiny_net` for the
tests of a module alone: no other test finds them on a list.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np

from kerazoo import registry
from kerazoo.blocks import Separable, Trunk, conv_bn, separable_stages
from kerazoo.models import constructor

NAME = "tiny_net"
DEEP = "tiny_net_32"  # with the maps that detectors read


@constructor(ids={NAME: {}}, size=32, stride=4)
def TinyNet(x, conventions, stem_strides) -> Trunk:
    """A stem and two depthwise separable blocks."""
    stem = conv_bn(x, 8, 3, conventions, "stem", stem_strides, activation="relu6")
    trunk = Trunk.from_stem(stem, conventions, stem_strides)
    separable_stages(trunk, (Separable(16), Separable(32, stride=2)))
    return trunk


@constructor(ids={DEEP: {}}, size=32, stride=32)
def TinyNet32(x, conventions, stem_strides) -> Trunk:
    """A stem and four depthwise separable blocks."""
    stem = conv_bn(x, 8, 3, conventions, "stem", stem_strides, activation="relu6")
    trunk = Trunk.from_stem(stem, conventions, stem_strides)
    separable_stages(trunk, [Separable(filters, stride=2) for filters in (16, 16, 32, 32)])
    return trunk


@contextmanager
def registered() -> Iterator[str]:
    """Makes them known meanwhile; gives the id of the smaller one."""
    if NAME in registry._outside:  # by a fixture around this one
        yield NAME
        return
    registry.register_model(TinyNet)
    registry.register_model(TinyNet32)
    try:
        yield NAME
    finally:
        del registry._outside[NAME], registry._outside[DEEP]
        registry._listed.cache_clear()


def tiny_classifier(seed: int = 0, spread: float = 10.0, **arguments) -> keras.Model:
    """The smaller one for 32x32 pictures, with statistics as after training.

    With those of a new network all pictures end up alike. `spread` is how far the logits of the
    pictures lie apart, as a multiple of what they would without it.
    """
    keras.utils.set_random_seed(seed)
    settings = {"weights": None, "input_shape": (32, 32, 3), "classes": 10} | arguments
    with registered() as name:
        model = registry.create_model(name, **settings)
    norms = [each for each in model.layers if isinstance(each, keras.layers.BatchNormalization)]
    momentum = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    rng = np.random.default_rng(seed)
    colours = rng.normal(size=(64, 1, 1, 3)) + rng.normal(0, 0.3, (64, 32, 32, 3))
    model(colours.astype("float32"), training=True)
    for norm, value in zip(norms, momentum, strict=True):
        norm.momentum = value
    head = model.get_layer("predictions")
    head.kernel.assign(head.kernel * spread)
    return model
