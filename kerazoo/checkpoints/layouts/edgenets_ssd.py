"""github.com/sacmehta/EdgeNets `model/detection/ssd.py`."""

import re
from collections.abc import Iterable

from kerazoo.checkpoints.layouts.edgenets import PARTS, POOL
from kerazoo.checkpoints.layouts.espnetv2 import encoder_layer, prelu_variable
from kerazoo.checkpoints.layouts.layout import IGNORED, Layout, Translation

_UPS = {"3x3_5x5": 1, "5x5_10x10": 2, "10x10_19x19": 3, "19x19_38x38": 4}
_HEADS = {"loc_layers": "boxes", "cls_layers": "classes"}
# In every file, but never run: the last activation of a reducing unit, and counters.
_ASIDE = r"base_net\.basenet\.level[2-5]_0\.eesp\.module_act\.weight|.*\.num_batches_tracked"


def _layer(module: str) -> str | None:
    if module.startswith("base_net.basenet."):
        return encoder_layer(module.removeprefix("base_net.basenet."))
    if module == "base_net.extra_level8.1":
        return "extra3_conv"
    found = re.fullmatch(r"base_net\.extra_level([67])\.layer\.([01])\.cbr\.([0-2])", module)
    if found:
        part = "_depthwise" if found[2] == "0" else ""
        return f"extra{int(found[1]) - 5}{part}_{PARTS[int(found[3])]}"
    found = re.fullmatch(r"base_net\.bu_(\d+x\d+_\d+x\d+)\.(.+)", module)
    if found and found[1] in _UPS and found[2] in POOL:
        return f"extra_up{_UPS[found[1]]}{POOL[found[2]]}"
    found = re.fullmatch(r"(loc_layers|cls_layers)\.([0-5])", module)
    return f"{_HEADS[found[1]]}{int(found[2]) + 1}_conv" if found else None


def _espnetv2_ssd(names: Iterable[str], layers: Iterable[str]) -> Translation:
    translation: Translation = {}
    for name in names:
        plain = name.removeprefix("module.")
        if re.fullmatch(_ASIDE, plain):
            translation[name] = IGNORED
            continue
        module, _, variable = plain.rpartition(".")
        layer = _layer(module)
        translation[name] = name if layer is None else prelu_variable(layer, variable)
    return translation


LAYOUTS = (Layout(("edgenets",), r"(module\.)?base_net\.extra_level8\.1\.weight", _espnetv2_ssd),)
