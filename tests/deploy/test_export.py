"""Exports: opened by their own runtimes on real pictures, refused by name, never half-written."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerazoo
from kerazoo.data.inference import inference_function, picture_preprocessing
from kerazoo.data.pipeline import evaluation_batches
from kerazoo.data.sources import load_source
from kerazoo.deploy import Runner, export
from kerazoo.deploy.export import FORMATS, openvino, read_record
from kerazoo.deploy.export.calibration import representative_pictures, without_outliers

# Keras, TensorFlow: always there. The others are extras.
pytest.importorskip("openvino")
pytest.importorskip("onnxruntime")
pytest.importorskip("ai_edge_litert")


def batches(source, preprocessing, count):
    pairs = [
        (x.numpy(), y.numpy()) for x, y in evaluation_batches(source, preprocessing, 50, count)
    ]
    return tuple(np.concatenate(parts) for parts in zip(*pairs, strict=True))


def in_batches(run, x):
    return np.concatenate([run(x[i : i + 50]) for i in range(0, len(x), 50)])


def top1(scores, labels) -> float:
    return 100 * float((scores.argmax(1) == labels).mean())


class Case:
    """A trained network, real pictures with labels, and what Keras says to them."""

    def __init__(self, model, data, calibration, evaluation, count, data_dir):
        self.model = model
        self.calibration = load_source(data, calibration, data_dir=data_dir)
        source = load_source(data, evaluation, data_dir=data_dir)
        self.x, self.y = batches(source, picture_preprocessing(model), count)
        self.expected = in_batches(inference_function(model), self.x)


@pytest.fixture(scope="module")
def mixnet(shared):
    model = kerazoo.MixNetS(weights="cifar10")
    return Case(model, "cifar10", "train[:150]", "test", 1000, shared / "tfds")


def small(**arguments):
    settings = {"weights": None, "input_shape": (32, 32, 3), "classes": 4} | arguments
    return kerazoo.create_model("mobilenet_v1_025", **settings)


@pytest.fixture(scope="module")
def tiny():
    keras.utils.set_random_seed(1)
    return small()


RECORD = kerazoo.Preprocessing(size=(32, 32), crop_fraction=1.0, rounding="round")


class TestRealNetworks:
    @pytest.mark.parametrize("name", FORMATS)
    def test_float_equals_keras(self, name, mixnet, tmp_path):
        kind = FORMATS[name]
        path = export(mixnet.model, tmp_path / f"net{kind.suffix}", name)
        found = Runner(path)(mixnet.x[:50])
        np.testing.assert_allclose(found, mixnet.expected[:50], atol=1e-4)
        record = read_record(path)
        assert record.labels[:2] == ("airplane", "automobile")
        assert record.preprocessing == picture_preprocessing(mixnet.model)
        assert (record.architecture, record.checkpoint) == (
            "mixnet_s",
            mixnet.model.info.checkpoint,
        )
        assert record.target == kind.target
        assert not list(tmp_path.glob(".*"))

    @pytest.mark.parametrize("precision", ["float16", "dynamic"])
    def test_smaller_litert(self, precision, mixnet, tmp_path):
        path = export(mixnet.model, tmp_path / "a.tflite", "litert", precision=precision)
        scores = in_batches(Runner(path), mixnet.x)
        assert abs(top1(scores, mixnet.y) - top1(mixnet.expected, mixnet.y)) <= 1
        parameters = mixnet.model.count_params()
        assert path.stat().st_size < {"float16": 3, "dynamic": 1.5}[precision] * parameters * 1.2

    @pytest.mark.parametrize("name", ["litert", "openvino"])
    def test_int8_mixnet_on_cifar(self, name, mixnet, tmp_path):
        path = tmp_path / f"net{FORMATS[name].suffix}"
        export(mixnet.model, path, name, precision="int8", representative=mixnet.calibration)
        scores = in_batches(Runner(path), mixnet.x)
        assert top1(mixnet.expected, mixnet.y) - top1(scores, mixnet.y) <= 1
        assert read_record(path).calibration == 150
        # Integers for real: not the float network under another name.
        assert np.abs(scores - mixnet.expected).max() > 1e-3

    @pytest.mark.parametrize("name", ["litert", "openvino"])
    def test_int8_mobilenet_on_imagenet(self, name, mobilenet, tmp_path):
        path = tmp_path / f"net{FORMATS[name].suffix}"
        export(mobilenet.model, path, name, precision="int8", representative=mobilenet.calibration)
        scores = in_batches(Runner(path), mobilenet.x)
        assert top1(mobilenet.expected, mobilenet.y) - top1(scores, mobilenet.y) <= 2

    def test_onnx_is_of_the_opset_asked_for(self, tiny, tmp_path):
        import onnx

        path = export(tiny, tmp_path / "a.onnx", "onnx", opset=15)
        network = onnx.load(path)
        assert [each.version for each in network.opset_import if not each.domain] == [15]
        assert [value.name for value in network.graph.input] == ["image"]
        assert [value.name for value in network.graph.output] == ["scores"]

    def test_unfused_is_as_built(self, tiny, tmp_path):
        path = export(tiny, tmp_path / "a.keras", "keras", fused=False)
        assert len(keras.saving.load_model(path).layers) == len(tiny.layers)
        assert read_record(path).target is None


@pytest.fixture(scope="module")
def mobilenet(shared):
    weights = shared / "weights/mobilenet_v2_1.0_224_imagenet_dequant.weights.h5"
    model = kerazoo.MobileNetV2(weights=str(weights))
    split = "validation[100:300]"
    return Case(model, "imagenet2012", "validation[:60]", split, 200, shared / "tfds")


SERVE = """
import sys
for name in ("keras", "kerazoo", "tf_keras"):
    sys.modules[name] = None  # importing it raises
