"""ShuffleNet v1: grouped 1x1 convolutions and a channel shuffle.

"ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices" (Zhang et al.,
CVPR 2018), https://arxiv.org/abs/1707.01083, table 1. Unit by unit as in pytorchcv.
"""

from kerazoo._errors import invalid
from kerazoo._rules import is_int, is_number
from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.bottleneck import max_pool
from kerazoo.blocks.conventions import Conventions, conv_bn
from kerazoo.blocks.shuffle_unit import shuffle_unit_v1
from kerazoo.models._constructor import constructor

# fmt: off
WIDTHS = {  # groups -> channels of stages 2, 3 and 4 of the paper's table
    1: (144, 288, 576),
    2: (200, 400, 800),
    3: (240, 480, 960),
    4: (272, 544, 1088),
    8: (384, 768, 1536),
}
# fmt: on
REPEATS = (4, 8, 4)
STEM = 24
SCALES = (0.25, 0.5, 0.75)  # published with 1 and 3 groups


def _widths(groups: int, scale: float) -> tuple[int, tuple[int, ...]]:
    """Channels of the stem and of each stage, checked."""
    if not is_int(groups) or groups not in WIDTHS:
        raise invalid("groups", groups, f"one of {tuple(WIDTHS)}")
    rule = "a positive number"
    if not is_number(scale) or scale <= 0:
        raise invalid("scale", scale, rule)
    stem, stages = int(STEM * scale), tuple(int(width * scale) for width in WIDTHS[groups])
    before = (stem, *stages)
    for earlier, width in zip(before, stages, strict=False):
        # The bottleneck, and what the reducing unit adds to the pooled channels.
        if width // 4 % groups or (width - earlier) % groups or width // 4 < 1 or stem < 1:
            known = ", ".join(str(s) for s in (1.0, *SCALES) if groups in (1, 3) or s == 1.0)
            raise invalid(
                "scale", scale, f"{rule} that {groups} groups divide the widths of ({known}, …)"
            )
    return stem, stages


@constructor(
    ids={
        "shufflenet_v1": {},
        **{f"shufflenet_v1_g{groups}_x1_0": {"groups": groups, "scale": 1.0} for groups in WIDTHS},
        **{
            f"shufflenet_v1_g{groups}_x{str(scale).replace('.', '_')}": {
                "groups": groups,
                "scale": scale,
            }
            for groups in (1, 3)
            for scale in SCALES
        },
    },
    leading=("input_shape", "groups", "scale"),
    conventions=Conventions("symmetric", 1e-5, 0.9),
    dropout_rate=0.0,
)
def ShuffleNetV1(x, conventions, stem_strides, *, groups: int = 3, scale: float = 1.0) -> Trunk:
    """ShuffleNet v1: 1.9 M parameters, 137 M multiply-adds with 3 groups (its paper's table 1).

    Source: https://arxiv.org/abs/1707.01083; table `WIDTHS`.

    Args:
        groups: Of the 1x1 convolutions: 1, 2, 3, 4 or 8.
        scale: Width multiplier, the paper's s; widths are rounded down and must stay divisible by
            the groups. Published: 1.0, with 1 and 3 groups also 0.75, 0.5 and 0.25.
    """
    stem, stages = _widths(groups, scale)
    trunk = Trunk(x, conventions)
    x = conv_bn(x, stem, 3, conventions, "stem", stem_strides, activation="relu")
    trunk.advance(x, stem_strides)
    trunk.advance(max_pool(x, trunk.conventions, "stem_pool"), 2)
    for stage, (filters, repeats) in enumerate(zip(stages, REPEATS, strict=True), 1):
        for block in range(1, repeats + 1):
            stride = 2 if block == 1 else 1
            x = shuffle_unit_v1(
                trunk.x,
                filters,
                stride,
                groups,
                trunk.conventions,
                f"stage{stage}_block{block}",
                group_first=(stage, block) != (1, 1),
            )
            trunk.advance(x, stride)
        trunk.tap(f"stage{stage}", trunk.x)
    return trunk
