"""keras.applications `mobilenet.py` and `mobilenet_v2.py`."""

import re
from collections.abc import Callable, Iterable

from kerazoo.checkpoints.layouts.layout import Layout, Translation, blocks_in


def _keras_v1_layer(layer: str, blocks: list[str]) -> str | None:
    fixed = {"conv1": "stem_conv", "conv1_bn": "stem_bn", "conv_preds": "predictions"}
    found = re.fullmatch(r"conv_(dw|pw)_(\d+)(_bn)?", layer)
    if not found or not 1 <= int(found[2]) <= len(blocks):
        return fixed.get(layer)
    part = {"dw": "depthwise", "pw": "pointwise"}[found[1]]
    return f"{blocks[int(found[2]) - 1]}_{part}_{'bn' if found[3] else 'conv'}"


def _keras_v2_layer(layer: str, blocks: list[str]) -> str | None:
    fixed = {
        "Conv1": "stem_conv",
        "bn_Conv1": "stem_bn",
        "Conv_1": "head_conv",
        "Conv_1_bn": "head_bn",
        "Logits": "predictions",
        "predictions": "predictions",
    }
    found = re.fullmatch(r"(?:expanded_conv|block_(\d+))_(expand|depthwise|project)(_BN)?", layer)
    number = int(found[1] or 0) if found else -1
    if found is None or not 0 <= number < len(blocks):
        return fixed.get(layer)
    return f"{blocks[number]}_{found[2]}_{'bn' if found[3] else 'conv'}"


def _keras_applications(layer_of: Callable[[str, list[str]], str | None]):
    def translate(names: Iterable[str], layers: Iterable[str]) -> Translation:
        blocks = blocks_in(layers)
        translation: Translation = {}
        for name in names:
            layer, _, variable = name.rpartition("/")
            ours = layer_of(layer, blocks)
            variable = "kernel" if variable == "depthwise_kernel" else variable
            translation[name] = f"{ours}/{variable}" if ours else name
        return translation

    return translate


LAYOUTS = (
    Layout(("keras",), r"conv_dw_1/.+", _keras_applications(_keras_v1_layer), torch=False),
    Layout(
        ("keras",),
        r"expanded_conv_depthwise_BN/.+",
        _keras_applications(_keras_v2_layer),
        torch=False,
    ),
)
