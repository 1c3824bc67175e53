"""MobileNetV3: mobile networks found by search, with hard-swish and squeeze-and-excite.

"Searching for MobileNetV3" (Howard et al., ICCV 2019), https://arxiv.org/abs/1905.02244, tables 1
and 2. Widths are those of the authors' code; the tables' "exp size" is the rounded product of
input and expansion.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras

from kerazoo._errors import invalid
from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import activate, conv_bn, kernel_initializer
from kerazoo.blocks.inverted_residual import InvertedResidual as Row
from kerazoo.blocks.inverted_residual import (
    inverted_residual_stages,
    round_filters,
    scale_width,
)
from kerazoo.models._constructor import constructor
from kerazoo.models._kernels import check_alpha

# fmt: off
_RE: dict[str, Any] = {"activation": "relu"}
_HS: dict[str, Any] = {"activation": "hard_silu"}
_SE: dict[str, Any] = {  # of the expanded channels; always ReLU inside, whatever the block has
    "squeeze": 0.25, "squeeze_from": "expanded",
    "squeeze_activation": "relu", "gate_activation": "hard_sigmoid",
}

MOBILENET_V3_LARGE = (  # filters, repeats, stride, expansion
    Row(16,  1, 1, 1,   **_RE),
    Row(24,  1, 2, 4,   **_RE),
    Row(24,  1, 1, 3,   **_RE, new_stage=False),
    Row(40,  3, 2, 3,   (5,), **_RE, **_SE),
    Row(80,  1, 2, 6,   **_HS),
    Row(80,  1, 1, 2.5, **_HS, new_stage=False),
    Row(80,  2, 1, 2.3, **_HS, new_stage=False),
    Row(112, 2, 1, 6,   **_HS, **_SE),
    Row(160, 3, 2, 6,   (5,), **_HS, **_SE),
)

MOBILENET_V3_SMALL = (
    Row(16,  1, 2, 1,    **_RE, **_SE),
    Row(24,  1, 2, 4.5,  **_RE),
    Row(24,  1, 1, 3.67, **_RE, new_stage=False),
    Row(40,  1, 2, 4,    (5,), **_HS, **_SE),
    Row(40,  2, 1, 6,    (5,), **_HS, **_SE, new_stage=False),
    Row(48,  2, 1, 3,    (5,), **_HS, **_SE),
    Row(96,  3, 2, 6,    (5,), **_HS, **_SE),
)
# fmt: on


def minimalistic_rows(rows: Sequence[Row]) -> list[Row]:
    """The table without 5x5 kernels, squeeze-and-excite and hard-swish (the authors' variant)."""
    return [replace(row, kernels=(3,), squeeze=0.0, activation="relu") for row in rows]


def _ids(name: str, alphas: Sequence[float]) -> dict[str, dict]:
    return {
        name: {},
        **{
            f"{name}_{round(alpha * 100):03d}": {"alpha": alpha, "minimalistic": False}
            for alpha in alphas
        },
        f"{name}_minimalistic": {"alpha": 1.0, "minimalistic": True},
    }


def _mobilenet_v3(
    x, conventions, stem_strides, blocks, hidden: int, alpha, minimalistic, dilate_strided
) -> Trunk:
    alpha = check_alpha(alpha)
    for name, value in (("minimalistic", minimalistic), ("dilate_strided", dilate_strided)):
        if not isinstance(value, bool):
            raise invalid(name, value, "True or False")
    conventions = replace(conventions, dilate_strided=dilate_strided)
    rows = minimalistic_rows(blocks) if minimalistic else blocks
    activation = "relu" if minimalistic else "hard_silu"
    # The stem keeps its 16 channels and the hidden layer its width where alpha is below 1.
    stem = conv_bn(x, 16, 3, conventions, "stem", stem_strides, activation=activation)
    trunk = Trunk.from_stem(stem, conventions, stem_strides)
    inverted_residual_stages(trunk, scale_width(rows, alpha))
    head = round_filters(trunk.x.shape[-1] * 6)
    trunk.finish(conv_bn(trunk.x, head, 1, trunk.conventions, "head", activation=activation))
    hidden = round_filters(hidden, max(1.0, alpha))

    def widen(pooled):
        """The layer after pooling: a 1x1 convolution with bias and without batch norm."""
        y = keras.layers.Reshape((1, 1, head), name="hidden_reshape")(pooled)
        y = keras.layers.Conv2D(
            hidden, 1, kernel_initializer=kernel_initializer(), name="hidden_conv"
        )(y)
        y = activate(y, activation, "hidden_act")
        return keras.layers.Flatten(name="hidden_flatten")(y)

    trunk.head = widen
    return trunk


@constructor(
    ids=_ids("mobilenet_v3_small", (0.5, 0.75)),
    leading=("input_shape", "alpha", "minimalistic"),
    head=("hidden", "predictions"),
)
def MobileNetV3Small(
    x,
    conventions,
    stem_strides,
    *,
    alpha: float = 1.0,
    minimalistic: bool = False,
    dilate_strided: bool = False,
) -> Trunk:
    """MobileNetV3-Small: 2.5 M parameters, 56 M multiply-adds (its paper's tables 2 and 3).

    Source: https://arxiv.org/abs/1905.02244; block table `MOBILENET_V3_SMALL`.

    Args:
        alpha: Width multiplier; widths are rounded to multiples of 8. Published: 1.0, 0.75, 0.5.
        minimalistic: Without 5x5 kernels, squeeze-and-excite and hard-swish.
        dilate_strided: With `output_stride`: whether a block that loses its stride is dilated as
            well, as torchvision's LR-ASPP and DeepLabV3 were trained.
    """
    return _mobilenet_v3(
        x, conventions, stem_strides, MOBILENET_V3_SMALL, 1024, alpha, minimalistic, dilate_strided
    )


@constructor(
    ids=_ids("mobilenet_v3_large", (0.75,)),
    leading=("input_shape", "alpha", "minimalistic"),
    head=("hidden", "predictions"),
)
def MobileNetV3Large(
    x,
    conventions,
    stem_strides,
    *,
    alpha: float = 1.0,
    minimalistic: bool = False,
    dilate_strided: bool = False,
    reduced_tail: bool = False,
) -> Trunk:
    """MobileNetV3-Large: 5.5 M parameters, 217 M multiply-adds (its paper's tables 1 and 3).

    Source: https://arxiv.org/abs/1905.02244; block table `MOBILENET_V3_LARGE`.

    Args:
        alpha: Width multiplier; widths are rounded to multiples of 8. Published: 1.0, 0.75.
        minimalistic: Without 5x5 kernels, squeeze-and-excite and hard-swish.
        dilate_strided: With `output_stride`: whether a block that loses its stride is dilated as
            well, as torchvision's LR-ASPP and DeepLabV3 were trained.
        reduced_tail: With the last stage, and what follows, half as wide (the paper's section 6.3),
            as torchvision's SSDLite has it.
    """
    if not isinstance(reduced_tail, bool):
        raise invalid("reduced_tail", reduced_tail, "True or False")
    rows, hidden = MOBILENET_V3_LARGE, 1280
    if reduced_tail:
        rows, hidden = (*rows[:-1], replace(rows[-1], filters=rows[-1].filters // 2)), hidden // 2
    return _mobilenet_v3(
        x, conventions, stem_strides, rows, hidden, alpha, minimalistic, dilate_strided
    )
