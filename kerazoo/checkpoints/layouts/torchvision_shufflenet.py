"""torchvision `shufflenetv2.py`."""

import re
from collections.abc import Iterable

from kerazoo.checkpoints.layouts.layout import Layout, Translation, translate_modules

_FLAT = {
    "conv1.0": "stem_conv",
    "conv1.1": "stem_bn",
    "conv5.0": "head_conv",
    "conv5.1": "head_bn",
    "fc": "predictions",
}
_BRANCHES = {
    "branch1.0": "shortcut_depthwise_conv",
    "branch1.1": "shortcut_depthwise_bn",
    "branch1.2": "shortcut_project_conv",
    "branch1.3": "shortcut_project_bn",
    "branch2.0": "expand_conv",
    "branch2.1": "expand_bn",
    "branch2.3": "depthwise_conv",
    "branch2.4": "depthwise_bn",
    "branch2.5": "project_conv",
    "branch2.6": "project_bn",
}


def _torchvision_shufflenet_v2(names: Iterable[str], layers: Iterable[str]) -> Translation:
    def module_of(name: str):
        module, _, variable = name.rpartition(".")
        unit = re.fullmatch(r"stage(\d+)\.(\d+)\.(branch[12]\.\d)", module)
        if unit and unit[3] in _BRANCHES:
            # torchvision counts the stem as stage 1, like the paper's table.
            ours = f"stage{int(unit[1]) - 1}_block{int(unit[2]) + 1}"
            return f"{ours}_{_BRANCHES[unit[3]]}", variable
        return (_FLAT[module], variable) if module in _FLAT else None

    return translate_modules(names, module_of)


LAYOUTS = (Layout(("torchvision",), r"stage2\.0\.branch2\.0\.weight", _torchvision_shufflenet_v2),)
