"""pytorchcv (imgclsmob) `shufflenet.py`: ShuffleNet v1."""

import re
from collections.abc import Iterable

from kerazoo.checkpoints.layouts.layout import Layout, Translation, translate_modules

_FLAT = {
    "features.init_block.conv": "stem_conv",
    "features.init_block.bn": "stem_bn",
    "output": "predictions",
}
_UNIT = {
    "compress_conv1": "compress_conv",
    "compress_bn1": "compress_bn",
    "dw_conv2": "depthwise_conv",
    "dw_bn2": "depthwise_bn",
    "expand_conv3": "expand_conv",
    "expand_bn3": "expand_bn",
}


def _pytorchcv_shufflenet(names: Iterable[str], layers: Iterable[str]) -> Translation:
    def module_of(name: str):
        module, _, variable = name.rpartition(".")
        unit = re.fullmatch(r"features\.stage(\d+)\.unit(\d+)\.(\w+)", module)
        if unit and unit[3] in _UNIT:
            return f"stage{unit[1]}_block{unit[2]}_{_UNIT[unit[3]]}", variable
        return (_FLAT[module], variable) if module in _FLAT else None

    return translate_modules(names, module_of)


LAYOUTS = (
    Layout(
        ("pytorchcv",), r"features\.stage1\.unit1\.compress_conv1\.weight", _pytorchcv_shufflenet
    ),
)
