"""TensorFlow Object Detection API: SSD and SSDLite on MobileNets, and what was made of them.

Checkpoints of TensorFlow 1 have `weights`, `depthwise_weights`, `biases` and `BatchNorm/…`;
converted files, whose batch norms were folded, have `kernel` and `bias` at every layer. Caffe's
conversion of SSDLite MobileNetV2 (github.com/chuanqi305/MobileNetv2-SSDLite) has names of its own.
"""

import re
from collections.abc import Callable, Iterable

from kerazoo.checkpoints.layouts.layout import IGNORED, Layout, Translation, blocks_in

# No weights: counters, what optimizers remember, and anchors, which follow from the rule.
_ASIDE = r"global_step|anchors(_quantized)?|.*/(Momentum|RMSProp(_\d+)?|Adam(_\d+)?)"
_KERNELS = ("weights", "depthwise_weights", "kernel")
_NORM = ("gamma", "beta", "moving_mean", "moving_variance")


def _backbone_v1(layer: str, blocks: list[str]) -> str | None:
    if layer == "Conv2d_0":
        return "stem"
    found = re.fullmatch(r"Conv2d_(\d+)_(depthwise|pointwise)", layer)
    if found and 1 <= int(found[1]) <= len(blocks):
        return f"{blocks[int(found[1]) - 1]}_{found[2]}"
    return None


def _backbone_v2(layer: str, blocks: list[str]) -> str | None:
    if layer in ("Conv", "Conv_1"):
        return {"Conv": "stem", "Conv_1": "head"}[layer]
    found = re.fullmatch(r"(?:expanded_)?conv(?:_(\d+))?/(expand|depthwise|project)", layer)
    if found and int(found[1] or 0) < len(blocks):
        return f"{blocks[int(found[1] or 0)]}_{found[2]}"
    return None


def _tensorflow(layer: str, blocks: list[str]) -> str | None:
    """Our name of a layer, without `_conv` or `_bn` at its end."""
    found = re.fullmatch(r"BoxPredictor_(\d+)/(Class|BoxEncoding)Predictor(_depthwise)?", layer)
    if found:
        kind = {"Class": "classes", "BoxEncoding": "boxes"}[found[2]]
        return f"{kind}{int(found[1]) + 1}{found[3] or ''}"
    found = re.fullmatch(r"FeatureExtractor/MobilenetV([12])/(?:MobilenetV1/)?(.+)", layer)
    if not found:
        return None
    version, layer = found[1], found[2]
    last = {"1": "Conv2d_13_pointwise", "2": "layer_19"}[version]
    extra = re.fullmatch(
        last + r"_(1_Conv2d_(\d)_1x1|2_Conv2d_(\d)_3x3_s2)_\d+(_depthwise)?", layer
    )
    if extra:
        if extra[2]:
            return f"extra{int(extra[2]) - 1}_narrow"
        return f"extra{int(extra[3]) - 1}{extra[4] or ''}"
    return (_backbone_v1 if version == "1" else _backbone_v2)(layer, blocks)


def _caffe(layer: str, blocks: list[str]) -> str | None:
    depthwise = "_depthwise" if layer.endswith("/depthwise") else ""
    maps = {"conv_13/expand": 1, "Conv_1": 2, **{f"layer_19_2_{k}": k + 1 for k in range(2, 6)}}
    found = re.fullmatch(r"(.+)_mbox_(loc|conf)(?:/depthwise)?", layer)
    if found and found[1] in maps:
        return f"{ {'loc': 'boxes', 'conf': 'classes'}[found[2]] }{maps[found[1]]}{depthwise}"
    found = re.fullmatch(r"layer_19_([12])_([2-5])(?:/depthwise)?", layer)
    if found:
        narrow = "_narrow" if found[1] == "1" else ""
        return f"extra{int(found[2]) - 1}{narrow}{depthwise}"
    return _backbone_v2(layer, blocks)


def _variable(ours: str, variable: str) -> str | None:
    """Our variable of a layer; None where it has no such."""
    if variable in _KERNELS:
        return f"{ours}_conv/kernel"
    if variable in ("biases", "bias"):
        # Of the layers that end a predictor; everywhere else it is what a batch norm left.
        return (
            f"{ours}_conv/bias" if re.fullmatch(r"(classes|boxes)\d", ours) else f"{ours}_bn/beta"
        )
    return f"{ours}_bn/{variable}" if variable in _NORM else None


def _translator(layer_of: Callable[[str, list[str]], str | None]):
    def translate(names: Iterable[str], layers: Iterable[str]) -> Translation:
        blocks = blocks_in(layers)
        translation: Translation = {}
        for name in names:
            if re.fullmatch(_ASIDE, name):
                translation[name] = IGNORED
                continue
            layer, _, variable = name.rpartition("/")
            ours = layer_of(layer.removesuffix("/BatchNorm"), blocks)
            translation[name] = (ours and _variable(ours, variable)) or name
        return translation

    return translate


LAYOUTS = (
    Layout(
        ("tensorflow",), r"BoxPredictor_0/ClassPredictor/.+", _translator(_tensorflow), torch=False
    ),
    Layout(("caffe",), r"conv_13/expand_mbox_conf/.+", _translator(_caffe), torch=False),
)
