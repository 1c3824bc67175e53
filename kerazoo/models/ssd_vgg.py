"""SSD300 on VGG-16: the network that SSD was published with.

"SSD: Single Shot MultiBox Detector" (Liu et al., ECCV 2016), https://arxiv.org/abs/1512.02325,
figure 2; details as in torchvision's `models/detection/ssd.py`.
"""

from dataclasses import dataclass
from typing import Any

import keras

from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import Conventions, activate, kernel_initializer, pad
from kerazoo.blocks.ssd import Predictor
from kerazoo.layers import L2Normalization
from kerazoo.models.ssdlite import detector, given_or
from kerazoo.tasks.detection.head import SSDHead, chosen_rules


@dataclass(frozen=True)
class Row:
    """Some convolutions, 3x3 with bias and ReLU, and the pool before them."""

    filters: int
    repeats: int
    pool: str | None = "valid"  # padding of the 2x2 pool; None for no pool


# fmt: off
VGG16 = (
    Row(64,  2, None),
    Row(128, 2),
    Row(256, 3),
    Row(512, 3, "same"),  # rounds up: 75 becomes 38
    Row(512, 3),
)
EXTRAS = (  # channels between, channels, stride and padding of the 3x3 convolution
    (256, 512, 2, True),
    (128, 256, 2, True),
    (128, 256, 1, False),
    (128, 256, 1, False),
)
# fmt: on


def _conv(x, filters: int, name: str, kernel: int = 3, dilation: int = 1, padding: str = "same"):
    x = keras.layers.Conv2D(
        filters,
        kernel,
        padding=padding,
        dilation_rate=dilation,
        kernel_initializer=kernel_initializer(),
        name=f"{name}_conv",
    )(x)
    return activate(x, "relu", f"{name}_act")


def _extra(x, row: tuple[int, int, int, bool], conventions: Conventions, name: str):
    narrow, filters, stride, padded = row
    x = _conv(x, narrow, f"{name}_narrow", 1)
    padding = "valid"
    if padded:
        x, padding = pad(x, 3, stride, conventions, f"{name}_pad")
    x = keras.layers.Conv2D(
        filters,
        3,
        strides=stride,
        padding=padding,
        kernel_initializer=kernel_initializer(),
        name=f"{name}_conv",
    )(x)
    return activate(x, "relu", f"{name}_act")


@detector(
    ids={"ssd300_vgg16": {}},
    size=300,
    stride=300,
    conventions=Conventions("symmetric", 1e-3),
    classes=90,
)
def SSD300VGG16(
    x, conventions, stem_strides, *, rules: str | None = None, anchors: Any = None
) -> Trunk:
    """SSD300 on VGG-16: 35.6 M parameters, 34.9 B multiply-adds, as torchvision counts.

    Source: https://arxiv.org/abs/1512.02325, figure 2. The MobileNetV2 paper gives 36.1 M and
    35.2 B for it, which are not reproduced. There is no batch norm and no stem with a stride.

    Args:
        rules: As for `SSDLite`; default: torchvision's for this network.
        anchors: As for `SSDLite`.
    """
    trunk, tapped = Trunk(x, conventions), x
    for number, row in enumerate(VGG16, 1):
        y, stride = trunk.x, 1
        if row.pool:
            y = keras.layers.MaxPooling2D(2, padding=row.pool, name=f"stage{number}_pool")(y)
            stride = 2
        for block in range(1, row.repeats + 1):
            y = _conv(y, row.filters, f"stage{number}_block{block}")
        trunk.advance(y, stride)
        trunk.tap(f"stage{number}", y)
        tapped = y if number == 4 else tapped
    # What were VGG's dense layers.
    y = keras.layers.MaxPooling2D(3, 1, padding="same", name="fc6_pool")(trunk.x)
    y = _conv(y, 1024, "fc6", dilation=6)
    trunk.finish(_conv(y, 1024, "fc7", 1))

    def grow() -> list[Any]:
        found = [L2Normalization(name="extra_norm")(tapped), trunk.x]
        for number, row in enumerate(EXTRAS, 1):
            found.append(_extra(found[-1], row, conventions, f"extra{number}"))
        return found

    predictors = [Predictor(3, separable=False)] * (2 + len(EXTRAS))
    chosen = chosen_rules(given_or(rules, "torchvision_ssd300"), anchors)
    trunk.head = SSDHead(x, grow, predictors, conventions, chosen)
    return trunk
