"""keras.applications `mobilenet_v3.py`, with the names of Keras 3 and, with slashes, of Keras 2."""

import re
from collections.abc import Iterable

from kerazoo.checkpoints.layouts.layout import Layout, Translation, blocks_in

_FLAT = {
    "conv": "stem_conv",
    "conv_bn": "stem_bn",
    "conv_1": "head_conv",
    "conv_1_bn": "head_bn",
    "conv_2": "hidden_conv",
    "logits": "predictions",
}
_PARTS = {
    "expand": "expand_conv",
    "expand_bn": "expand_bn",
    "depthwise": "depthwise_conv",
    "depthwise_bn": "depthwise_bn",
    "squeeze_excite_conv": "se/reduce",
    "squeeze_excite_conv_1": "se/expand",
    "project": "project_conv",
    "project_bn": "project_bn",
}


def _layer(theirs: str, blocks: list[str]) -> str | None:
    # Keras 2: `expanded_conv_1/expand/BatchNorm`; Keras 3: `expanded_conv_1_expand_bn`.
    flat = theirs.replace("/", "_").replace("BatchNorm", "bn").lower()
    if flat in _FLAT:
        return _FLAT[flat]
    found = re.fullmatch(r"expanded_conv_(?:(\d+)_)?(.+)", flat)
    number = int(found[1] or 0) if found else -1
    if found is None or not 0 <= number < len(blocks) or found[2] not in _PARTS:
        return None
    return f"{blocks[number]}_{_PARTS[found[2]]}"


def _keras_mobilenet_v3(names: Iterable[str], layers: Iterable[str]) -> Translation:
    blocks = blocks_in(layers)
    translation: Translation = {}
    for name in names:
        theirs, _, variable = name.rpartition("/")
        ours = _layer(theirs, blocks)
        variable = "kernel" if variable == "depthwise_kernel" else variable
        translation[name] = f"{ours}/{variable}" if ours else name
    return translation


LAYOUTS = (
    Layout(
        ("keras",),
        r"expanded_conv(/|_)project/BatchNorm/\w+|expanded_conv_project_bn/\w+",
        _keras_mobilenet_v3,
        torch=False,
    ),
)
