"""Many threads, one Runner: boxes and masks are those of their own picture, on every runtime.

Classification is in `test_threads.py`.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.deploy import Runner, export
from tests import tiny

pytest.importorskip("openvino")
pytest.importorskip("onnxruntime")
pytest.importorskip("ai_edge_litert")

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("tiny_net")]
THREADS, CALLS, PICTURES, SIDE = 8, 4000, 8, 32
RECORD = kerazoo.Preprocessing(size=(SIDE, SIDE), crop_fraction=1.0)
FORMATS = {
    "savedmodel": "network",
    "openvino": "network.xml",
    "onnx": "network.onnx",
    "litert": "network.tflite",
}
NETWORKS = {
    "detection": lambda **how: kerazoo.SSDLite(backbone=tiny.DEEP, **how),
    "segmentation": lambda **how: kerazoo.LRASPP(
        backbone=tiny.DEEP, low_feature="stride_8", width=16, **how
    ),
}


def told(task, found):
    """What a prediction says of its picture, as one array."""
    return found.mask if task == "segmentation" else np.append(found.boxes, found.scores)


@pytest.fixture(scope="module")
def pictures():
    """Each of a colour and a pattern of its own."""
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 256, (PICTURES, 4, 4, 3))
    return np.repeat(np.repeat(coarse, 8, axis=1), 8, axis=2).astype("uint8")


@pytest.fixture(scope="module", params=NETWORKS)
def exported(request, pictures, tmp_path_factory):
    """A network in every format, whose answers to the pictures differ well."""
    keras.utils.set_random_seed(5)
    model = NETWORKS[request.param](input_shape=(SIDE, SIDE, 3), classes=4)
    for layer in model.layers:  # statistics as after training: else all pictures end up alike
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(RECORD.normalise(pictures.astype("float32")), training=True)
    folder = tmp_path_factory.mktemp("exported")
    for format, name in FORMATS.items():
        export(model, folder / name, format, preprocessing=RECORD)
    return request.param, folder


@pytest.mark.parametrize("format", FORMATS)
def test_four_thousand_answers(format, exported, pictures):
    task, folder = exported
    runner, how = Runner(folder / FORMATS[format]), {}
    if task == "detection":
        how = {"threshold": 0.3}
    prepared = RECORD.normalise(pictures.astype("float32"))

    def outputs(number):
        return runner.outputs(prepared[number : number + 1])

    def predicted(number):
        return told(task, runner.predict([pictures[number]], **how)[0])

    numbers = range(PICTURES)
    raw, tellings = [outputs(i) for i in numbers], [predicted(i) for i in numbers]
    for i in numbers:  # a stranger's answer is seen
        for j in range(i):
            assert max(np.abs(raw[i][name] - raw[j][name]).max() for name in raw[i]) > 1e-2
            assert not np.array_equal(tellings[i], tellings[j])

    def wrong(call):
        number = (call + call // 4) % PICTURES
        if call % 4 == 3:
            found = predicted(number)
            if found.shape != tellings[number].shape:
                return True
            return np.mean(~np.isclose(found, tellings[number], atol=1e-3)) > 0.01
        found = outputs(number)
        return not all(np.allclose(found[name], y, atol=1e-4) for name, y in raw[number].items())

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # threads take turns more often
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            assert sum(pool.map(wrong, range(CALLS))) == 0
    finally:
        sys.setswitchinterval(before)
