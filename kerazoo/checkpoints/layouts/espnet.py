"""github.com/sacmehta/ESPNet `train/Model.py` and `test/Model.py`."""

import re
from collections.abc import Iterable

from kerazoo.checkpoints.layouts.espnetv2 import prelu_variable
from kerazoo.checkpoints.layouts.layout import IGNORED, Layout, Translation

_MODULE = {  # an ESP module
    "c1.conv": "reduce_conv",
    **{f"d{rate}.conv": f"branch{i}_conv" for i, rate in enumerate((1, 2, 4, 8, 16), 1)},
    # The reducing form has its batch norm alone, the others in one with the activation.
    "bn": "bn",
    "act": "act",
    "bn.bn": "bn",
    "bn.act": "act",
}
_PREFIXES = {
    "level1.": "stem_",
    "b1.": "stem_join_",
    "b2.": "stage1_join_",
    "b3.": "stage2_join_",
    "combine_l2_l3.0.": "decoder_middle_",
    "up_l2.1.": "decoder_middle_up_",
    "conv.": "decoder_fine_",
}
_SINGLE = {
    "br": "decoder_coarse_bn",
    "up_l3.0": "decoder_coarse_up",
    "level3_C.conv": "decoder_middle_conv",
    "up_l2.0": "decoder_middle_up",
    "classifier": "predictions",
}


def _layer(module: str, encoder: bool) -> str | None:
    if module == "classifier.conv":  # that of the encoder, which the decoder goes on from
        return "decoder_coarse_conv" if encoder else "predictions"
    if module in _SINGLE:
        return _SINGLE[module]
    for theirs, ours in _PREFIXES.items():
        part = module.removeprefix(theirs)
        if part != module and part in ("conv", "bn", "act"):
            return ours + part
    found = re.fullmatch(r"(level([23])(?:_0|\.(\d+))|combine_l2_l3\.1)\.(.+)", module)
    if not found or found[4] not in _MODULE:
        return None
    number = 1 if found[3] is None else int(found[3]) + 2
    block = f"stage{int(found[2]) - 1}_block{number}" if found[2] else "decoder_esp"
    return f"{block}_{_MODULE[found[4]]}"


def _espnet(names: Iterable[str], layers: Iterable[str]) -> Translation:
    translation: Translation = {}
    for name in names:
        module, _, variable = name.removeprefix("module.").rpartition(".")
        plain = module.removeprefix("encoder.")
        layer = _layer(plain, plain != module)
        translation[name] = name if layer is None else prelu_variable(layer, variable)
        if variable == "num_batches_tracked":
            translation[name] = IGNORED
    return translation


LAYOUTS = (Layout(("espnet",), r"(module\.)?(encoder\.)?level2_0\.c1\.conv\.weight", _espnet),)
