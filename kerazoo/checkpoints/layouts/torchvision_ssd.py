"""torchvision `models/detection`: SSD300 on VGG-16, SSDLite320 on MobileNetV3-Large."""

import re
from collections.abc import Iterable

from kerazoo.checkpoints.layouts.layout import Layout, Translation, blocks_in, translate_modules

_HEADS = {"classification_head": "classes", "regression_head": "boxes"}
_PARTS = ("conv", "bn")  # of torchvision's Conv2dNormActivation
_SPLIT = 13  # the block whose expansion ends the first half of MobileNetV3


def _inside(block: str, step: int, rest: str, expands: bool, squeezes: bool):
    """A part of MobileNetV3's block: expansion, depthwise, squeeze-and-excite, projection."""
    order = ["expand"] * expands + ["depthwise"] + ["se"] * squeezes + ["project"]
    if step >= len(order):
        return None
    part, dot, variable = rest.partition(".")
    if order[step] == "se":
        found = {"fc1": "reduce", "fc2": "expand"}.get(part)
        kind = {"weight": "kernel", "bias": "bias"}.get(variable)
        return (f"{block}_se", f"{found}/{kind}") if found and kind else None
    if not dot or part not in ("0", "1"):
        return None
    return f"{block}_{order[step]}_{_PARTS[int(part)]}", variable


def _ssdlite(names: Iterable[str], layers: Iterable[str]) -> Translation:
    blocks = blocks_in(layers)
    layers = set(layers)

    def has(block: str, part: str) -> bool:
        return f"{block}_{part}" in layers

    def module_of(name: str):
        found = re.fullmatch(r"backbone\.features\.(0\.0|1\.3)\.([01])\.(\w+)", name)
        if found:
            return f"{'stem' if found[1] == '0.0' else 'head'}_{_PARTS[int(found[2])]}", found[3]
        found = re.fullmatch(r"backbone\.features\.0\.13\.([01])\.(\w+)", name)
        if found and len(blocks) >= _SPLIT:
            return f"{blocks[_SPLIT - 1]}_expand_{_PARTS[int(found[1])]}", found[2]
        # The rest of that block is a list that still counts the expansion.
        found = re.fullmatch(r"backbone\.features\.1\.0\.(\d)\.(.+)", name)
        if found and len(blocks) >= _SPLIT:
            block = blocks[_SPLIT - 1]
            return _inside(block, int(found[1]), found[2], True, has(block, "se"))
        found = re.fullmatch(r"backbone\.features\.([01])\.(\d+)\.block\.(\d)\.(.+)", name)
        if found:
            number = int(found[2]) + (_SPLIT if found[1] == "1" else 0)
            if not 1 <= number <= len(blocks):
                return None
            block = blocks[number - 1]
            expands, squeezes = has(block, "expand_conv"), has(block, "se")
            return _inside(block, int(found[3]), found[4], expands, squeezes)
        return _extra_or_predictor(name)

    return translate_modules(names, module_of)


def _extra_or_predictor(name: str):
    found = re.fullmatch(r"backbone\.extra\.(\d)\.([012])\.([01])\.(\w+)", name)
    if found:
        part = ("_narrow", "_depthwise", "")[int(found[2])]
        return f"extra{int(found[1]) + 1}{part}_{_PARTS[int(found[3])]}", found[4]
    found = re.fullmatch(r"head\.(\w+)\.module_list\.(\d)\.0\.([01])\.(\w+)", name)
    if found and found[1] in _HEADS:
        part = _PARTS[int(found[3])]
        return f"{_HEADS[found[1]]}{int(found[2]) + 1}_depthwise_{part}", found[4]
    found = re.fullmatch(r"head\.(\w+)\.module_list\.(\d)\.(?:1\.)?(weight|bias)", name)
    if found and found[1] in _HEADS:
        return f"{_HEADS[found[1]]}{int(found[2]) + 1}_conv", found[3]
    return None


# Places of VGG's convolutions in the list, by stage.
_VGG = {
    **dict(zip((0, 2), ("stage1_block1", "stage1_block2"), strict=True)),
    **dict(zip((5, 7), ("stage2_block1", "stage2_block2"), strict=True)),
    **dict(zip((10, 12, 14), (f"stage3_block{i}" for i in (1, 2, 3)), strict=True)),
    **dict(zip((17, 19, 21), (f"stage4_block{i}" for i in (1, 2, 3)), strict=True)),
}
_LAST = {"1": "stage5_block1", "3": "stage5_block2", "5": "stage5_block3"}
_DENSE = {"7.1": "fc6", "7.3": "fc7"}


def _ssd300(names: Iterable[str], layers: Iterable[str]) -> Translation:
    def module_of(name: str):
        if name == "backbone.scale_weight":
            return "extra_norm", "scale"
        found = re.fullmatch(r"backbone\.features\.(\d+)\.(weight|bias)", name)
        if found and int(found[1]) in _VGG:
            return f"{_VGG[int(found[1])]}_conv", found[2]
        found = re.fullmatch(r"backbone\.extra\.0\.([\d.]+)\.(weight|bias)", name)
        if found and found[1] in {**_LAST, **_DENSE}:
            return f"{ {**_LAST, **_DENSE}[found[1]] }_conv", found[2]
        found = re.fullmatch(r"backbone\.extra\.([1-4])\.([02])\.(weight|bias)", name)
        if found:
            return f"extra{found[1]}{'_narrow' if found[2] == '0' else ''}_conv", found[3]
        return _extra_or_predictor(name)

    return translate_modules(names, module_of)


LAYOUTS = (
    Layout(("torchvision",), r"backbone\.scale_weight", _ssd300),
    Layout(("torchvision",), r"backbone\.features\.0\.0\.0\.weight", _ssdlite),
)
