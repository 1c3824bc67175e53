"""ESPNet: semantic segmentation by a spatial pyramid of dilated convolutions.

"ESPNet: Efficient Spatial Pyramid of Dilated Convolutions for Semantic Segmentation" (Mehta et
al., ECCV 2018), https://arxiv.org/abs/1803.06815, figure 4; details as in
github.com/sacmehta/ESPNet (commit afe71c3), `train/Model.py` and `test/Model.py`.
"""

from functools import partial
from typing import Any

import keras

from kerazoo._checks import check_choice, check_flag, check_int
from kerazoo.blocks._trunk import Trunk
from kerazoo.blocks.conventions import Conventions, batch_norm, conv, kernel_initializer
from kerazoo.blocks.eesp_unit import PicturePyramid, conv_bn_prelu
from kerazoo.blocks.esp_module import DILATIONS, bn_prelu, esp_module
from kerazoo.layers import CropLike, GatherChannels, LearnedUpsampling2D
from kerazoo.models._constructor import constructor

STEM, STAGES = 16, (64, 128)
ORDERS = ("rgb", "bgr")
_FACTS: dict[str, Any] = {
    "leading": ("input_shape",),
    "size": 512,
    "conventions": Conventions("symmetric", 1e-3, 0.9),
    "dropout_rate": 0.0,
    "stride": 8,
    "dilates": False,
    "task": "segmentation",
    "classes": 20,
    "defaults": {"weights": None, "classifier_activation": None},
}


@constructor(
    ids={
        "espnet": {},
        **{f"espnet_p2_q{q}": {"p": 2, "q": q, "fine_picture": True} for q in (3, 8)},
        **{f"espnet_city_p2_q{q}": {"p": 2, "q": q, "fine_picture": False} for q in (3, 5, 8)},
    },
    head=("decoder", "predictions"),
    **_FACTS,
)
def ESPNet(
    x,
    conventions,
    stem_strides,
    *,
    p: int = 2,
    q: int = 8,
    fine_picture: bool = True,
    channel_order: str | None = None,
) -> Trunk:
    """ESPNet: 365,109 parameters at `p=2, q=8` and 20 classes, an output for every pixel.

    Paper: https://arxiv.org/abs/1803.06815 (figure 4d). It gives logits unless
    `classifier_activation` says otherwise. Pictures of any size: what is upsampled past an odd size
    is cut off. With fewer than 5 classes, which the original cannot have, the decoder is 5 channels
    wide.

    The authors have two decoders: `train/Model.py`, and `test/Model.py`, of which all published
    Cityscapes weights are (`fine_picture=False`: `espnet_city_p2_q3`, `_q5` and `_q8`).

    `include_top=False` gives the encoder (`ESPNetC` without its classifier, 256 channels at stride
    8), `features_only=True` the maps that the decoder takes.

    Args:
        p: ESP modules at stride 4, a positive integer; published: 2.
        q: ESP modules at stride 8, a positive integer; published: 3, 5 and 8.
        fine_picture: Whether the finest map that the decoder takes has the pooled picture beside
            the stem, or is the stem alone.
        channel_order: In which the layers see red, green and blue: `"rgb"`, or `"bgr"` as in the
            authors' training. Pictures are RGB in any case. None for what the weights need, else
            `"rgb"`.
    """
    check_flag("fine_picture", fine_picture)
    x = _ordered(x, channel_order)
    trunk, stem = _encode(x, conventions, stem_strides, p, q)
    fine = trunk.features[stem_strides] if fine_picture else stem
    trunk.head = partial(_decode, trunk, fine, x, conventions, stem_strides)
    return trunk


@constructor(
    ids={"espnet_c": {}, **{f"espnet_c_p2_q{q}": {"p": 2, "q": q} for q in (3, 5, 8)}},
    head=("predictions",),
    **_FACTS,
)
def ESPNetC(
    x, conventions, stem_strides, *, p: int = 2, q: int = 8, channel_order: str | None = None
) -> Trunk:
    """ESPNet's encoder and a classifier of its places: 349,449 parameters at `p=2, q=8`.

    Paper: https://arxiv.org/abs/1803.06815 (figure 4c). The logits have an eighth of the picture's
    size, rounded up; predictions are interpolated, as the authors do outside of the network.

    Args:
        p, q, channel_order: As of `ESPNet`.
    """
    trunk, _ = _encode(_ordered(x, channel_order), conventions, stem_strides, p, q)

    def classify(classes: int, dropout_rate: float, dtype: Any):
        y = keras.layers.Dropout(dropout_rate, name="dropout")(trunk.x) if dropout_rate else trunk.x
        return keras.layers.Conv2D(
            classes,
            1,
            use_bias=False,
            kernel_initializer=kernel_initializer(),
            dtype=dtype,
            name="predictions",
        )(y)

    trunk.head = classify
    return trunk


def _ordered(x, channel_order: str | None):
    check_choice("channel_order", channel_order, ORDERS, optional=True)
    if channel_order != "bgr":
        return x
    return GatherChannels(range(x.shape[-1])[::-1], name="channel_order")(x)


def _encode(x, conventions: Conventions, stem_strides: int, p: int, q: int) -> tuple[Trunk, Any]:
    """The encoder, and its stem before the picture joins it."""
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
    return trunk, stem


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
    trunk: Trunk,
    fine,
    picture,
    conventions: Conventions,
    stem_strides: int,
    classes: int,
    dropout_rate: float,
    dtype,
):
    """Project to the classes, upsample, join the finer map, thrice: logits for every pixel."""
    _, middle, coarse = (x for _, x in sorted(trunk.features.items()))
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
