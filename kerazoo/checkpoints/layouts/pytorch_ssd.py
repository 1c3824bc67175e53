"""github.com/qfgaohao/pytorch-ssd `mobilenet_v2_ssd_lite.py`."""

import re
from collections.abc import Iterable

from kerazoo.checkpoints.layouts.layout import Layout, Translation, blocks_in, translate_modules

_HEADS = {"classification_headers": "classes", "regression_headers": "boxes"}
_FULL = {"0": "expand_conv", "1": "expand_bn", "3": "depthwise_conv", "4": "depthwise_bn"}
_FULL |= {"6": "project_conv", "7": "project_bn"}
_SHORT = {"0": "depthwise_conv", "1": "depthwise_bn", "3": "project_conv", "4": "project_bn"}
_EXTRA = {"0": "_narrow_conv", "1": "_narrow_bn", "3": "_depthwise_conv", "4": "_depthwise_bn"}
_EXTRA |= {"6": "_conv", "7": "_bn"}
_PREDICTOR = {"0": "_depthwise_conv", "1": "_depthwise_bn", "3": "_conv"}


def _mb2_ssd_lite(names: Iterable[str], layers: Iterable[str]) -> Translation:
    blocks = blocks_in(layers)
    layers = set(layers)

    def module_of(name: str):
        found = re.fullmatch(r"base_net\.(0|18)\.([01])\.(\w+)", name)
        if found:
            part = "conv" if found[2] == "0" else "bn"
            return f"{'stem' if found[1] == '0' else 'head'}_{part}", found[3]
        found = re.fullmatch(r"base_net\.(\d+)\.conv\.(\d)\.(\w+)", name)
        if found and 1 <= int(found[1]) <= len(blocks):
            block = blocks[int(found[1]) - 1]
            part = (_FULL if f"{block}_expand_conv" in layers else _SHORT).get(found[2])
            return (f"{block}_{part}", found[3]) if part else None
        found = re.fullmatch(r"extras\.(\d)\.conv\.(\d)\.(\w+)", name)
        if found and found[2] in _EXTRA:
            return f"extra{int(found[1]) + 1}{_EXTRA[found[2]]}", found[3]
        found = re.fullmatch(r"(\w+)\.(\d)\.(?:(\d)\.)?(\w+)", name)
        if found and found[1] in _HEADS and (found[3] or "3") in _PREDICTOR:
            part = _PREDICTOR[found[3] or "3"]  # the last one is a plain convolution
            return f"{_HEADS[found[1]]}{int(found[2]) + 1}{part}", found[4]
        return None

    return translate_modules(names, module_of)


LAYOUTS = (Layout(("pytorch_ssd",), r"classification_headers\.0\.0\.weight", _mb2_ssd_lite),)
