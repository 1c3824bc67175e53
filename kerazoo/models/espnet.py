"""ESPNet: semantic segmentation by a spatial pyramid of dilated convolutions.

"ESPNet: Efficient Spatial Pyramid of Dilated Convolutions for Semantic Segmentation" (Mehta et
al., ECCV 2018), https://arxiv.org/abs/1803.06815, figure 4d; details as in
github.com/sacmehta/ESPNet, `train/Model.py`.
"""

from functools import partial

import keras

from kerazoo._checks import check_int
from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import Conventions, batch_norm, conv, kernel_initializer
from kerazoo.blocks.eesp_unit import PicturePyramid, conv_bn_prelu
from kerazoo.blocks.esp_module import DILATIONS, bn_prelu, esp_module
from kerazoo.layers import CropLike, LearnedUpsampling2D
from kerazoo.models._constructor import constructor

STEM, STAGES = 16, (64, 128)


@constructor(
    ids={"espnet": {}, **{f"espnet_p2_q{q}": {"p": 2, "q": q} for q in (3, 8)}},
    leading=("input_shape",),
    size=512,
    conventions=Conventions("symmetric", 1e-3, 0.9),
    dropout_rate=0.0,
    stride=8,
    dilates=False,
    head=("decoder", "predictions"),
    task="segmentation",
    classes=20,
    defaults={"weights": None, "classifier_activation": None},
)
def ESPNet(x, conventions, stem_strides, *, p: int = 2, q: int = 8) -> Trunk:
    """ESPNet: 365,109 parameters at `p=2, q=8` and 20 classes, an output for every pixel.

    Paper: https://arxiv.org/abs/1803.06815 (figure 4d). No weights are registered: it starts
    random, and gives logits unless `classifier_activation` says otherwise. Pictures of any size:
    what is upsampled past an odd size is cut off. With fewer than 5 classes, which the original
    cannot have, the decoder is 5 channels wide.

    `include_top=False` gives the encoder (ESPNet-C without its classifier, 256 channels at stride
    8), `features_only=True` the maps that the decoder takes.

    Args:
        p: ESP modules at stride 4, a positive integer; published: 2.
        q: ESP modules at stride 8, a positive integer; published: 3 and 8.
    """
    for name, value in (("p", p), ("q", q)):
        check_int(name, value)
    pyramid = PicturePyramid(x, conventions)
    trunk = Trunk(x, conventions)
    stem = conv_bn_prelu(x, STEM, 3, conventions, "stem", stem_strides)
    _join(trunk, [stem, pyramid.at(stem_strides)], conventions, "stem_join", stem_strides)
    for stage, (filters, repeats) in enumerate(zip(STAGES, (p, q), strict=True), 1):
        name = f"stage{stage}"
        first = y = esp_module(
            trunk.x, filters, conventions, f"{name}_block1", stride=2, residual=False
        )
        for block in range(2, repeats + 2):
            y = esp_module(y, filters, conventions, f"{name}_block{block}")
        parts = [first, y] if stage == 2 else [y, first, pyramid.at(trunk.stride * 2)]
        _join(trunk, parts, conventions, f"{name}_join", 2)
    trunk.head = partial(_decode, trunk, x, conventions, stem_strides)
    return trunk


def _join(trunk: Trunk, parts, conventions: Conventions, name: str, stride: int) -> None:
    x = keras.layers.Concatenate(name=f"{name}_concat")(parts)
    trunk.advance(bn_prelu(x, conventions, name), stride)


def _up(x, like, filters: int, name: str, factor: int = 2, **kw):
    """Learned upsampling to the size of `like`."""
    x = LearnedUpsampling2D(
        filters, factor, kernel_initializer=kernel_initializer(), name=name, **kw
    )(x)
    return CropLike(name=f"{name}_crop", **kw)([x, like])


def _decode(
    trunk: Trunk, picture, conventions: Conventions, stem_strides: int, classes, dropout_rate, dtype
):
    """Project to the classes, upsample, join the finer map, thrice: logits for every pixel."""
    fine, middle, coarse = (x for _, x in sorted(trunk.features.items()))
    # Every width is the number of classes; only the ESP module cannot have fewer than five.
    width = max(classes, len(DILATIONS))
    x = conv(coarse, width, 1, conventions, "decoder_coarse")
    x = _up(batch_norm(x, conventions, "decoder_coarse_bn"), middle, width, "decoder_coarse_up")
    y = conv(middle, width, 1, conventions, "decoder_middle")
    x = keras.layers.Concatenate(name="decoder_middle_concat")([y, x])
    x = bn_prelu(x, conventions, "decoder_middle")
    x = esp_module(x, width, conventions, "decoder_esp", residual=False)
    x = bn_prelu(_up(x, fine, width, "decoder_middle_up"), conventions, "decoder_middle_up")
    x = keras.layers.Concatenate(name="decoder_fine_concat")([x, fine])
    x = conv_bn_prelu(x, width, 3, conventions, "decoder_fine")
    if dropout_rate:
        x = keras.layers.Dropout(dropout_rate, name="decoder_dropout")(x)
    return _up(x, picture, classes, "predictions", stem_strides, dtype=dtype)
