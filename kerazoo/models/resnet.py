"""ResNet and ResNeXt: residual blocks, those of ResNeXt with grouped convolutions.

"Deep Residual Learning for Image Recognition" (He et al., CVPR 2016),
https://arxiv.org/abs/1512.03385, table 1, and "Aggregated Residual Transformations for Deep Neural
Networks" (Xie et al., CVPR 2017), https://arxiv.org/abs/1611.05431, table 1. As in torchvision and
timm (and in ResNeXt's paper), the stride of a bottleneck sits on its 3x3 convolution, which the
ResNet paper has on the first 1x1.
"""

from collections.abc import Sequence

from kerazoo._errors import invalid
from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.bottleneck import Residual as Row
from kerazoo.blocks.bottleneck import max_pool, residual_stages
from kerazoo.blocks.conventions import Conventions, conv_bn
from kerazoo.models._constructor import constructor

# fmt: off
RESNET10 = (  # filters, repeats, stride, width of the bottleneck's 3x3, groups
    Row(64,   1, 1),
    Row(128,  1),
    Row(256,  1),
    Row(512,  1),
)
RESNET14 = (  # one bottleneck a stage
    Row(256,  1, 1, 64),
    Row(512,  1, 2, 128),
    Row(1024, 1, 2, 256),
    Row(2048, 1, 2, 512),
)
RESNET18 = (
    Row(64,   2, 1),
    Row(128,  2),
    Row(256,  2),
    Row(512,  2),
)
RESNET34 = (
    Row(64,   3, 1),
    Row(128,  4),
    Row(256,  6),
    Row(512,  3),
)
RESNET50 = (
    Row(256,  3, 1, 64),
    Row(512,  4, 2, 128),
    Row(1024, 6, 2, 256),
    Row(2048, 3, 2, 512),
)
RESNET101 = (
    Row(256,  3,  1, 64),
    Row(512,  4,  2, 128),
    Row(1024, 23, 2, 256),
    Row(2048, 3,  2, 512),
)
RESNET152 = (
    Row(256,  3,  1, 64),
    Row(512,  8,  2, 128),
    Row(1024, 36, 2, 256),
    Row(2048, 3,  2, 512),
)
RESNEXT50_32X4D = (
    Row(256,  3, 1, 128,  32),
    Row(512,  4, 2, 256,  32),
    Row(1024, 6, 2, 512,  32),
    Row(2048, 3, 2, 1024, 32),
)
RESNEXT101_32X4D = (
    Row(256,  3,  1, 128,  32),
    Row(512,  4,  2, 256,  32),
    Row(1024, 23, 2, 512,  32),
    Row(2048, 3,  2, 1024, 32),
)
RESNEXT101_32X8D = (
    Row(256,  3,  1, 256,  32),
    Row(512,  4,  2, 512,  32),
    Row(1024, 23, 2, 1024, 32),
    Row(2048, 3,  2, 2048, 32),
)
# fmt: on
STEMS = ("imagenet", "cifar")
TORCH = Conventions("symmetric", 1e-5, 0.9)  # what all public weights of these networks have


def resnet_trunk(
    x,
    conventions: Conventions,
    stem_strides: int,
    blocks: Sequence[Row],
    stem: str,
    stem_filters: int = 64,
) -> Trunk:
    """Stem and stages."""
    if stem not in STEMS:
        raise invalid("stem", stem, f"one of {STEMS}")
    trunk = Trunk(x, conventions)
    if stem == "cifar":
        trunk.advance(conv_bn(x, stem_filters, 3, conventions, "stem", 1, activation="relu"))
    else:
        x = conv_bn(x, stem_filters, 7, conventions, "stem", stem_strides, activation="relu")
        trunk.advance(x, stem_strides)
        trunk.advance(max_pool(x, trunk.conventions, "stem_pool"), 2)
    residual_stages(trunk, blocks)
    return trunk


_FACTS = {"conventions": TORCH, "dropout_rate": 0.0, "leading": ("input_shape",)}

_STEM_DOC = """
Args:
    stem: `"imagenet"` (7x7 with `stem_strides`, then 3x3 max pooling with stride 2) or `"cifar"`
        (3x3, stride 1, no pooling, for 32x32 pictures: total stride 8, whatever
        `stem_strides` is)."""


def _resnet(name: str, id: str, blocks: Sequence[Row], text: str):
    """A constructor; ResNets differ in nothing but their table and their name."""

    def build(x, conventions, stem_strides, *, stem: str = "imagenet") -> Trunk:
        return resnet_trunk(x, conventions, stem_strides, blocks, stem)

    build.__name__ = build.__qualname__ = name
    build.__doc__ = text + "\n" + _STEM_DOC
    return constructor(ids={id: {}}, **_FACTS)(build)


_HE = "Source: https://arxiv.org/abs/1512.03385; block table"
_XIE = "Source: https://arxiv.org/abs/1611.05431; block table"

ResNet10 = _resnet(
    "ResNet10",
    "resnet10",
    RESNET10,
    "ResNet-10: ResNet-18 with one block a stage (not in the paper; common for small pictures).\n\n"
    f"{_HE} `RESNET10`.",
)
ResNet18 = _resnet(
    "ResNet18",
    "resnet18",
    RESNET18,
    f"ResNet-18: 11.7 M parameters, 1.8 G multiply-adds.\n\n{_HE} `RESNET18`.",
)
ResNet34 = _resnet(
    "ResNet34",
    "resnet34",
    RESNET34,
    f"ResNet-34: 21.8 M parameters, 3.7 G multiply-adds.\n\n{_HE} `RESNET34`.",
)
ResNet50 = _resnet(
    "ResNet50",
    "resnet50",
    RESNET50,
    f"ResNet-50: 25.6 M parameters, 4.1 G multiply-adds.\n\n{_HE} `RESNET50`.",
)
ResNet101 = _resnet(
    "ResNet101",
    "resnet101",
    RESNET101,
    f"ResNet-101: 44.5 M parameters, 7.8 G multiply-adds.\n\n{_HE} `RESNET101`.",
)
ResNet152 = _resnet(
    "ResNet152",
    "resnet152",
    RESNET152,
    f"ResNet-152: 60.2 M parameters, 11.5 G multiply-adds.\n\n{_HE} `RESNET152`.",
)
ResNeXt50_32x4d = _resnet(
    "ResNeXt50_32x4d",
    "resnext50_32x4d",
    RESNEXT50_32X4D,
    "ResNeXt-50, 32 groups of 4: 25.0 M parameters, 4.2 G multiply-adds.\n\n"
    f"{_XIE} `RESNEXT50_32X4D`.",
)
ResNeXt101_32x4d = _resnet(
    "ResNeXt101_32x4d",
    "resnext101_32x4d",
    RESNEXT101_32X4D,
    "ResNeXt-101, 32 groups of 4: 44.2 M parameters, 8.0 G multiply-adds.\n\n"
    f"{_XIE} `RESNEXT101_32X4D`.",
)
ResNeXt101_32x8d = _resnet(
    "ResNeXt101_32x8d",
    "resnext101_32x8d",
    RESNEXT101_32X8D,
    "ResNeXt-101, 32 groups of 8: 88.8 M parameters, 16.4 G multiply-adds.\n\n"
    f"{_XIE} `RESNEXT101_32X8D`.",
)
