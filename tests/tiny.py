"""A network of a few layers, for tests of what does not care which network it is.

It is registered as users register theirs (docs/own_models.md), by the fixture `tiny_net` for the
tests of a module alone: no other test finds it on a list.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from kerazoo import registry
from kerazoo.blocks import Separable, Trunk, conv_bn, separable_stages
from kerazoo.models import constructor

NAME = "tiny_net"


@constructor(ids={NAME: {}}, size=32, stride=4)
def TinyNet(x, conventions, stem_strides) -> Trunk:
    """A stem and two depthwise separable blocks."""
    stem = conv_bn(x, 8, 3, conventions, "stem", stem_strides, activation="relu6")
    trunk = Trunk.from_stem(stem, conventions, stem_strides)
    separable_stages(trunk, (Separable(16), Separable(32, stride=2)))
    return trunk


@contextmanager
def registered() -> Iterator[str]:
    """Makes it known meanwhile."""
    registry.register_model(TinyNet)
    try:
        yield NAME
    finally:
        del registry._outside[NAME]
        registry._listed.cache_clear()
