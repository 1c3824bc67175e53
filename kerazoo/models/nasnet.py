"""NASNet-A: found by architecture search, from keras.applications.

"Learning Transferable Architectures for Scalable Image Recognition" (Zoph et al., CVPR 2018),
https://arxiv.org/abs/1707.07012.
"""

import keras

from kerazoo.blocks.conventions import Conventions
from kerazoo.models._applications import application

_BUILT_IN = Conventions("same", 1e-3, 0.9997)


def _features(repeats: int) -> dict[int, str]:
    """Stride -> layer. The first convolution is unpadded: its odd map is left out."""
    last = (repeats - 1, 2 * repeats, 3 * repeats)  # keras.applications skips one number
    normal = {8 << i: f"normal_concat_{number}" for i, number in enumerate(last)}
    return {4: "reduction_concat_stem_1", **normal}


@application("nasnet_mobile", keras.applications.NASNetMobile, _features(4), _BUILT_IN, static=True)
def NASNetMobile():
    """NASNet-A (4 @ 1056): 5.3 M parameters, 564 M multiply-adds.

    Source: https://arxiv.org/abs/1707.07012, figure 4 and table 3; layers from
    `keras.applications.NASNetMobile`, whose padding and batch-norm epsilon cannot be changed.
    Height and width must be known, since its padding depends on them.
    """


@application(
    "nasnet_large",
    keras.applications.NASNetLarge,
    _features(6),
    _BUILT_IN,
    size=331,
    static=True,
)
def NASNetLarge():
    """NASNet-A (6 @ 4032): 88.7 M parameters, 23.8 G multiply-adds.

    Source: https://arxiv.org/abs/1707.07012, figure 4 and table 2; layers from
    `keras.applications.NASNetLarge`, whose padding and batch-norm epsilon cannot be changed.
    Height and width must be known, since its padding depends on them.
    """
