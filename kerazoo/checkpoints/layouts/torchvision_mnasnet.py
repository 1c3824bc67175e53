"""torchvision `mnasnet.py`: MnasNet-B1."""

import re
from collections.abc import Iterable

from kerazoo.checkpoints.layouts.layout import Layout, Translation, translate_modules

# One flat list: stem, the first (separable) block, six stages, head.
_FLAT = {
    0: "stem_conv",
    1: "stem_bn",
    3: "stage1_block1_depthwise_conv",
    4: "stage1_block1_depthwise_bn",
    6: "stage1_block1_project_conv",
    7: "stage1_block1_project_bn",
    14: "head_conv",
    15: "head_bn",
}
_BLOCK = {
    0: "expand_conv",
    1: "expand_bn",
    3: "depthwise_conv",
    4: "depthwise_bn",
    6: "project_conv",
    7: "project_bn",
}


def _torchvision_mnasnet(names: Iterable[str], layers: Iterable[str]) -> Translation:
    def module_of(name: str):
        if name.startswith("classifier.1."):
            return "predictions", name.removeprefix("classifier.1.")
        flat = re.fullmatch(r"layers\.(\d+)\.(\w+)", name)
        if flat and int(flat[1]) in _FLAT:
            return _FLAT[int(flat[1])], flat[2]
        block = re.fullmatch(r"layers\.(\d+)\.(\d+)\.layers\.(\d+)\.(\w+)", name)
        if not block or int(block[3]) not in _BLOCK:
            return None
        # Stages 2 to 7 are entries 8 to 13 of the list.
        stage = f"stage{int(block[1]) - 6}_block{int(block[2]) + 1}"
        return f"{stage}_{_BLOCK[int(block[3])]}", block[4]

    return translate_modules(names, module_of)


LAYOUTS = (Layout(("torchvision",), r"layers\.8\.0\.layers\.0\.weight", _torchvision_mnasnet),)
