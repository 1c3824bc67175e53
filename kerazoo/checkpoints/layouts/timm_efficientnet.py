"""timm `_efficientnet_blocks.py`: MixNet, MobileNetV1 to V3, MnasNet, FBNet."""

import re
from collections.abc import Iterable

from kerazoo.checkpoints.layouts.layout import Layout, Translation, translate_modules

_EFFICIENTNET = {
    "conv_stem": "stem_conv",
    "bn1": "stem_bn",
    "conv_head": "head_conv",
    "bn2": "head_bn",
    "classifier": "predictions",
}
_INVERTED = {
    "conv_pw": "expand_conv",
    "bn1": "expand_bn",
    "conv_dw": "depthwise_conv",
    "bn2": "depthwise_bn",
    "conv_pwl": "project_conv",
    "bn3": "project_bn",
    "se.conv_reduce": "se/reduce",
    "se.conv_expand": "se/expand",
}
_SEPARABLE = {
    "conv_dw": "depthwise_conv",
    "bn1": "depthwise_bn",
    "conv_pw": "{second}_conv",
    "bn2": "{second}_bn",
    "se.conv_reduce": "se/reduce",
    "se.conv_expand": "se/expand",
}
_PLAIN = r"blocks\.\d+\.\d+\.conv\.weight$"


def _timm_efficientnet(names: Iterable[str], layers: Iterable[str]) -> Translation:
    """timm `_efficientnet_blocks.py`: MixNet, MobileNetV1 to V3, MnasNet, FBNet."""
    names, layers = list(names), set(layers)
    inverted = {name.rsplit(".conv_pwl", 1)[0] for name in names if ".conv_pwl" in name}
    # MobileNetV3: the last "stage" is the plain convolution that other families call the head.
    plain = {name[: -len(".conv.weight")] for name in names if re.match(_PLAIN, name)}

    def module_of(name: str):
        block = re.match(r"blocks\.(\d+)\.(\d+)\.(.+)", name)
        if not block:
            module, _, variable = name.rpartition(".")
            if module == "conv_head" and plain:
                return "hidden_conv", variable
            return (_EFFICIENTNET[module], variable) if module in _EFFICIENTNET else None
        stage, number, rest = int(block[1]) + 1, int(block[2]) + 1, block[3]
        if f"blocks.{block[1]}.{block[2]}" in plain:
            module, _, variable = rest.partition(".")
            return (f"head_{module.removesuffix('1')}", variable)
        ours = f"stage{stage}_block{number}"
        table = _INVERTED if f"blocks.{block[1]}.{block[2]}" in inverted else _SEPARABLE
        module = next((m for m in table if rest.startswith(m + ".")), None)
        if module is None:
            return None
        # MobileNetV1's second convolution has an activation, MobileNetV2's first block projects.
        second = "pointwise" if f"{ours}_pointwise_conv" in layers else "project"
        return f"{ours}_{table[module].format(second=second)}", rest[len(module) + 1 :]

    return translate_modules(names, module_of)


LAYOUTS = (Layout(("timm",), r"conv_stem\.weight", _timm_efficientnet),)
