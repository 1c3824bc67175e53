"""SSD and SSDLite on any backbone: shapes, anchors, sizes of the papers, refusals."""

import json

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.registry import catalogue
from kerazoo.tasks.detection import anchors
from kerazoo.tasks.detection.detector import anchors_of, detector_of
from kerazoo.tasks.detection.rules import RULE_SETS
from tests.models.lazily import no_values

SMALL = {"backbone": "mobilenet_v2_035", "input_shape": (64, 96, 3), "classes": 3}


@pytest.fixture(scope="module")
def small():
    return kerazoo.SSDLite(**SMALL, finest=8, backbone_arguments={"kernel_sizes": [3, 5]})


def test_outputs_lie_as_the_anchors_do(small):
    detector = detector_of(small)
    assert detector.grids == ((8, 12), (4, 6), (2, 3), (1, 2), (1, 1), (1, 1), (1, 1))
    count = 3 * 96 + 6 * (24 + 6 + 2 + 1 + 1 + 1)
    outputs = small(np.zeros((2, 64, 96, 3), "float32"))
    assert {name: tuple(y.shape) for name, y in outputs.items()} == {
        "codes": (2, count, 4),
        "logits": (2, count, 4),
    }
    assert anchors_of(small).shape == (count, 4)


def test_it_can_be_saved_and_rebuilt(small, tmp_path):
    small.save(tmp_path / "small.keras")
    again = keras.models.load_model(tmp_path / "small.keras")
    assert again.info == small.info
    arguments = json.loads(json.dumps(small.info.arguments))
    with no_values():
        rebuilt = kerazoo.create_model(small.info.architecture, weights=None, **arguments)
    assert rebuilt.info == small.info
    assert [v.path for v in rebuilt.variables] == [v.path for v in small.variables]


def test_anchors_of_ones_own():
    rule = anchors.FittedAnchors((((0.1, 0.2), (0.3, 0.1)), *(((0.5, 0.5),),) * 5))
    with no_values():
        model = kerazoo.SSDLite(**SMALL, anchors=rule)
        again = kerazoo.create_model("ssdlite", weights=None, **model.info.arguments)
    assert detector_of(model).anchors == detector_of(again).anchors == rule
    assert model.output["codes"].shape[1] == 2 * 24 + 6 + 2 + 1 + 1 + 1


@pytest.mark.parametrize("id", ["mixnet_s", "resnet18", "mnasnet_a1", "espnetv2_s_0_5"])
def test_any_backbone(id):
    with no_values():
        model = kerazoo.SSDLite(backbone=id, input_shape=(64, 64, 3), classes=2)
    assert detector_of(model).grids[:3] == ((4, 4), (2, 2), (1, 1))
    assert model.output["logits"].shape[1:] == (detector_of(model).count, 3)


# MobileNetV2's table 6 and MixConv's table 1: 81 outputs, 320 pixels. Multiply-adds agree with the
# papers within 0.01 B; MixConv's parameters are 13 to 27 thousand more than there are.
PAPERS = {
    ("v1", 3): (5.101, 1.309, 1.31),
    ("v1", 5): (5.180, 1.372, 1.38),
    ("v1", 7): (5.299, 1.467, 1.47),
    ("v1", (3, 5)): (5.140, 1.341, 1.35),
    ("v1", (3, 5, 7)): (5.193, 1.381, 1.39),
    ("v2", 3): (4.337, 0.789, 0.79),
    ("v2", 5): (4.451, 0.864, 0.87),
    ("v2", 7): (4.622, 0.977, 0.98),
    ("v2", (3, 5)): (4.394, 0.826, 0.83),
    ("v2", (3, 5, 7)): (4.470, 0.876, 0.88),
}


@pytest.mark.parametrize(("version", "kernels"), PAPERS)
def test_sizes_of_the_papers(version, kernels):
    create = {"v1": kerazoo.SSDLiteMobileNetV1, "v2": kerazoo.SSDLiteMobileNetV2}[version]
    with no_values():
        counted = kerazoo.profile(create(weights=None, kernel_sizes=kernels))
    params, macs, published = PAPERS[version, kernels]
    assert round(counted.params / 1e6, 3) == params
    assert round(counted.macs / 1e9, 3) == macs
    assert abs(counted.macs / 1e9 - published) <= 0.01


@pytest.mark.parametrize(
    ("create", "params", "macs"),
    [(kerazoo.SSD, 14_776_629, 1_259_068_672), (kerazoo.SSDLite, 2_113_141, 177_617_344)],
)
def test_sizes_beyond_the_backbone(create, params, macs):
    """Table 5 of MobileNetV2's paper: 14.8 M and 1.25 B of SSD, 2.1 M and (not so) 0.35 B."""
    with no_values():
        whole = kerazoo.profile(create("mobilenet_v2", (320, 320, 3)))
        trunk = kerazoo.MobileNetV2(include_top=False, weights=None, input_shape=(320, 320, 3))
    backbone = kerazoo.profile(trunk)
    assert (whole.params - backbone.params, whole.macs - backbone.macs) == (params, macs)


def test_the_catalogue_has_its_sizes():
    entry = catalogue()["ssdlite_mobilenet_v2"]
    assert (entry.task, entry.input_size) == ("detection", (320, 320))
    assert entry.params == 4_337_013
    assert "ssdlite" not in kerazoo.list_models(task="detection")  # wants a backbone


def test_include_top_false_is_the_backbone():
    with no_values():
        model = kerazoo.SSDLite(**{**SMALL, "input_shape": None}, include_top=False)
        backbone = kerazoo.MobileNetV2(alpha=0.35, include_top=False, weights=None)
    assert model.output_shape == backbone.output_shape
    assert [v.path for v in model.variables] == [v.path for v in backbone.variables]
    assert model.info.task_facts == {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"backbone": "mobilenet_v9"}, "Unknown `backbone`. Did you mean 'mobilenet_v"),
        ({"backbone": "ssdlite_mobilenet_v2"}, "Unknown `backbone`"),
        ({"backbone_arguments": {"alfa": 1}}, "Unknown `backbone_arguments`.*'alpha'"),
        ({"backbone_arguments": {"alpha": 1}}, "`alpha` must be 0.35, which `mobilenet_v2_035`"),
        ({"rules": "tensorflw"}, "Unknown `rules`. Did you mean 'tensorflow'"),
        ({"anchors": 3}, "`anchors` must be None, or an anchor rule"),
        ({"anchors": {"rule": "fited"}}, "Unknown `rule`. Did you mean 'fitted'"),
        ({"anchors": anchors.TENSORFLOW_STRIDE_8}, "for 6 maps; this one is for 7"),
        ({"finest": 4}, "`finest` must be 8 or 16"),
        ({"input_shape": (None, 64, 3)}, "`input_shape` must be of a fixed height and width"),
        ({"classifier_activation": "softmax"}, "`classifier_activation` must be None"),
    ],
)
def test_refusals(changes, words):
    with no_values(), pytest.raises(ValueError, match=words):
        kerazoo.SSDLite(**{**SMALL, **changes})


def test_a_backbone_without_the_strides():
    with no_values(), pytest.raises(ValueError, match="with maps of the strides 8, 16 and 32"):
        kerazoo.SSDLite(**SMALL, stem_strides=1)


@pytest.mark.parametrize("name", RULE_SETS)
def test_rule_sets_are_records_that_json_can_hold(name):
    rules = RULE_SETS[name]
    detector = rules.detector((300, 300), ((1, 1),) * len(rules.anchors.counts))
    assert type(detector).from_dict(json.loads(json.dumps(detector.to_dict()))) == detector
