"""Trained detectors: raw outputs as recorded, and the one that comes with the package."""

import numpy as np
import pytest

import kerazoo
from kerazoo.labels import label_names, shared_classes
from kerazoo.open import open_model
from kerazoo.tasks.detection.detector import anchors_of, detector_of
from tools.voc_detector import build

SSD = "tensorflow/ssd_mobilenet_v1_0.75_coco_quant"


def test_ssdlite_of_voc(shared):
    folder = shared / "weights/seg_det"
    path = folder / "ssdlite_mobilenet_v2_voc_int8.npz"
    model, gold = build(str(path)), np.load(folder / "ssdlite_mobilenet_v2_voc_reference.npz")
    np.testing.assert_allclose(anchors_of(model) / 300, np.load(path)["anchors"], atol=1e-6)
    for number in range(2):
        picture = gold[f"input{number}"].astype("float32")[None] / 127.5 - 1
        outputs = {name: np.asarray(y)[0] for name, y in model(picture).items()}
        codes, logits = gold[f"loc{number}"], gold[f"conf{number}"].astype("float32")
        assert np.abs(outputs["codes"] - codes).max() <= 1e-4 * np.abs(codes).max()
        # They are kept in 16 bits: half a unit in the last of 11 binary digits.
        np.testing.assert_allclose(outputs["logits"], logits, rtol=2**-11, atol=1e-3)


@pytest.fixture(scope="module")
def ours():
    return open_model(SSD)


def test_the_detector_of_the_package_is_that_of_the_file(ours, shared):
    """Its kernels are exact; the arrays that it is compared with were rounded to 16 bits."""
    path = shared / "weights/ssd_mobilenet_v1_coco_dequant.npz"
    whole = kerazoo.create_model("ssd_mobilenet_v1_075", weights=str(path), classes=90)
    np.testing.assert_allclose(
        anchors_of(ours) / 300, _corners(np.load(path)["anchors"]), atol=1e-6
    )
    x = np.random.default_rng(0).uniform(-1, 1, (1, 300, 300, 3)).astype("float32")
    found, expected = ours(x), whole(x)
    places = shared_classes(label_names("coco_paper"), label_names("coco"))
    kept = [0, *(number + 1 for number in places)]
    assert list(places.values()) == list(range(80))
    pairs = (
        (found["codes"], expected["codes"]),
        (
            found["logits"],
            np.asarray(expected["logits"])[..., kept],
        ),
    )
    for a, b in pairs:
        assert np.abs(np.asarray(a) - np.asarray(b)).max() <= 0.01 * np.abs(np.asarray(b)).max()


def _corners(boxes):
    """Of (y, x, height, width)."""
    y, x, height, width = boxes.T
    return np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)


def test_it_opens_by_the_name_of_the_task(ours):
    assert kerazoo.default_model("detection") == SSD
    assert ours.info.labels == "coco"
    assert ours.info.preprocessing.fit == "stretch"
    assert detector_of(ours).suppression.activation == "sigmoid"
    model = open_model("detection")
    assert model.info == ours.info
