"""ResNet V2: residual blocks with activation before convolution, from keras.applications.

"Identity Mappings in Deep Residual Networks" (He et al., ECCV 2016),
https://arxiv.org/abs/1603.05027.
"""

import keras

from kerazoo.blocks.conventions import Conventions
from kerazoo.models._applications import application

_BUILT_IN = Conventions("symmetric", 1.001e-5, 0.99)


def _features(*repeats: int) -> dict[int, str]:
    """Stride -> layer. A stage's last block has the stride already: the one before is the last."""
    before = {4 << i: f"conv{i + 2}_block{n - 1}_out" for i, n in enumerate(repeats)}
    return {2: "conv1_conv", **before, 32: "conv5_block3_out"}


@application(
    "resnet50_v2",
    keras.applications.ResNet50V2,
    _features(3, 4, 6),
    _BUILT_IN,
)
def ResNet50V2():
    """ResNet-50 V2: 25.6 M parameters, 3.5 G multiply-adds.

    Source: https://arxiv.org/abs/1603.05027; layers from `keras.applications.ResNet50V2`, whose
    padding and batch-norm epsilon cannot be changed.
    """


@application(
    "resnet101_v2",
    keras.applications.ResNet101V2,
    _features(3, 4, 23),
    _BUILT_IN,
)
def ResNet101V2():
    """ResNet-101 V2: 44.6 M parameters, 7.2 G multiply-adds.

    Source: https://arxiv.org/abs/1603.05027; layers from `keras.applications.ResNet101V2`, whose
    padding and batch-norm epsilon cannot be changed.
    """


@application(
    "resnet152_v2",
    keras.applications.ResNet152V2,
    _features(3, 8, 36),
    _BUILT_IN,
)
def ResNet152V2():
    """ResNet-152 V2: 60.2 M parameters, 10.9 G multiply-adds.

    Source: https://arxiv.org/abs/1603.05027; layers from `keras.applications.ResNet152V2`, whose
    padding and batch-norm epsilon cannot be changed.
    """
