"""ESPNetv2 for segmentation: its encoder to stride 16, and pyramid pools on the way back.

"ESPNetv2: A Light-weight, Power Efficient, and General Purpose Convolutional Neural Network"
(Mehta et al., CVPR 2019), https://arxiv.org/abs/1811.11431, section 4.2; details as in
github.com/sacmehta/EdgeNets (commit 2b232d3), `model/segmentation/espnetv2.py`.
"""

import math
from functools import partial

import keras

from kerazoo._checks import check_int
from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import Conventions, conv, kernel_initializer
from kerazoo.blocks.eesp_unit import PicturePyramid, conv_bn_prelu, eesp_stages
from kerazoo.blocks.esp_module import bn_prelu
from kerazoo.blocks.pyramid_pool import efficient_pyramid_pool
from kerazoo.layers import BilinearResize2D
from kerazoo.models._constructor import constructor
from kerazoo.models.espnetv2 import table, widths

SCALES = (0.5, 1.0, 1.5, 2.0)
WIDTHS = (64, 48, 32)  # of the decoder, coarse to fine, before the classes
MOST = 16  # channels of the pyramids' projections


@constructor(
    ids={
        "espnetv2_seg": {},
        **{f"espnetv2_seg_s_{str(s).replace('.', '_')}": {"scale": s} for s in SCALES},
    },
    leading=("input_shape", "scale"),
    size=384,
    conventions=Conventions("symmetric", 1e-5, 0.9),
    dropout_rate=0.0,
    stride=16,
    dilates=False,
    head=("decoder", "predictions"),
    task="segmentation",
    classes=21,
    defaults={"weights": None, "classifier_activation": None},
)
def ESPNetV2Segmentation(
    x, conventions, stem_strides, *, scale: float = 1.0, pyramid_width: int | None = None
) -> Trunk:
    """ESPNetv2 with a decoder: 0.23 M parameters and 306 M multiply-adds at `scale=1`, 384x384.

    Paper: https://arxiv.org/abs/1811.11431 (section 4.2); the decoder, of efficient pyramid pools,
    is that of https://github.com/sacmehta/EdgeNets. It gives logits unless `classifier_activation`
    says otherwise, at the size of the picture, which may be any from 16 pixels a side: where maps
    meet, the coarser is stretched to the size of the finer, corners on corners.

    `include_top=False` gives the encoder, `features_only=True` the maps that the decoder takes.

    Args:
        scale: Width multiplier of the encoder, as of `ESPNetV2`; published: 0.5, 1.0, 1.5, 2.0.
        pyramid_width: Channels in which the decoder's pyramids work. None for what the weights
            have, else for half the number of classes, at least 1 and at most 16, as in the
            original: a network for other classes that starts from weights keeps theirs.
    """
    base, stem, _ = widths(scale)
    check_int("pyramid_width", pyramid_width, optional=True)
    pyramid = PicturePyramid(x, conventions)
    trunk = Trunk(x, conventions)
    trunk.advance(conv_bn_prelu(x, stem, 3, conventions, "stem", stem_strides), stem_strides)
    eesp_stages(trunk, table(base)[:3], pyramid)
    trunk.head = partial(_decode, trunk, x, conventions, pyramid_width)
    return trunk


def _decode(
    trunk: Trunk, picture, conventions: Conventions, width, classes: int, dropout_rate, dtype
):
    """Pool the coarsest map, stretch, add the next finer one, pool again: logits."""
    coarse, *finer = (x for _, x in sorted(trunk.features.items(), reverse=True))
    width = width or max(1, min(classes // 2, MOST))
    x = efficient_pyramid_pool(coarse, WIDTHS[0], width, conventions, "decoder1")
    for number, (skip, filters) in enumerate(zip(finer, (*WIDTHS[1:], None), strict=True), 2):
        name = f"decoder{number}"
        x = BilinearResize2D(align_corners=True, name=f"{name}_enlarge")([x, skip])
        y = _gated(skip, x.shape[-1], conventions, f"{name}_skip")
        x = bn_prelu(keras.layers.Add(name=f"{name}_add")([x, y]), conventions, f"{name}_join")
        x = efficient_pyramid_pool(x, filters, width, conventions, name)
    if dropout_rate:
        x = keras.layers.Dropout(dropout_rate, name="decoder_dropout")(x)
    x = keras.layers.Conv2D(
        classes, 1, kernel_initializer=kernel_initializer(), dtype=dtype, name="predictions"
    )(x)
    enlarge = BilinearResize2D(align_corners=True, dtype=dtype, name="predictions_enlarge")
    return enlarge([x, picture])


def _gated(x, filters: int, conventions: Conventions, name: str):
    """A finer map in the decoder's width; each channel times a number that the whole map gives."""
    channels = x.shape[-1]
    y = conv_bn_prelu(x, filters, 3, conventions, name, groups=math.gcd(channels, filters))
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(x)
    gate = conv(gate, filters, 1, conventions, f"{name}_gate")
    gate = keras.layers.Activation("sigmoid", name=f"{name}_gate")(gate)
    return keras.layers.Multiply(name=f"{name}_product")([y, gate])
