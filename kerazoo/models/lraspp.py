"""LR-ASPP: segmentation for phones, a gated coarse map and one finer map.

"Searching for MobileNetV3" (Howard et al., ICCV 2019), https://arxiv.org/abs/1905.02244, section
6.4; details as in torchvision 0.29.1, `models/segmentation/lraspp.py`.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import keras

from kerazoo._checks import check_int
from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import Conventions, conv, conv_bn, kernel_initializer
from kerazoo.layers import BilinearResize2D
from kerazoo.models._backbones import build_backbone, map_named
from kerazoo.models._constructor import constructor
from kerazoo.models._segmentation import FACTS, HEAD, coarse_map, dilated

BACKBONES = ("mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_v2_100", "mixnet_s")


@constructor(
    ids={"lraspp": {}, **{f"lraspp_{id}": {"backbone": id} for id in BACKBONES}},
    head=("decoder", "predictions"),
    dropout_rate=0.0,
    **FACTS,
)
def LRASPP(
    x,
    conventions,
    stem_strides,
    *,
    backbone: str = "mobilenet_v3_large",
    low_feature: str = "stride_8_first",
    high_feature: str | None = None,
    width: int = 128,
) -> Trunk:
    """LR-ASPP: 3.22 M parameters on MobileNetV3-Large with 21 classes, as torchvision has it.

    Source: https://arxiv.org/abs/1905.02244 (section 6.4). It gives logits unless
    `classifier_activation` says otherwise, at the size of the picture, which may be any from 32
    pixels a side: maps are interpolated with half-pixel centres to the size of whatever they meet.
    `output_stride` is 16 by default, and `padding` and `batch_norm_epsilon` are by default those of
    the backbone.

    `include_top=False` gives the backbone, `features_only=True` its maps.

    Args:
        backbone: Id of any classifier; its layers keep their names.
        low_feature: Map that is added uncompressed: a name of `out_features`.
        high_feature: Coarse map, likewise. None for the last one of MobileNetV3, the 1x1
            convolution before its pooling, and for the last block's of other backbones, whose
            following convolution is for classes alone.
        width: Channels of the coarse map in the decoder, a positive integer.
    """
    check_int("width", width)
    trunk = build_backbone(backbone, x, conventions, stem_strides, **dilated(backbone))
    low = map_named(trunk, "low_feature", low_feature)
    high = coarse_map(trunk, backbone, high_feature)
    trunk.head = partial(_decode, x, low, high, width, replace(trunk.conventions, **HEAD))
    return trunk


def _decode(
    picture,
    low,
    high,
    width: int,
    conventions: Conventions,
    classes: int,
    dropout_rate: float,
    dtype: Any,
):
    """Classes of the coarse map, each channel weighed by the whole of it, and of the finer one."""
    x = conv_bn(high, width, 1, conventions, "decoder", activation="relu")
    gate = keras.layers.GlobalAveragePooling2D(keepdims=True, name="decoder_pool")(high)
    gate = conv(gate, width, 1, conventions, "decoder_gate")
    gate = keras.layers.Activation("sigmoid", name="decoder_gate")(gate)
    x = keras.layers.Multiply(name="decoder_product")([x, gate])
    x = BilinearResize2D(name="decoder_enlarge")([x, low])
    if dropout_rate:
        x = keras.layers.Dropout(dropout_rate, name="decoder_dropout")(x)
    parts = [
        keras.layers.Conv2D(
            classes, 1, kernel_initializer=kernel_initializer(), dtype=dtype, name=name
        )(y)
        for name, y in (("predictions_low", low), ("predictions_high", x))
    ]
    y = keras.layers.Add(dtype=dtype, name="predictions_add")(parts)
    return BilinearResize2D(dtype=dtype, name="predictions_enlarge")([y, picture])
