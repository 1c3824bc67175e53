"""Exported detectors: every format says what the network says, outputs read by name."""

import io
import json
import re
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import kerazoo
from kerazoo.deploy import Runner, export
from kerazoo.deploy.exporting import read_record
from kerazoo.predictor import Predictor
from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks.detection.detector import Detector, anchors_of, detector_of

PREPARED = Preprocessing(size=(64, 96), fit="stretch", mean=(0.5,) * 3, std=(0.5,) * 3)
NAMES = ("cat", "dog", "bird")
HOW = {"preprocessing": PREPARED, "labels": NAMES}


@pytest.fixture(scope="module")
def picture():
    pixels = np.random.default_rng(0).integers(0, 256, (50, 80, 3), "uint8")
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def net(picture):
    """A detector that finds a few things on the picture."""
    model = kerazoo.SSDLite("mobilenet_v2_035", (64, 96, 3), classes=3)
    last = [layer for layer in model.layers if re.fullmatch(r"classes\d_conv", layer.name)]
    for layer in last:
        layer.kernel.assign(layer.kernel * 4)
    logits = np.asarray(model(PREPARED.from_pil(picture)[None])["logits"])[0, :, 1:]
    between = np.sort(logits.ravel())[-16:-14].mean()
    for layer in last:  # the fifteen surest are above 0.3, none of them just so
        layer.bias.assign(layer.bias - between + np.log(0.3 / 0.7))
    return model


@pytest.fixture(scope="module")
def expected(net, picture):
    predictor = Predictor.of_model(net, **HOW)
    found = predictor.predict([picture], threshold=0.3)[0]
    assert 3 < len(found) < 100
    return found


def same(found, expected):
    assert found.names == expected.names
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.02)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)


@pytest.fixture(scope="module")
def litert(net, tmp_path_factory):
    return export(net, tmp_path_factory.mktemp("litert") / "net.tflite", "litert", **HOW)


def test_litert_has_two_signatures(net, litert, picture, expected):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(litert))
    outputs = {key: set(each["outputs"]) for key, each in interpreter.get_signature_list().items()}
    assert outputs == {
        "raw": {"codes", "logits"},
        "detect": {"boxes", "scores", "classes", "count"},
    }
    prepared = PREPARED.from_pil(picture)[None]
    found = interpreter.get_signature_runner("detect")(image=prepared)
    sure = found["scores"][0] >= 0.5
    wanted = expected.scores >= 0.5
    assert found["count"][0] == sure.sum() == wanted.sum() > 0
    shares = np.array((80, 50, 80, 50))
    np.testing.assert_allclose(found["boxes"][0, sure] * shares, expected.boxes[wanted], atol=0.02)
    np.testing.assert_array_equal(found["classes"][0, sure], expected.classes[wanted])
    raw = interpreter.get_signature_runner("raw")(image=prepared)
    ours = net(prepared)
    for name in ("codes", "logits"):
        np.testing.assert_allclose(raw[name], np.asarray(ours[name]), atol=1e-3)


def test_litert_runs_and_tells_what_it_is(net, litert, picture, expected):
    runner = Runner(litert)
    same(runner.predict([picture], threshold=0.3)[0], expected)
    two = runner.predict([picture, picture], threshold=0.3)
    same(two[1], expected)
    record = read_record(litert)
    assert record.labels == NAMES
    assert list(record.outputs) == ["codes", "logits"]
    assert Detector.from_dict(record.task_facts) == detector_of(net)
    with zipfile.ZipFile(io.BytesIO(litert.read_bytes())) as archive:
        assert archive.read("labels.txt").decode().split() == list(NAMES)
        inside = json.loads(archive.read("kerazoo.json"))
    np.testing.assert_array_equal(Detector.from_dict(inside["task_facts"]).boxes(), anchors_of(net))


@pytest.mark.parametrize(("format", "suffix"), [("onnx", ".onnx"), ("openvino", ".xml")])
def test_other_runtimes(net, picture, expected, tmp_path, format, suffix):
    path = export(net, tmp_path / f"net{suffix}", format, **HOW)
    same(Runner(path).predict([picture], threshold=0.3)[0], expected)


def test_int8_has_the_raw_outputs_each_on_a_scale_of_its_own(net, picture, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    pictures = np.random.default_rng(1).uniform(-1, 1, (4, 64, 96, 3)).astype("float32")
    path = export(
        net, tmp_path / "net.tflite", "litert", precision="int8", representative=pictures, **HOW
    )
    outputs = Interpreter(str(path)).get_output_details()
    assert {each["dtype"] for each in outputs} == {np.int8}
    assert len({each["quantization"] for each in outputs}) == 2
    assert set(Runner(path).outputs(pictures[:1])) == {"codes", "logits"}


def test_a_server_answers_with_boxes(net, picture, expected, tmp_path):
    path = export(net, tmp_path / "served", "savedmodel", threshold=0.3, **HOW)
    served = tf.saved_model.load(str(path))
    prepared = np.stack([PREPARED.from_pil(picture)] * 2)
    answer = served.signatures["serving_default"](image=tf.constant(prepared))
    answer = {name: y.numpy() for name, y in answer.items()}
    count = answer["count"][1]
    assert count == len(expected)
    assert tuple(name.decode() for name in answer["names"][1, :count]) == expected.names
    assert set(answer["names"][1, count:]) == {b""}
    shares = answer["boxes"][1, :count] * (80, 50, 80, 50)
    np.testing.assert_allclose(shares, expected.boxes, atol=0.02)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    encoded = served.signatures["encoded"](encoded=tf.constant([buffer.getvalue()]))
    assert encoded["boxes"].shape == (1, 100, 4)
    assert 5 < encoded["count"][0] < 30  # TensorFlow scales a little otherwise
