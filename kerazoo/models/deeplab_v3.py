"""DeepLabV3: segmentation of one dense map, seen by kernels of several dilations.

"Rethinking Atrous Convolution for Semantic Image Segmentation" (Chen et al., 2017),
https://arxiv.org/abs/1706.05587, figure 5; details as in torchvision 0.29.1,
`models/segmentation/deeplabv3.py`, and in TensorFlow's research/deeplab.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import keras

from kerazoo._checks import check_choice, check_flag, check_int
from kerazoo._errors import invalid
from kerazoo._rules import is_int
from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import Conventions, conv_bn, kernel_initializer
from kerazoo.layers import BilinearResize2D
from kerazoo.models._backbones import build_backbone, map_named
from kerazoo.models._constructor import constructor
from kerazoo.models._segmentation import FACTS, HEAD, coarse_map, dilated

FORMS = ("torchvision", "tensorflow")
AUXILIARY = "stride_8_first"  # the map that the auxiliary head reads
_MOBILE: dict[str, Any] = {"atrous_rates": [], "form": "tensorflow"}


@constructor(
    ids={
        "deeplabv3": {},
        "deeplabv3_mobilenet_v3_large": {"backbone": "mobilenet_v3_large"},
        **{
            f"deeplabv3_mobilenet_v2_{width}": {"backbone": f"mobilenet_v2_{width}", **_MOBILE}
            for width in ("050", "100")
        },
        "deeplabv3_mobilenet_v2_100_aspp": {
            "backbone": "mobilenet_v2_100",
            "atrous_rates": [6, 12, 18],
            "form": "tensorflow",
        },
    },
    head=("decoder", "auxiliary", "predictions"),
    dropout_rate=0.5,
    **FACTS,
)
def DeepLabV3(
    x,
    conventions,
    stem_strides,
    *,
    backbone: str = "mobilenet_v3_large",
    atrous_rates: Sequence[int] = (12, 24, 36),
    form: str = "torchvision",
    high_feature: str | None = None,
    width: int = 256,
    auxiliary: bool = False,
) -> Trunk:
    """DeepLabV3: 11.0 M parameters on MobileNetV3-Large, 2.1 M on MobileNetV2 without ASPP.

    Source: https://arxiv.org/abs/1706.05587 (figure 5); on MobileNetV2 as in its paper, section
    6.3, https://arxiv.org/abs/1801.04381. It gives logits unless `classifier_activation` says
    otherwise, at the size of the picture, which may be any from 32 pixels a side. `output_stride`
    is 16 by default, and `padding` and `batch_norm_epsilon` are by default those of the backbone.

    `include_top=False` gives the backbone, `features_only=True` its maps.

    Args:
        backbone: Id of any classifier; its layers keep their names.
        atrous_rates: Dilations of the 3x3 convolutions of the spatial pyramid (ASPP), positive
            integers; an empty list leaves the 1x1 convolution and the pooled map alone.
        form: Whose details: `"torchvision"` (a 3x3 convolution follows the pyramid, and
            interpolation has half-pixel centres) or `"tensorflow"` (none follows, the pooled map
            comes first, and interpolation aligns the corners).
        high_feature: The map, a name of `out_features`; None: as of `LRASPP`.
        width: Channels of the decoder, a positive integer.
        auxiliary: Whether to have torchvision's second head, on the first map at stride 8, whose
            loss helps in training. The outputs are then a dict, `logits` and `auxiliary`.
    """
    check_int("width", width)
    check_choice("form", form, FORMS)
    check_flag("auxiliary", auxiliary)
    rates = _checked_rates(atrous_rates)
    trunk = build_backbone(backbone, x, conventions, stem_strides, **dilated(backbone))
    high = coarse_map(trunk, backbone, high_feature)
    finer = map_named(trunk, "auxiliary", AUXILIARY) if auxiliary else None
    conventions = replace(trunk.conventions, output_stride=None, **HEAD)
    trunk.head = partial(_decode, x, high, finer, rates, form, width, conventions)
    return trunk


def _checked_rates(rates: Any) -> tuple[int, ...]:
    listed = isinstance(rates, list | tuple) and all(is_int(rate) and rate > 0 for rate in rates)
    if not listed:
        raise invalid("atrous_rates", rates, "a list of positive integers, which may be empty")
    return tuple(rates)


def _decode(
    picture,
    high,
    finer,
    rates: Sequence[int],
    form: str,
    width: int,
    conventions: Conventions,
    classes: int,
    dropout_rate: float,
    dtype: Any,
):
    aligned = form == "tensorflow"
    x = _pyramid(high, rates, aligned, width, conventions)
    if dropout_rate:
        x = keras.layers.Dropout(dropout_rate, name="decoder_dropout")(x)
    if not aligned:
        x = conv_bn(x, width, 3, conventions, "decoder_mix", activation="relu")
    logits = _classes(x, picture, classes, aligned, dtype, "predictions")
    if finer is None:
        return logits
    y = conv_bn(finer, finer.shape[-1] // 4, 3, conventions, "auxiliary", activation="relu")
    if dropout_rate:
        y = keras.layers.Dropout(dropout_rate / 5, name="auxiliary_dropout")(y)
    second = _classes(y, picture, classes, aligned, dtype, "auxiliary_predictions")
    return {"logits": logits, "auxiliary": second}


def _pyramid(x, rates: Sequence[int], aligned: bool, width: int, conventions: Conventions):
    """1x1, dilated 3x3 and the mean of the whole map, side by side, brought to `width` channels."""
    parts = [conv_bn(x, width, 1, conventions, "decoder_aspp1", activation="relu")]
    for number, rate in enumerate(rates, 2):
        name = f"decoder_aspp{number}"
        parts.append(conv_bn(x, width, 3, conventions, name, dilation=rate, activation="relu"))
    whole = keras.layers.GlobalAveragePooling2D(keepdims=True, name="decoder_pool")(x)
    whole = conv_bn(whole, width, 1, conventions, "decoder_pool", activation="relu")
    whole = BilinearResize2D(align_corners=aligned, name="decoder_pool_enlarge")([whole, x])
    parts = [whole, *parts] if aligned else [*parts, whole]
    x = keras.layers.Concatenate(name="decoder_concat")(parts)
    return conv_bn(x, width, 1, conventions, "decoder_project", activation="relu")


def _classes(x, picture, classes: int, aligned: bool, dtype: Any, name: str):
    x = keras.layers.Conv2D(
        classes, 1, kernel_initializer=kernel_initializer(), dtype=dtype, name=name
    )(x)
    enlarge = BilinearResize2D(align_corners=aligned, dtype=dtype, name=f"{name}_enlarge")
    return enlarge([x, picture])
