"""ESPNetv2: EESP units, reduction by pooling beside strided units, and the picture added again.

"ESPNetv2: A Light-weight, Power Efficient, and General Purpose Convolutional Neural Network"
(Mehta et al., CVPR 2019), https://arxiv.org/abs/1811.11431, table 1; details as in
github.com/sacmehta/ESPNetv2 (commit b78e323), `imagenet/Model.py`.
"""

import math

from kerazoo._errors import invalid
from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import Conventions, batch_norm
from kerazoo.blocks.eesp_unit import (
    EESP,
    PicturePyramid,
    conv_bn_prelu,
    depthwise_3x3,
    eesp_stages,
)
from kerazoo.layers import PReLU
from kerazoo.models._constructor import constructor

SCALES = (0.5, 1.0, 1.25, 1.5, 2.0)
BRANCHES = 4
BASES = (16, 32, 40, 48, 56, 64)  # all up to 64 whose branches the groups divide


def table(base: int, last: bool = False) -> tuple[EESP, ...]:
    """The paper's table 1 for a `base` width (32 at scale 1); the stem is made apart.

    Args:
        base: Width.
        last: Whether the last reducing unit gets the picture.
    """
    # fmt: off
    return (
        EESP(base * 2,  repeats=1, reduce_receptive_field=13),
        EESP(base * 4,  repeats=4, reduce_receptive_field=11, receptive_field=9),
        EESP(base * 8,  repeats=8, reduce_receptive_field=9,  receptive_field=7),
        # The paper's figure 2 has the picture in every reducing unit. The original code makes
        # these layers here but never runs them, and its weights were trained so.
        EESP(base * 16, repeats=4, reduce_receptive_field=7,  receptive_field=5, reinforce=last),
    )
    # fmt: on


def widths(scale: float) -> tuple[int, int, int]:
    """Base width, stem width and head width of a scale, by the rule of the original code."""
    if not isinstance(scale, int | float) or isinstance(scale, bool) or not 0 < scale <= 2:
        raise invalid("scale", scale, "a number above 0 and at most 2")
    base = math.ceil(int(32 * scale) / BRANCHES) * BRANCHES
    if base not in BASES:
        raise invalid(
            "scale",
            scale,
            f"one of {SCALES}, or such that 32 * scale, rounded up to a multiple of {BRANCHES}, is "
            f"one of {BASES} (the groups of {BRANCHES} branches would not divide {base})",
        )
    return base, min(32, base), 1024 if scale <= 1.5 else 1280


@constructor(
    ids={
        "espnetv2": {},
        **{f"espnetv2_s_{str(scale).replace('.', '_')}": {"scale": scale} for scale in SCALES},
    },
    leading=("input_shape", "scale"),
    conventions=Conventions("symmetric", 1e-5, 0.9),
)
def ESPNetV2(
    x, conventions, stem_strides, *, scale: float = 1.0, reinforce_last: bool = False
) -> Trunk:
    """ESPNetv2: 1.67 M parameters and 86.7 M multiply-adds at `scale=1`.

    Paper: https://arxiv.org/abs/1811.11431 (table 1).

    The original counts 1,670,072 parameters, this network has 1,666,942: some layers of the
    original are never run (the last activation of every reducing unit, and the picture branch of
    the last one). They are not made here, and the published weights for them are set aside.

    With `padding="same"` the averages leave out the padding (TensorFlow's rule); with
    `"symmetric"`, the default, they count it, as the published weights need.

    Args:
        scale: Width multiplier, above 0 and at most 2; published: 0.5, 1.0, 1.25, 1.5, 2.0. The
            base width, 32 times it, is rounded up to a multiple of 4, and must then be 16, 32, 40,
            48, 56 or 64 for the groups to divide.
        reinforce_last: Whether the last reducing unit gets the picture too, as in the paper's
            figure 2 and in EdgeNets' detector; the published classifiers are without.
    """
    if not isinstance(reinforce_last, bool):
        raise invalid("reinforce_last", reinforce_last, "True or False")
    base, stem, head = widths(scale)
    pyramid = PicturePyramid(x, conventions)
    trunk = Trunk(x, conventions)
    trunk.advance(conv_bn_prelu(x, stem, 3, conventions, "stem", stem_strides), stem_strides)
    eesp_stages(trunk, table(base, reinforce_last), pyramid)
    conventions = trunk.conventions
    x = depthwise_3x3(trunk.x, conventions, "head_depthwise")
    x = PReLU(name="head_depthwise_act")(batch_norm(x, conventions, "head_depthwise_bn"))
    trunk.finish(conv_bn_prelu(x, head, 1, conventions, "head", groups=BRANCHES))
    return trunk
