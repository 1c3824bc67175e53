"""Exported detectors: every format says what the network says, outputs read by name."""

import io
import json
import re
import zipfile
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import kerazoo
from kerazoo.checkpoints.records import all_checkpoints
from kerazoo.confidence import Confidence
from kerazoo.deploy import Runner, export
from kerazoo.deploy.exporting import read_record
from kerazoo.deploy.exporting.record import describe
from kerazoo.predictor import Predictor
from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks.detection.detector import Detector, anchors_of, detector_of
from tests.tiny import DEEP, registered

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
    keras.utils.set_random_seed(1)
    with registered():
        model = kerazoo.SSDLite(DEEP, (64, 96, 3), classes=3)
    last = [layer for layer in model.layers if re.fullmatch(r"classes\d_conv", layer.name)]
    for layer in last:
        layer.kernel.assign(layer.kernel * 100)
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
    shown = replace(
        record, confidence=Confidence(1.0, (0.25, 0.5, 0.625), 9), licence="mit"
    ).facts()
    assert shown["thresholds"] == "0.2500\n0.5000\n0.6250"
    assert shown["licence"] == "mit"
    assert {"thresholds", "licence"}.isdisjoint(record.facts())  # nobody measured, or said
    assert list(record.outputs) == ["codes", "logits"]
    assert Detector.from_dict(record.task_facts) == detector_of(net)
    with zipfile.ZipFile(io.BytesIO(litert.read_bytes())) as archive:
        assert archive.read("labels.txt").decode().split() == list(NAMES)
        inside = json.loads(archive.read("kerazoo.json"))
    np.testing.assert_array_equal(Detector.from_dict(inside["task_facts"]).boxes(), anchors_of(net))


def test_openvino(net, picture, expected, tmp_path):
    path = export(net, tmp_path / "net.xml", "openvino", **HOW)
    same(Runner(path).predict([picture], threshold=0.3)[0], expected)


def test_the_licence_is_that_of_the_weights(net, monkeypatch):
    checkpoint = all_checkpoints()[0]
    monkeypatch.setattr(net, "info", replace(net.info, checkpoint=checkpoint.id))
    facts = {"format": "onnx", "precision": "float32", "target": None}
    assert describe(net, None, NAMES, **facts).licence == checkpoint.licence


def answered(answer, row=0):
    """What a file's further outputs say of one picture of a batch, zeros behind `count`."""
    count = int(answer["count"][row])
    for name in ("boxes", "scores", "classes"):
        assert not answer[name][row, count:].any()
    assert answer["scores"].shape[1:] == (100,)
    return {name: answer[name][row, :count] for name in ("boxes", "scores", "classes")}


ANSWERS = ["boxes", "scores", "classes", "count"]


