"""torchvision `mobilenetv2.py`."""

import re
from collections.abc import Iterable

from kerazoo.checkpoints.layouts.layout import Layout, Translation, blocks_in, translate_modules


def _torchvision_mobilenet_v2(names: Iterable[str], layers: Iterable[str]) -> Translation:
    """torchvision `mobilenetv2.py`: one flat list of features, stem first and head last."""
    blocks = blocks_in(layers)
    full = ("expand_conv", "expand_bn", "depthwise_conv", "depthwise_bn")

    def module_of(name: str):
        if name.startswith("classifier.1."):
            return "predictions", name.removeprefix("classifier.1.")
        plain = re.match(r"features\.(\d+)\.([01])\.(\w+)$", name)
        if plain:
            part = "stem" if plain[1] == "0" else "head"
            return f"{part}_{('conv', 'bn')[int(plain[2])]}", plain[3]
        inside = re.match(r"features\.(\d+)\.conv\.(\d+)(?:\.(\d+))?\.(\w+)$", name)
        if not inside or not 1 <= int(inside[1]) <= len(blocks):
            return None
        block, step = blocks[int(inside[1]) - 1], int(inside[2])
        # The first block has no expansion: its list is shorter by one.
        order = full if f"{block}_expand_conv" in layers else full[2:]
        if inside[3] is not None:
            return f"{block}_{order[2 * step + int(inside[3])]}", inside[4]
        part = ("project_conv", "project_bn")[step - len(order) // 2]
        return f"{block}_{part}", inside[4]

    layers = set(layers)
    return translate_modules(names, module_of)


LAYOUTS = (Layout(("torchvision",), r"features\.1\.conv\.0\.0\.weight", _torchvision_mobilenet_v2),)
