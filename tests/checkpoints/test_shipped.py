"""Networks that come with the package."""

from pathlib import Path

import numpy as np
import pytest

import kerazoo
from kerazoo.checkpoints import shipped
from kerazoo.checkpoints.fetch.checkpoint import DownloadError, fetch
from kerazoo.checkpoints.records import all_checkpoints, default_checkpoint, get_checkpoint
from kerazoo.checkpoints.resolve import resolve
from kerazoo.checkpoints.shipped import default_model, reachable
from kerazoo.open import find

MOBILENET = "tensorflow/mobilenet_v2_1.0_224_quant"
PACKAGE = Path(kerazoo.__file__).parent


def test_all_of_them_are_whole_and_small():
    files = [fetch(each) for each in all_checkpoints() if each.source == "package"]
    assert {path.name for path in files} == {
        path.name for path in (PACKAGE / "checkpoints/embedded").iterdir()
    }
    # What else is in the wheel is code and labels: less than 2 MB.
    assert sum(path.stat().st_size for path in files) < 18_000_000
    assert fetch(get_checkpoint(MOBILENET)).stat().st_size < 3_700_000


def test_default_model():
    assert kerazoo.default_model() == default_model("classification") == MOBILENET
    assert find(MOBILENET).model == "mobilenet_v2_100"
    assert find(MOBILENET).licence == "apache-2.0"
    with pytest.raises(ValueError, match="`task` must be one that a network comes with: class"):
        default_model("features")


def test_weights_are_those_of_the_file_bit_for_bit(shared):
    path = shared / "weights/mobilenet_v2_1.0_224_imagenet_dequant.weights.h5"
    ours = resolve(MOBILENET, None).tensors()
    theirs = resolve(path, "mobilenet_v2_100").tensors()
    sizes = {a.size: a for a in theirs.values() if a.ndim > 1}
    kernels = [a for name, a in ours.items() if a.ndim > 1]
    assert sum(a.size for a in kernels) == sum(a.size for a in theirs.values() if a.ndim > 1)
    assert all(a.dtype == np.float32 for a in kernels)
    largest = max(sizes)
    ours_largest = next(a for a in kernels if a.size == largest)
    np.testing.assert_array_equal(ours_largest.ravel(), sizes[largest].ravel())
    # Shapes repeat, but sums of all kernels of the same numbers agree only if they are the same.
    checks = sorted(float(np.abs(a.astype("float64")).sum()) for a in kernels)
    expected = (np.abs(a.astype("float64")).sum() for a in theirs.values() if a.ndim > 1)
    np.testing.assert_array_equal(checks, sorted(map(float, expected)))


@pytest.fixture
def offline(monkeypatch):
    """Nothing but the package can be fetched; what was said is returned."""

    def refuse(checkpoint):
        raise DownloadError(f"Cannot reach {checkpoint.location} (no network). Try again.")

    said = []
    monkeypatch.setattr(shipped, "fetch", refuse)
    monkeypatch.setattr(shipped, "_TOLD", set())
    monkeypatch.setattr(shipped.log, "warning", lambda text, *rest: said.append(text % rest))
    return said


def test_they_stand_in_for_defaults_that_cannot_be_fetched(offline):
    start = find("mobilenet_v2_100", needed=True)
    assert start.weights == MOBILENET
    assert len(offline) == 1
    assert offline[0].endswith(f"{MOBILENET}, which comes with kerazoo, is used instead.")
    assert "(no network)" not in offline[0]
    small = find("mobilenet_v2_100", size=96, needed=True)
    assert (small.weights, small.preprocessing.size) == (MOBILENET, (96, 96))
    assert len(offline) == 1  # told once
    # The published default is what the name means.
    assert find("mobilenet_v2_100").weights == "keras/mobilenet_v2_1.0_224"


def test_but_for_nothing_else(offline):
    for asked, model in (("imagenet", "mixnet_s"), ("keras/mobilenet_v2_1.0_224", None)):
        weights = resolve(asked, model)
        assert reachable(weights, asked) is weights
    assert find("mobilenet_v2_140", needed=True).weights == "keras/mobilenet_v2_1.4_224"
    assert not offline


def test_constructors_know_it_too(offline):
    model = kerazoo.create_model(
        "mobilenet_v2_100", weights="imagenet", include_top=False, input_shape=(32, 32, 3)
    )
    assert model.info.checkpoint == MOBILENET
    assert default_checkpoint("mobilenet_v2_100").id == "keras/mobilenet_v2_1.0_224"
