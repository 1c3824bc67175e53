"""github.com/sacmehta/ESPNetv2 `imagenet/Model.py`."""

import re
from collections.abc import Iterable

from kerazoo.checkpoints.layouts.layout import IGNORED, Layout, Translation, torch_variable

# In every file, and in the parameter count of the original, but never run by it: the last
# activation of a reducing unit, and the picture branch of the last reducing unit.
UNUSED = (
    r"level[2-5]_0\.eesp\.module_act\.weight",
    r"level5_0\.inp_reinf\.0\.conv\.weight",
    r"level5_0\.inp_reinf\.0\.act\.weight",
    r"level5_0\.inp_reinf\.1\.conv\.weight",
    r"level5_0\.inp_reinf\.[01]\.bn\.(weight|bias|running_mean|running_var)",
)
_STATISTICS = r".*\.num_batches_tracked"

_UNIT = {
    "proj_1x1.conv": "reduce_conv",
    "proj_1x1.bn": "reduce_bn",
    "proj_1x1.act": "reduce_act",
    "br_after_cat.bn": "merge_bn",
    "br_after_cat.act": "merge_act",
    "conv_1x1_exp.conv": "expand_conv",
    "conv_1x1_exp.bn": "expand_bn",
    **{f"spp_dw.{i}.conv": f"branch{i + 1}_conv" for i in range(8)},
}
_PLAIN_UNIT = _UNIT | {"module_act": "act"}
_REDUCING_UNIT = {f"eesp.{theirs}": ours for theirs, ours in _UNIT.items()} | {
    "inp_reinf.0.conv": "image_conv",
    "inp_reinf.0.bn": "image_bn",
    "inp_reinf.0.act": "image_act",
    "inp_reinf.1.conv": "image_expand_conv",
    "inp_reinf.1.bn": "image_expand_bn",
    "act": "act",
}
_SINGLE = {
    **{f"level1.{part}": f"stem_{part}" for part in ("conv", "bn", "act")},
    **{f"level5.3.{part}": f"head_depthwise_{part}" for part in ("conv", "bn", "act")},
    **{f"level5.4.{part}": f"head_{part}" for part in ("conv", "bn", "act")},
    "classifier": "predictions",
}


def is_unused(name: str) -> bool:
    """Whether a tensor of the original belongs to a layer that it never runs."""
    name = name.removeprefix("module.")
    return any(re.fullmatch(pattern, name) for pattern in UNUSED)


def encoder_layer(module: str) -> str | None:
    """Our layer of one of the original's modules; None where there is none."""
    if module in _SINGLE:
        return _SINGLE[module]
    found = re.fullmatch(r"level([2-5])_0\.(.+)", module)
    if found and found[2] in _REDUCING_UNIT:
        return f"stage{int(found[1]) - 1}_block1_{_REDUCING_UNIT[found[2]]}"
    found = re.fullmatch(r"level([3-5])\.(\d+)\.(.+)", module)
    if found and found[3] in _PLAIN_UNIT:
        return f"stage{int(found[1]) - 1}_block{int(found[2]) + 2}_{_PLAIN_UNIT[found[3]]}"
    return None


def prelu_variable(layer: str, variable: str) -> str:
    """As `torch_variable`, in networks whose activations are PReLUs."""
    if layer.endswith("_act"):
        return f"{layer}/{'alpha' if variable == 'weight' else variable}"
    return torch_variable(layer, variable)


def _espnetv2(names: Iterable[str], layers: Iterable[str]) -> Translation:
    translation: Translation = {}
    for name in names:
        # The original trains on several devices, which puts "module." before every name.
        module, _, variable = name.removeprefix("module.").rpartition(".")
        if re.fullmatch(_STATISTICS, name) or is_unused(name):
            translation[name] = IGNORED
            continue
        layer = encoder_layer(module)
        translation[name] = name if layer is None else prelu_variable(layer, variable)
    return translation


LAYOUTS = (Layout(("espnetv2",), r"(module\.)?level2_0\.eesp\.proj_1x1\.conv\.weight", _espnetv2),)