import json
import numpy as np
import tensorflow as tf
folder, pictures, files, out = sys.argv[1], sys.argv[2], sys.argv[3].split(","), sys.argv[4]
network = tf.saved_model.load(folder)
given = {
    "pictures": tf.constant(np.load(pictures)),
    "encoded": tf.constant([open(file, "rb").read() for file in files]),
}
answers = {name: network.signatures[name](**{name: value}) for name, value in given.items()}
np.savez(out, **{f"{s}_{k}": v.numpy() for s, a in answers.items() for k, v in a.items()})
"""


@pytest.fixture(scope="module")
def served(mixnet, shared, tmp_path_factory):
    """What a process answers that cannot import Keras, for real photographs."""
    folder = tmp_path_factory.mktemp("served")
    export(mixnet.model, folder / "mixnet", "savedmodel", top=3)
    files = sorted((shared / "coco_tiny/val2017").glob("*.jpg"))[:3]
    images = [tf.io.decode_jpeg(f.read_bytes(), 3, dct_method="INTEGER_ACCURATE") for f in files]
    pictures = np.stack([image.numpy()[:200, :300] for image in images])
    np.save(folder / "pictures.npy", pictures)
    arguments = ("mixnet/1", "pictures.npy", ",".join(map(str, files)), "answers.npz")
    done = subprocess.run(
        [sys.executable, "-c", SERVE, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with np.load(folder / "answers.npz", allow_pickle=True) as answers:
        return pictures, files, dict(answers)


class TestSavedModel:
    def test_pictures_and_bytes_as_preprocessing_says(self, served, mixnet):
        pictures, files, answers = served
        prepare, run = picture_preprocessing(mixnet.model), inference_function(mixnet.model)
        expected = run(np.stack([prepare.tf_image(tf.constant(p)) for p in pictures]))
        np.testing.assert_allclose(answers["pictures_probabilities"], expected, atol=1e-4)
        expected = run(np.stack([prepare.tf_decode(f.read_bytes()) for f in files]))
        np.testing.assert_allclose(answers["encoded_probabilities"], expected, atol=1e-4)

    def test_best_classes_with_names(self, served, mixnet):
        *_, answers = served
        wanted = kerazoo.decode_predictions(
            answers["encoded_probabilities"], top=3, model=mixnet.model
        )
        for row, predictions in enumerate(wanted):
            names = [name.decode() for name in answers["encoded_names"][row]]
            assert names == [each.name for each in predictions]
            assert answers["encoded_classes"][row].tolist() == [p.index for p in predictions]
            np.testing.assert_allclose(
                answers["encoded_scores"][row], [p.score for p in predictions]
            )

    def test_logits_become_probabilities(self, tmp_path):
        model = small(classifier_activation=None)
        path = export(model, tmp_path / "m", "savedmodel", preprocessing=RECORD, version=7)
        assert path == tmp_path / "m" / "7"
        x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
        answer = tf.saved_model.load(str(path)).signatures["serving_default"](image=tf.constant(x))
        logits = np.asarray(model(x, training=False))
        np.testing.assert_allclose(answer["logits"], logits, atol=1e-5)
        np.testing.assert_allclose(answer["probabilities"], tf.nn.softmax(logits), atol=1e-5)
        assert (
            answer["names"].numpy().astype(str).tolist()
            == answer["classes"].numpy().astype(str).tolist()
        )  # unknown classes go by number
        np.testing.assert_allclose(Runner(tmp_path / "m")(x), logits, atol=1e-5)

    def test_serving_messages(self, served, tmp_path, mixnet):
        predict_pb2 = pytest.importorskip("tensorflow_serving.apis.predict_pb2")
        _, files, answers = served
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = "mixnet", "encoded"
        request.inputs["encoded"].CopyFrom(
            tf.make_tensor_proto([file.read_bytes() for file in files])
        )
        received = predict_pb2.PredictRequest.FromString(request.SerializeToString())
        path = export(mixnet.model, tmp_path / "m", "savedmodel")
        network = tf.saved_model.load(str(path))
        given = {k: tf.constant(tf.make_ndarray(v)) for k, v in received.inputs.items()}
        answer = network.signatures[received.model_spec.signature_name](**given)
        response = predict_pb2.PredictResponse()
        for name, value in answer.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value.numpy()))
        back = predict_pb2.PredictResponse.FromString(response.SerializeToString())
        found = tf.make_ndarray(back.outputs["probabilities"])
        np.testing.assert_allclose(found, answers["encoded_probabilities"], atol=1e-6)


class TestFiles:
    def test_existing_outputs_stay_unless_forced(self, tiny, tmp_path):
        path = tmp_path / "a.keras"
        path.write_text("mine")
        with pytest.raises(ValueError, match=r"a\.keras' exists .*--force"):
            export(tiny, path, "keras")
        assert path.read_text() == "mine"
        export(tiny, path, "keras", force=True)
        assert keras.saving.load_model(path).output_shape == (None, 4)

    def test_a_version_is_replaced_as_a_whole(self, tiny, tmp_path):
        path = export(tiny, tmp_path / "m", "savedmodel", preprocessing=RECORD)
        (path / "stale").write_text("")
        with pytest.raises(ValueError, match="exists"):
            export(tiny, tmp_path / "m", "savedmodel", preprocessing=RECORD)
        export(tiny, tmp_path / "m", "savedmodel", preprocessing=RECORD, force=True)
        assert not (path / "stale").exists()
        assert os.listdir(tmp_path) == ["m"]
        assert os.listdir(tmp_path / "m") == ["1"]

    def test_a_failure_leaves_nothing_and_loses_nothing(self, tiny, tmp_path, monkeypatch):
        path = tmp_path / "a.xml"
        path.write_text("mine")

        def full(job, folder):
            (folder / "a.bin").write_text("half")
            raise OSError(28, "No space left on device")

        broken = {**vars(openvino.FORMAT), "write": full}
        monkeypatch.setitem(FORMATS, "openvino", type(openvino.FORMAT)(**broken))
        with pytest.raises(OSError, match="No space"):
            export(tiny, path, "openvino", force=True)
        assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a.xml": "mine"}

    def test_where_nothing_can_be_written(self, tiny, tmp_path):
        with pytest.raises(ValueError, match=r"`path` must be in a folder that exists"):
            export(tiny, tmp_path / "no" / "a.keras", "keras")
        with pytest.raises(ValueError, match=r"file name in \.tflite for LiteRT"):
            export(tiny, tmp_path / "a.onnx", "litert")
        (tmp_path / "file").write_text("")
        with pytest.raises(ValueError, match="a folder for a SavedModel"):
            export(tiny, tmp_path / "file", "savedmodel")


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"format": "tflite"}, r"Unknown `format`.*'litert'"),
            ({"format": "litert", "target": "tpu"}, "Unknown `target`"),
            ({"format": "onnx", "precision": "int8"}, r"`precision` must be for ONNX one of"),
            ({"format": "onnx", "opset": 5}, "`opset` must be 13 to 18"),
            ({"format": "keras", "target": "onnx", "fused": False}, "None where fused=False"),
            ({"format": "savedmodel", "top": 0}, "`top` must be a positive int"),
        ],
    )
    def test_arguments(self, arguments, message, tmp_path):
        with pytest.raises(ValueError, match=message):
            export(None, tmp_path / "a", **arguments)

    @pytest.mark.parametrize("name", ["litert", "openvino"])
    def test_int8_needs_pictures(self, name, tiny, tmp_path):
        path = tmp_path / f"a{FORMATS[name].suffix}"
        with pytest.raises(ValueError, match=r"`representative` must be given for int8"):
            export(tiny, path, name, precision="int8")
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("name", ["litert", "onnx", "openvino"])
    def test_missing_packages_name_their_extra(self, name, tiny, tmp_path, monkeypatch):
        kind = FORMATS[name]
        needs = {"litert": ["ai_edge_litert"], "onnx": ["onnxruntime", "tf2onnx"]}.get(name, [name])
        find = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda n, *a: None if n in needs else find(n, *a)
        )
        install = rf'({"|".join(needs)}), which is not installed: pip install "kerazoo\[{name}\]"'
        with pytest.raises(ImportError, match=install):
            Runner(tiny, name)
        if name != "litert":  # TensorFlow writes those: only running them needs more
            with pytest.raises(ImportError, match=install):
                export(tiny, tmp_path / f"a{kind.suffix}", name)

    def test_open_sizes(self, tmp_path):
        model = small(input_shape=(None, None, 3))
        with pytest.raises(ValueError, match=r"of a fixed size for LiteRT.*input_shape"):
            export(model, tmp_path / "a.tflite", "litert")
        path = export(model, tmp_path / "a.onnx", "onnx")
        x = np.random.default_rng(0).normal(size=(2, 40, 52, 3)).astype("float32")
        np.testing.assert_allclose(Runner(path)(x), model(x, training=False), atol=1e-5)

    def test_no_classifier(self, tmp_path):
        x = keras.Input((8, 8, 3))
        model = keras.Model(x, keras.layers.Conv2D(2, 3)(x))
        with pytest.raises(ValueError, match="`model` must be a classifier"):
            export(model, tmp_path / "a.keras", "keras")
        with pytest.raises(ValueError, match="`model` must be a Keras model"):
            export("mixnet_s", tmp_path / "a.keras", "keras")

    def test_savedmodel_needs_preprocessing(self, tiny, tmp_path):
        with pytest.raises(ValueError, match=r"`preprocessing` must be given for a SavedModel"):
            export(tiny, tmp_path / "m", "savedmodel")
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("name", ["litert", "onnx", "openvino"])
    def test_layers_that_cannot_be_lowered_are_named(self, name, tmp_path):
        class Spectrum(keras.layers.Layer):
            def call(self, x):
                return tf.linalg.svd(tf.reduce_mean(x, axis=3), compute_uv=False)

        x = keras.Input((6, 6, 3))
        y = keras.layers.Conv2D(4, 3, padding="same", name="stem")(x)
        y = keras.layers.Dense(4, activation="softmax")(Spectrum(name="spectrum")(y))
        with pytest.raises(ValueError, match=r"of layers that can.*spectrum \([^)]*Svd"):
            export(keras.Model(x, y), tmp_path / f"a{FORMATS[name].suffix}", name)
        assert not list(tmp_path.iterdir())


class TestCalibration:
    def test_kinds_of_pictures_agree(self, tmp_path):
        pictures = np.random.default_rng(0).integers(0, 256, (3, 40, 48, 3), "uint8")
        from PIL import Image

        for i, picture in enumerate(pictures):
            Image.fromarray(picture).save(tmp_path / f"{i}.png")
        shape = (32, 32, 3)
        arrays = representative_pictures(pictures, RECORD, shape)
        assert arrays.shape == (3, *shape)
        np.testing.assert_array_equal(representative_pictures(tmp_path, RECORD, shape), arrays)
        np.testing.assert_array_equal(representative_pictures(arrays, None, shape), arrays)

    def test_many_are_thinned_evenly(self):
        many = np.arange(3000, dtype="float32").reshape(-1, 1, 1, 1)
        kept = representative_pictures(many, None, (1, 1, 1)).ravel()
        assert len(kept) == 300
        assert kept[[0, -1]].tolist() == [0, 2999]
        assert np.ptp(np.diff(kept)) <= 1

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (np.zeros((2, 16, 16, 3), "float32"), r"pictures of shape \(count, \*\(32, 32, 3\)\)"),
            (np.zeros((0, 32, 32, 3), "float32"), "pictures of shape"),
            (np.full((1, 32, 32, 3), np.nan, "float32"), "finite"),
            (np.zeros((1, 32, 32, 3), "int64"), "float inputs or uint8 pictures"),
            (3, "paths, an array or"),
        ],
    )
    def test_what_does_not_fit(self, given, message):
        with pytest.raises(ValueError, match=message):
            representative_pictures(given, RECORD, (32, 32, 3))

    def test_outliers_are_left_out(self, tiny):
        pictures = np.random.default_rng(0).normal(size=(20, 32, 32, 3)).astype("float32")
        pictures[7] *= 50
        kept = without_outliers(tiny, pictures)
        assert len(kept) == 19
        np.testing.assert_array_equal(kept, np.delete(pictures, 7, axis=0))


def test_the_record_is_plain_json(tiny, tmp_path):
    path = export(tiny, tmp_path / "a.keras", "keras", labels=("a", "b", "c", "d"))
    values = json.loads(Path(f"{path}.json").read_text())
    assert values["labels"] == ["a", "b", "c", "d"]
    assert values["input_shape"] == [32, 32, 3]
    with pytest.raises(ValueError, match="as many names as classes, 4"):
        export(tiny, tmp_path / "b.keras", "keras", labels=("a", "b"))
