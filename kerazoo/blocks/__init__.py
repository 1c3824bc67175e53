"""Builders of blocks: a row of an architecture table in, Keras tensors out."""

from kerazoo._face import face

# Public name -> module; imported on first use, for all of them import Keras. What has the name of
# its module (`esp_module`) is found there: the package cannot answer to both.
_PUBLIC = {
    "Trunk": "kerazoo.blocks._trunk",
    "Conventions": "kerazoo.blocks.conventions",
    "conv_bn": "kerazoo.blocks.conventions",
    "depthwise_bn": "kerazoo.blocks.conventions",
    "InvertedResidual": "kerazoo.blocks.inverted_residual",
    "inverted_residual_stages": "kerazoo.blocks.inverted_residual",
    "scale_width": "kerazoo.blocks.inverted_residual",
    "round_filters": "kerazoo.blocks.inverted_residual",
    "Residual": "kerazoo.blocks.bottleneck",
    "residual_stages": "kerazoo.blocks.bottleneck",
    "Separable": "kerazoo.blocks.separable",
    "separable_stages": "kerazoo.blocks.separable",
    "shuffle_unit_v1": "kerazoo.blocks.shuffle_unit",
    "shuffle_unit_v2": "kerazoo.blocks.shuffle_unit",
    "EESP": "kerazoo.blocks.eesp_unit",
    "eesp_stages": "kerazoo.blocks.eesp_unit",
    "PicturePyramid": "kerazoo.blocks.eesp_unit",
}
__getattr__, __dir__ = face(__name__, _PUBLIC)
