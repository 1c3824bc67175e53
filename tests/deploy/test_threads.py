"""Many threads, one Runner: every answer is that of its own picture, on every runtime."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import kerazoo
from kerazoo.deploy import Runner, export
from kerazoo.deploy.runtimes import open_runtime
from tests.tiny import tiny_classifier

pytest.importorskip("openvino")
pytest.importorskip("onnxruntime")
pytest.importorskip("ai_edge_litert")

THREADS, PICTURES = 8, 16
RECORD = kerazoo.Preprocessing(size=(32, 32), crop_fraction=1.0)
FORMATS = {
    "savedmodel": ("network", {}),
    "keras": ("network.keras", {}),
    "openvino": ("network.xml", {}),
    "openvino streams": ("network.xml", {"streams": True}),
    "onnx": ("network.onnx", {}),
    "litert": ("network.tflite", {}),
}


@pytest.fixture(scope="module")
def pictures():
    """Each of a colour of its own."""
    rng = np.random.default_rng(1)
    colours = rng.integers(0, 256, (PICTURES, 1, 1, 3))
    return np.clip(colours + rng.normal(0, 20, (PICTURES, 32, 32, 3)), 0, 255).astype("uint8")


@pytest.fixture(scope="module")
def prepared(pictures):
    return np.stack([RECORD.from_pil(Image.fromarray(picture)) for picture in pictures])


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """One network in every format, whose answers to the pictures differ well."""
    model = tiny_classifier(5)
    folder = tmp_path_factory.mktemp("exported")
    for format, (name, _) in FORMATS.items():
        if " " not in format:
            export(model, folder / name, format, preprocessing=RECORD)
    return folder


def wrong_answers(runner, calls, pictures, prepared):
    """How many of so many calls, by 8 threads, gave something else than one thread gets.

    Every fourth call is of a batch of three, every fourth a picture through `predict`.
    """
    expected = np.concatenate([runner(prepared[i : i + 1]) for i in range(PICTURES)])
    apart = np.abs(expected[:, None] - expected[None]).max(axis=-1) + np.eye(PICTURES)
    assert apart.min() > 1e-3  # a stranger's answer is seen

    def wrong(call):
        first = (call // 4) % (PICTURES - 2)
        count = 3 if call % 4 == 2 else 1
        if call % 4 == 3:
            found = np.zeros((1, 10), "float32")
            for each in runner.predict([pictures[first]], top=10)[0]:
                found[0, each.index] = each.score
        else:
            found = runner(prepared[first : first + count])
        return not np.allclose(found, expected[first : first + count], rtol=0, atol=1e-5)

    assert sum(map(wrong, range(8))) == 0  # alone
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # threads take turns more often
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            return sum(pool.map(wrong, range(calls)))
    finally:
        sys.setswitchinterval(before)


@pytest.mark.parametrize("format", FORMATS)
def test_every_answer_is_that_of_its_picture(format, exported, pictures, prepared):
    name, options = FORMATS[format]
    assert wrong_answers(Runner(exported / name, **options), 160, pictures, prepared) == 0


@pytest.mark.faults
@pytest.mark.parametrize("format", FORMATS)
def test_four_thousand_answers(format, exported, pictures, prepared):
    name, options = FORMATS[format]
    assert wrong_answers(Runner(exported / name, **options), 4000, pictures, prepared) == 0


def test_requests_are_used_again(exported, prepared):
    """There are as many as there have been calls at once, not as many as calls or threads."""
    run = open_runtime("openvino", exported / "network.xml")
    for _ in range(5):
        run(prepared)
    assert len(run._requests) == 1
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run, [prepared] * 30))
    assert 1 <= len(run._requests) <= 3
