"""MnasNet equals timm's, whether the file has timm's names or torchvision's."""

import re

import numpy as np
import pytest

import kerazoo
from tests.models.family_checks import check_parity
from tests.models.parity import TOLERANCE, Reference


@pytest.mark.parametrize(("name", "id"), [("mnasnet_100", "b1"), ("semnasnet_100", "a1")])
def test_parity(tmp_path, name, id):
    check_parity(tmp_path, name, f"mnasnet_{id}", {"features": "avg_pool"})


def torchvision_name(name: str) -> str:
    """timm's name of a tensor of MnasNet-B1 -> torchvision's, written from its `mnasnet.py`."""
    block = re.match(r"blocks\.(\d+)\.(\d+)\.(\w+)\.(\w+)$", name)
    if block:
        stage, number, module, variable = block.groups()
        if stage == "0":
            place = {"conv_dw": 3, "bn1": 4, "conv_pw": 6, "bn2": 7}[module]
            return f"layers.{place}.{variable}"
        order = ("conv_pw", "bn1", "", "conv_dw", "bn2", "", "conv_pwl", "bn3")
        return f"layers.{int(stage) + 7}.{number}.layers.{order.index(module)}.{variable}"
    module, _, variable = name.partition(".")
    flat = {"conv_stem": "layers.0", "bn1": "layers.1", "conv_head": "layers.14"}
    flat |= {"bn2": "layers.15", "classifier": "classifier.1"}
    return f"{flat[module]}.{variable}"


def test_torchvision_file():
    reference = Reference("mnasnet_100")
    weights = reference.weights()
    weights = {torchvision_name(name): array for name, array in weights.items()}
    assert len(weights) == len(reference.spec["entries"])
    model = kerazoo.MnasNetB1(weights=None, classifier_activation=None, **reference.conventions)
    kerazoo.load_weights(model, weights)
    assert reference.error(model(reference.input)) <= TOLERANCE


def test_unknown_name_is_reported_and_nothing_changes():
    reference = Reference("mnasnet_100")
    weights = reference.weights()
    weights = {torchvision_name(name): array for name, array in weights.items()}
    weights["layers.13.1.layers.0.weight"] = np.zeros((1, 1, 1, 1), "float32")
    model = kerazoo.MnasNetB1(weights=None)
    before = model.get_weights()[0].copy()
    with pytest.raises(ValueError, match=r"1 unexpected in the source: layers\.13\.1"):
        kerazoo.load_weights(model, weights)
    np.testing.assert_array_equal(model.get_weights()[0], before)


def test_wrong_alpha():
    with pytest.raises(ValueError, match="`alpha` must be a positive number"):
        kerazoo.MnasNetA1(weights=None, alpha="wide")
