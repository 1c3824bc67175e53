"""FBNet-C: a mobile network found by differentiable search.

"FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural Architecture Search" (Wu
et al., CVPR 2019), https://arxiv.org/abs/1812.03443, table 1 and figure 4.
"""

from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import conv_bn
from kerazoo.blocks.inverted_residual import InvertedResidual as Row
from kerazoo.blocks.inverted_residual import inverted_residual_stages
from kerazoo.models._constructor import constructor

# fmt: off
# FBNet's blocks have the expanding convolution at expansion 1 too (the paper's figure 3).
_RE = {"activation": "relu", "expand_always": True}

FBNET_C = (  # filters, repeats, stride, expansion, kernels
    Row(16,  1, 1, 1, (3,), **_RE),
    Row(24,  1, 2, 6, (3,), **_RE),
    Row(24,  2, 1, 1, (3,), **_RE, new_stage=False),  # the paper: one of these is a skip
    Row(32,  1, 2, 6, (5,), **_RE),
    Row(32,  1, 1, 3, (5,), **_RE, new_stage=False),
    Row(32,  1, 1, 6, (5,), **_RE, new_stage=False),
    Row(32,  1, 1, 6, (3,), **_RE, new_stage=False),
    Row(64,  1, 2, 6, (5,), **_RE),
    Row(64,  1, 1, 3, (5,), **_RE, new_stage=False),
    Row(64,  2, 1, 6, (5,), **_RE, new_stage=False),
    Row(112, 3, 1, 6, (5,), **_RE),
    Row(112, 1, 1, 3, (5,), **_RE, new_stage=False),
    Row(184, 4, 2, 6, (5,), **_RE),
    Row(352, 1, 1, 6, (3,), **_RE),
)
# fmt: on


@constructor(ids={"fbnet_c": {}})
def FBNetC(x, conventions, stem_strides) -> Trunk:
    """FBNet-C: 5.6 M parameters, 385 M multiply-adds (its paper's table 2: 5.5 M and 375 M).

    Source: https://arxiv.org/abs/1812.03443; block table `FBNET_C`, row by row timm's `fbnetc_100`
    (whose weights need `padding="symmetric"`). Top-1 74.9 % in the paper.
    """
    stem = conv_bn(x, 16, 3, conventions, "stem", stem_strides, activation="relu")
    trunk = Trunk.from_stem(stem, conventions, stem_strides)
    inverted_residual_stages(trunk, FBNET_C)
    trunk.finish(conv_bn(trunk.x, 1984, 1, trunk.conventions, "head", activation="relu"))
    return trunk