def test_onnx_finds_boxes_itself_in_batches_of_any_size(net, picture, expected, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    path = export(net, tmp_path / "net.onnx", "onnx", **HOW)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert {each.name for each in session.get_outputs()} == {"codes", "logits", *ANSWERS}
    prepared = PREPARED.from_pil(picture)
    other = np.zeros_like(prepared)
    sure = expected.scores >= 0.5
    shares = np.array((80, 50, 80, 50))
    for batch, row in (([prepared], 0), ([other, prepared, other], 1)):
        found = session.run(ANSWERS, {"image": np.stack(batch)})
        one = answered(dict(zip(ANSWERS, found, strict=True)), row)
        assert len(one["scores"]) == sure.sum() > 0
        np.testing.assert_allclose(one["boxes"] * shares, expected.boxes[sure], atol=0.02)
        np.testing.assert_allclose(one["scores"], expected.scores[sure], atol=1e-4)
        np.testing.assert_array_equal(one["classes"], expected.classes[sure])
    with pytest.raises(Exception, match=r"Got: 32 Expected: 64|invalid dimensions"):
        session.run(ANSWERS, {"image": np.zeros((1, 32, 32, 3), "float32")})
    runner = Runner(path)
    assert set(runner.outputs(prepared[None])) == {"codes", "logits"}
    same(runner.predict([picture], threshold=0.3)[0], expected)


@pytest.fixture(scope="module")
def int8(net, tmp_path_factory):
    pictures = np.random.default_rng(1).uniform(-1, 1, (4, 64, 96, 3)).astype("float32")
    path = tmp_path_factory.mktemp("int8") / "net.tflite"
    return export(net, path, "litert", precision="int8", representative=pictures, **HOW)


def test_int8_has_the_raw_outputs_each_on_a_scale_of_its_own(int8):
    from ai_edge_litert.interpreter import Interpreter

    outputs = Interpreter(str(int8)).get_signature_runner("raw").get_output_details()
    assert set(outputs) == {"codes", "logits"}
    assert {each["dtype"] for each in outputs.values()} == {np.int8}
    assert len({each["quantization"] for each in outputs.values()}) == 2
    found = Runner(int8).outputs(np.zeros((2, 64, 96, 3), "float32"))
    assert {name: y.dtype for name, y in found.items()} == {"codes": "f4", "logits": "f4"}


def test_int8_finds_boxes_in_float(int8, picture):
    """In boxes of the numbers that it computes: no range was found for coordinates."""
    from ai_edge_litert.interpreter import Interpreter

    runner = Runner(int8)
    expected = runner.predict([picture])[0]
    assert len(expected) > 0
    detect = Interpreter(str(int8)).get_signature_runner("detect")
    (given,) = detect.get_input_details().values()
    scale, zero = given["quantization"]
    prepared = PREPARED.from_pil(picture)[None]
    assert given["dtype"] is np.int8
    image = np.clip(np.rint(prepared / scale) + zero, -128, 127).astype("int8")
    one = answered(detect(image=image))
    boxes = one["boxes"] * (80, 50, 80, 50)
    assert len(boxes) == len(expected)
    # Integers are often equal: then the order is nobody's.
    first, second = (np.lexsort(each.round(1).T) for each in (boxes, expected.boxes))
    np.testing.assert_allclose(boxes[first], expected.boxes[second], atol=0.02)
    np.testing.assert_allclose(one["scores"][first], expected.scores[second], atol=1e-5)
    np.testing.assert_array_equal(one["classes"][first], expected.classes[second])


def test_layers_that_stay_in_float(tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    x = keras.Input((16, 16, 3))
    y = keras.layers.Conv2D(4, 3, name="stem_conv")(x)
    y = keras.layers.Conv2D(4, 3, name="stage1_conv")(y)
    model = keras.Model(x, keras.layers.GlobalAveragePooling2D(name="pool")(y))
    pictures = np.random.default_rng(1).uniform(-1, 1, (4, 16, 16, 3)).astype("float32")
    how = {"precision": "int8", "representative": pictures, "preprocessing": PREPARED}
    path = export(model, tmp_path / "net.tflite", "litert", float_layers=["stem"], **how)
    interpreter = Interpreter(str(path))
    kernels = {
        layer: each["dtype"]
        for each in interpreter.get_tensor_details()
        for layer in ("stem_conv", "stage1_conv")
        if layer in each["name"] and each["shape"].tolist()[1:3] == [3, 3]
    }
    assert kernels == {"stem_conv": np.float32, "stage1_conv": np.int8}
    (given,), (wanted,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert given["dtype"] is wanted["dtype"] is np.int8
    assert read_record(path).float_layers == ("stem",)
    (found,) = Runner(path).outputs(pictures).values()
    np.testing.assert_allclose(found, np.asarray(model(pictures)), atol=0.02)
    with pytest.raises(ValueError, match=r"`float_layers` must be the beginning of a layer's name"):
        export(model, tmp_path / "a.tflite", "litert", float_layers=["head"], **how)
    rule = r"`float_layers` must be left out for .*LiteRT in int8 takes them"
    with pytest.raises(ValueError, match=rule):
        export(model, tmp_path / "a.tflite", "litert", float_layers=["stem"])
    with pytest.raises(ValueError, match=rule):
        export(model, tmp_path / "a.xml", "openvino", float_layers=["stem"], precision="int8")


def test_signatures_share_the_weights(litert, net):
    """The network's tensors lie in the file once."""
    values = sum(int(np.prod(each.shape)) for each in net.variables)
    assert litert.stat().st_size < 4 * values * 1.3


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
