"""ShuffleNet v2: designed for speed by four practical rules.

"ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design" (Ma et al., ECCV 2018),
https://arxiv.org/abs/1807.11164, table 5. Unit by unit as in torchvision.
"""

from kerazoo._errors import invalid
from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.bottleneck import max_pool
from kerazoo.blocks.conventions import Conventions, conv_bn
from kerazoo.blocks.shuffle_unit import shuffle_unit_v2
from kerazoo.models._constructor import constructor

# fmt: off
WIDTHS = {  # scale -> channels of stages 2, 3, 4 and of the head
    0.5: (48,  96,  192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}
# fmt: on
REPEATS = (4, 8, 4)
STEM = 24


@constructor(
    ids={
        "shufflenet_v2": {},
        **{f"shufflenet_v2_x{str(scale).replace('.', '_')}": {"scale": scale} for scale in WIDTHS},
    },
    leading=("input_shape", "scale"),
    conventions=Conventions("symmetric", 1e-5, 0.9),
    dropout_rate=0.0,
)
def ShuffleNetV2(x, conventions, stem_strides, *, scale: float = 1.0) -> Trunk:
    """ShuffleNet v2: 2.3 M parameters, 145 M multiply-adds at `scale=1` (its paper's table 5).

    Source: https://arxiv.org/abs/1807.11164; table `WIDTHS`.

    Args:
        scale: Width: 0.5, 1.0, 1.5 or 2.0, each with its own row of the table.
    """
    if isinstance(scale, bool) or not isinstance(scale, int | float) or scale not in WIDTHS:
        raise invalid("scale", scale, f"one of {tuple(WIDTHS)}")
    *stages, head = WIDTHS[scale]
    trunk = Trunk(x, conventions)
    x = conv_bn(x, STEM, 3, conventions, "stem", stem_strides, activation="relu")
    trunk.advance(x, stem_strides)
    trunk.advance(max_pool(x, trunk.conventions, "stem_pool"), 2)
    for stage, (filters, repeats) in enumerate(zip(stages, REPEATS, strict=True), 1):
        for block in range(1, repeats + 1):
            stride = 2 if block == 1 else 1
            name = f"stage{stage}_block{block}"
            x = shuffle_unit_v2(trunk.x, filters, stride, trunk.conventions, name)
            trunk.advance(x, stride)
        trunk.tap(f"stage{stage}", trunk.x)
    trunk.finish(conv_bn(trunk.x, head, 1, trunk.conventions, "head", activation="relu"))
    return trunk
