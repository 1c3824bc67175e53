"""github.com/sacmehta/EdgeNets `model/segmentation/espnetv2.py`."""

import re
from collections.abc import Iterable

from kerazoo.checkpoints.layouts.espnetv2 import encoder_layer, is_unused, prelu_variable
from kerazoo.checkpoints.layouts.layout import IGNORED, Layout, Translation

PARTS = ("conv", "bn", "act")
POOL = {
    **{f"projection_layer.cbr.{i}": f"_project_{part}" for i, part in enumerate(PARTS)},
    **{f"stages.{i}": f"_branch{i + 1}_conv" for i in range(5)},
    **{f"merge_layer.0.br.{i}": f"_merge_{part}" for i, part in enumerate(PARTS[1:])},
    **{f"merge_layer.2.cbr.{i}": f"_mix_{part}" for i, part in enumerate(PARTS)},
    "merge_layer.3": "_expand_conv",
    **{f"br.br.{i}": f"_{part}" for i, part in enumerate(PARTS[1:])},
}
_SKIP = {
    **{f"expansion_layer.cbr.{i}": f"_skip_{part}" for i, part in enumerate(PARTS)},
    "wt_layer.1": "_skip_gate_conv",
}
_JOIN = {str(i): f"_join_{part}" for i, part in enumerate(PARTS[1:])}
_MODULES = {"bu_dec_l": POOL, "merge_enc_dec_l": _SKIP, "bu_br_l": _JOIN}


def _layer(module: str) -> str | None:
    if module.startswith("base_net."):
        return encoder_layer(module.removeprefix("base_net."))
    if module == "bu_dec_l4.merge_layer.3":
        return "predictions"
    found = re.fullmatch(r"(bu_dec_l|merge_enc_dec_l|bu_br_l)([1-4])\.(.+)", module)
    part = _MODULES[found[1]].get(found[3]) if found else None
    return f"decoder{found[2]}{part}" if found and part else None


def _edgenets(names: Iterable[str], layers: Iterable[str]) -> Translation:
    translation: Translation = {}
    for name in names:
        plain = name.removeprefix("module.")
        if plain.endswith(".num_batches_tracked") or is_unused(plain.removeprefix("base_net.")):
            translation[name] = IGNORED
            continue
        module, _, variable = plain.rpartition(".")
        layer = _layer(module)
        translation[name] = name if layer is None else prelu_variable(layer, variable)
    return translation


LAYOUTS = (
    Layout(("edgenets",), r"(module\.)?bu_dec_l1\.projection_layer\.cbr\.0\.weight", _edgenets),
)
