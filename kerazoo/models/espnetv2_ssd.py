"""ESPNetv2-SSD: boxes from a pyramid that is gone down and up again.

EdgeNets, "DiCENet: Dimension-wise Convolutions for Efficient Networks" (Mehta et al., TPAMI 2020),
https://arxiv.org/abs/1906.03516, section 4.4; details as in github.com/sacmehta/EdgeNets (commit
2b232d3), `model/detection/ssd.py`, `box_predictor.py`.
"""

from typing import Any

import keras

from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import Conventions, batch_norm, kernel_initializer
from kerazoo.blocks.eesp_unit import conv_bn_prelu, depthwise_3x3
from kerazoo.blocks.pyramid_pool import efficient_pyramid_pool
from kerazoo.blocks.ssd import Predictor
from kerazoo.layers import BilinearResize2D, PReLU
from kerazoo.models._backbones import build_backbone
from kerazoo.models.ssdlite import detector, given_or
from kerazoo.tasks.detection.head import SSDHead, chosen_rules

EXTRAS = (512, 256)  # channels of the maps that are made by convolutions with a stride
LAST = 128  # of the map of one place
# Sizes at which each map is seen on the way up, coarsest first.
SCALES = ((2.0, 1.0), (2.0, 1.0, 0.5), (2.0, 1.0, 0.5, 0.25), (2.0, 1.0, 0.5, 0.25))


def _down(x, filters: int, conventions: Conventions, name: str):
    """A map of half the size."""
    x = depthwise_3x3(x, conventions, f"{name}_depthwise", 2)
    x = PReLU(name=f"{name}_depthwise_act")(batch_norm(x, conventions, f"{name}_depthwise_bn"))
    return conv_bn_prelu(x, filters, 1, conventions, name)


def _place(x, name: str):
    """The map of one place."""
    x = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(x)
    x = keras.layers.Conv2D(
        LAST, 1, use_bias=False, kernel_initializer=kernel_initializer(), name=f"{name}_conv"
    )(x)
    return keras.layers.ReLU(name=f"{name}_act")(x)


def _up(coarse, fine, scales, conventions: Conventions, name: str):
    """The finer map, joined with the coarser one."""
    filters = fine.shape[-1]
    x = BilinearResize2D(align_corners=True, name=f"{name}_resize")([coarse, fine])
    x = keras.layers.Concatenate(name=f"{name}_join")([x, fine])
    return efficient_pyramid_pool(x, filters, filters // 5, conventions, name, scales)


@detector(
    ids={"espnetv2_ssd": {}, "espnetv2_ssd_s_2_0": {"scale": 2.0}},
    leading=("input_shape", "scale"),
    size=300,
    conventions=Conventions("symmetric", 1e-5, 0.9),
)
def ESPNetV2SSD(
    x,
    conventions,
    stem_strides,
    *,
    scale: float = 2.0,
    rules: str | None = None,
    anchors: Any = None,
) -> Trunk:
    """ESPNetv2-SSD: 5.8 M parameters and 1.16 B multiply-adds at `scale=2`, 80 classes, 300 pixels.

    Source: https://arxiv.org/abs/1906.03516, section 4.4. Unlike the classifier, its last reducing
    unit gets the picture too. The original counts 992 parameters more, of activations that it never
    runs.

    Args:
        scale: Width multiplier, as for `ESPNetV2`; published: 2.0.
        rules: As for `SSDLite`; default: EdgeNets' for pictures of 512 or of 300 pixels.
        anchors: As for `SSDLite`.
    """
    own = {"scale": scale, "reinforce_last": True}
    trunk = build_backbone("espnetv2", x, conventions, stem_strides, **own)

    def grow() -> list[Any]:
        coarse = [trunk.x]
        for number, filters in enumerate(EXTRAS, 1):
            coarse.append(_down(coarse[-1], filters, conventions, f"extra{number}"))
        found = [_place(coarse[-1], "extra3"), coarse.pop()]
        maps = [trunk.features[8], trunk.features[16], *coarse]
        for number, scales in enumerate(SCALES, 1):
            found.append(_up(found[-1], maps.pop(), scales, conventions, f"extra_up{number}"))
        return found[::-1]

    chosen = given_or(rules, "edgenets_512" if x.shape[1] == 512 else "edgenets_300")
    predictors = [Predictor(1, separable=False)] * 6
    trunk.head = SSDHead(x, grow, predictors, conventions, chosen_rules(chosen, anchors))
    return trunk
