"""FBNet-C against what its paper and timm publish (there is no reference output)."""

import kerazoo


def test_size():
    entry = kerazoo.registry.catalogue()["fbnet_c"]
    # The paper: 5.5 M and 375 M multiply-adds.
    assert abs(entry.params - 5.5e6) < 0.02 * 5.5e6
    assert abs(entry.macs - 375e6) < 0.03 * 375e6


def test_blocks_expand_at_ratio_one_too():
    model = kerazoo.FBNetC(weights=None, input_shape=(64, 64, 3))
    layer = model.get_layer("stage2_block2_expand_conv")
    assert layer.kernel.shape == (1, 1, 24, 24)
    assert model.get_layer("head_conv").filters == 1984


def test_timm_names_translate_completely():
    from kerazoo.checkpoints.layouts.layout import find_layout

    model = kerazoo.FBNetC(weights=None, input_shape=(64, 64, 3))
    names = [
        "conv_stem.weight", "bn1.weight", "blocks.1.1.conv_pw.weight", "blocks.1.1.bn1.bias",
        "blocks.1.1.conv_pwl.weight", "conv_head.weight", "classifier.bias",
    ]  # fmt: skip
    found = find_layout(names).translate(names, [layer.name for layer in model.layers])
    assert set(found.values()) <= {v.path for v in model.variables}
    assert found["blocks.1.1.bn1.bias"] == "stage2_block2_expand_bn/beta"
