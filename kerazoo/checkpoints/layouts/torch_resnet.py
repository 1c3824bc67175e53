"""timm `resnet.py` and torchvision `resnet.py`, which name alike: ResNet and ResNeXt."""

import re
from collections.abc import Iterable

from kerazoo.checkpoints.layouts.layout import Layout, Translation, translate_modules

_FLAT = {"conv1": "stem_conv", "bn1": "stem_bn", "fc": "predictions"}
_SHORTCUT = {"0": "shortcut_conv", "1": "shortcut_bn"}


def _torch_resnet(names: Iterable[str], layers: Iterable[str]) -> Translation:
    def module_of(name: str):
        block = re.fullmatch(
            r"layer(\d+)\.(\d+)\.(?:(conv|bn)(\d)|downsample\.([01]))\.(\w+)", name
        )
        if block:
            stage, number, kind, index, shortcut, variable = block.groups()
            part = _SHORTCUT[shortcut] if shortcut else f"{index}_{kind}"
            return f"stage{stage}_block{int(number) + 1}_{part}", variable
        module, _, variable = name.partition(".")
        return (_FLAT[module], variable) if module in _FLAT else None

    return translate_modules(names, module_of)


LAYOUTS = (Layout(("timm", "torchvision"), r"layer1\.0\.conv1\.weight", _torch_resnet),)
