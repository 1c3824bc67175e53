"""torchvision `segmentation/lraspp.py` and `segmentation/deeplabv3.py` on MobileNetV3-Large."""

import re
from collections.abc import Iterable

from kerazoo.checkpoints.layouts.layout import (
    IGNORED,
    Layout,
    Translation,
    blocks_in,
    translate_modules,
)

_NORMED = ("conv", "bn")
_SQUEEZE = {"fc1": "reduce", "fc2": "expand"}
_LRASPP = {
    **{f"classifier.cbr.{i}": f"decoder_{part}" for i, part in enumerate(_NORMED)},
    "classifier.scale.1": "decoder_gate_conv",
    "classifier.low_classifier": "predictions_low",
    "classifier.high_classifier": "predictions_high",
}
_DEEPLAB = {
    **{
        f"classifier.0.convs.{branch}.{i}": f"decoder_aspp{branch + 1}_{part}"
        for branch in range(4)
        for i, part in enumerate(_NORMED)
    },
    **{f"classifier.0.convs.4.{i}": f"decoder_pool_{part}" for i, part in enumerate(_NORMED, 1)},
    **{f"classifier.0.project.{i}": f"decoder_project_{part}" for i, part in enumerate(_NORMED)},
    **{f"classifier.{i}": f"decoder_mix_{part}" for i, part in enumerate(_NORMED, 1)},
    "classifier.4": "predictions",
    **{f"aux_classifier.{i}": f"auxiliary_{part}" for i, part in enumerate(_NORMED)},
    "aux_classifier.4": "auxiliary_predictions",
}


def _segmentation(names: Iterable[str], layers: Iterable[str]) -> Translation:
    """The second head, which is for training, is set aside where the model has none."""
    names, layers = list(names), list(layers)
    blocks = blocks_in(layers)
    last = 1 + len(blocks)
    heads = _LRASPP if any(name.startswith("classifier.cbr.") for name in names) else _DEEPLAB

    def module_of(name: str):
        module, _, variable = name.rpartition(".")
        if module in heads:
            return heads[module], variable
        found = re.fullmatch(r"backbone\.(\d+)\.(.+)", module)
        if not found:
            return None
        number, rest = int(found[1]), found[2]
        if number in (0, last):
            layer = f"{'head' if number else 'stem'}_{_NORMED[int(rest)]}" if rest in "01" else None
        else:
            layer = _of_block(blocks[number - 1], rest, set(layers)) if number < last else None
        return (layer, variable) if layer else None

    translation = translate_modules(names, module_of)
    if "auxiliary_conv" not in layers:
        aside = {name: IGNORED for name in names if name.startswith("aux_classifier.")}
        translation |= aside
    return translation


def _of_block(block: str, rest: str, layers: set[str]) -> str | None:
    """`block.1.0` of a block that has no expansion is what `block.2.0` is of one that has."""
    steps = ["expand"] * (f"{block}_expand_conv" in layers) + ["depthwise"]
    steps += ["se"] * (f"{block}_se" in layers) + ["project"]
    found = re.fullmatch(r"block\.(\d)\.([01]|fc[12])", rest)
    if not found or int(found[1]) >= len(steps):
        return None
    step, part = steps[int(found[1])], found[2]
    if step == "se":
        return f"{block}_se/{_SQUEEZE[part]}" if part in _SQUEEZE else None
    return f"{block}_{step}_{_NORMED[int(part)]}" if part in "01" else None


LAYOUTS = (Layout(("torchvision",), r"backbone\.1\.block\.0\.0\.weight", _segmentation),)
