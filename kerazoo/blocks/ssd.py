"""What SSD and SSDLite add to a backbone: further, coarser maps, and predictors on every map."""

from dataclasses import dataclass

import keras

from kerazoo.blocks.conventions import Conventions, conv_bn, depthwise_bn


@dataclass(frozen=True)
class ExtraMap:
    """One further map: a 1x1 convolution to fewer channels, then a 3x3 one with a stride.

    Attributes:
        filters: Channels of the map.
        narrow: Channels between the two.
        stride: Of the second convolution.
        separable: Whether that is a depthwise and a 1x1 convolution, each with batch norm.
        activation: At the end; `"relu6"` elsewhere.
    """

    filters: int
    narrow: int
    stride: int = 2
    separable: bool = True
    activation: str = "relu6"


@dataclass(frozen=True)
class Predictor:
    """What reads classes, and another such what reads boxes, from a map: one convolution with bias.

    Attributes:
        kernel: Its size.
        separable: Whether it is a depthwise convolution with batch norm and ReLU6, then a 1x1 one.
        depthwise_bias: Whether the depthwise one has a bias, though batch norm follows.
    """

    kernel: int = 3
    separable: bool = True
    depthwise_bias: bool = False


def extra_map(x, row: ExtraMap, conventions: Conventions, name: str):
    """The map of a row: `<name>_narrow_…`, `<name>_depthwise_…`, `<name>_…`."""
    x = conv_bn(x, row.narrow, 1, conventions, f"{name}_narrow", activation="relu6")
    if not row.separable:
        return conv_bn(x, row.filters, 3, conventions, name, row.stride, activation=row.activation)
    x = depthwise_bn(x, (3,), conventions, f"{name}_depthwise", row.stride, "relu6")
    return conv_bn(x, row.filters, 1, conventions, name, activation=row.activation)


def predictor(x, filters: int, row: Predictor, conventions: Conventions, name: str):
    """`filters` numbers at every place of a map; the last layer is `<name>_conv`."""
    kernel = row.kernel
    if row.separable:
        x = depthwise_bn(
            x,
            (kernel,),
            conventions,
            f"{name}_depthwise",
            activation="relu6",
            use_bias=row.depthwise_bias,
        )
        kernel = 1
    return keras.layers.Conv2D(
        filters,
        kernel,
        padding="same",
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.03),  # as the sources have it
        name=f"{name}_conv",
    )(x)
