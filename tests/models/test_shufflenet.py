"""ShuffleNet v1 equals pytorchcv's and v2 torchvision's."""

import pytest

import kerazoo
from tests.models.family_checks import check_parity

POINTS = {"stem": "stem_act", "stem_pool": "stem_pool", "features": "avg_pool"}


def test_parity_v1(tmp_path):
    check_parity(tmp_path, "pytorchcv_shufflenet_g3_w1", "shufflenet_v1_g3_x1_0", POINTS)


def test_parity_v2(tmp_path):
    # torchvision counts the stem as stage 1.
    layer_of = POINTS | {
        "stage2": "stage1_block4_shuffle",
        "stage3": "stage2_block8_shuffle",
        "stage4": "stage3_block4_shuffle",
        "head": "head_act",
    }
    check_parity(tmp_path, "torchvision_shufflenet_v2_x1_0", "shufflenet_v2_x1_0", layer_of)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"groups": 5}, r"`groups` must be one of \(1, 2, 3, 4, 8\). Received: `groups=5`"),
        ({"groups": True}, "`groups` must be one of"),
        ({"scale": 0}, "`scale` must be a positive number"),
        ({"scale": "x1"}, "`scale` must be a positive number"),
        ({"groups": 8, "scale": 0.5}, r"8 groups divide .*\(1.0, …\). Received: `scale=0.5`"),
        ({"groups": 3, "scale": 0.6}, r"3 groups divide .*0.25, 0.5, 0.75"),
    ],
)
def test_wrong_arguments_v1(arguments, message):
    with pytest.raises(ValueError, match=message):
        kerazoo.ShuffleNetV1(weights=None, **arguments)


def test_wrong_scale_v2():
    for scale in (0.75, "1.0", True):
        with pytest.raises(ValueError, match=r"`scale` must be one of \(0.5, 1.0, 1.5, 2.0\)"):
            kerazoo.ShuffleNetV2(weights=None, scale=scale)
