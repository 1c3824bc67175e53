"""TensorFlow's research/deeplab on MobileNetV2, batch norms folded, as its 8-bit files have it."""

import re
from collections.abc import Iterable

from kerazoo.checkpoints.layouts.layout import Layout, Translation, blocks_in

_HEAD = {
    "image_pooling": "decoder_pool",
    "concat_projection": "decoder_project",
    **{f"aspp{i}": f"decoder_aspp{i + 1}" for i in range(4)},
}


def _layer(theirs: str, blocks: list[str]) -> str | None:
    """Without what tells a convolution from its batch norm."""
    if theirs == "MobilenetV2/Conv":
        return "stem"
    found = re.fullmatch(r"MobilenetV2/expanded_conv(?:_(\d+))?/(expand|depthwise|project)", theirs)
    if found is None:
        return _HEAD.get(theirs)
    number = int(found[1] or 0)
    return f"{blocks[number]}_{found[2]}" if number < len(blocks) else None


def _deeplab(names: Iterable[str], layers: Iterable[str]) -> Translation:
    blocks = blocks_in(layers)
    translation: Translation = {}
    for name in names:
        theirs, _, variable = name.rpartition("/")
        ours = _layer(theirs, blocks)
        folded = {"kernel": "_conv/kernel", "bias": "_bn/beta"}.get(variable)
        translation[name] = f"{ours}{folded}" if ours and folded else name
        if theirs == "logits/semantic":
            translation[name] = f"predictions/{variable}"
    return translation


LAYOUTS = (Layout(("deeplab",), r"MobilenetV2/Conv/kernel", _deeplab, torch=False),)
