"""Exports: opened by their own runtimes on real pictures, refused by name, never half-written."""

import subprocess
import sys
from concurrent import futures
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerazoo
from kerazoo.data.pipeline import evaluation_batches
from kerazoo.data.tfds import tfds_source
from kerazoo.deploy import Runner, export
from kerazoo.deploy.exporting import FORMATS, read_record
from kerazoo.inference import inference_function, picture_preprocessing
from tests import ROOT
from tests.pictures import KINDS, drawn, photographs
from tests.tiny import registered, tiny_classifier

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
    """A network, pictures, and what Keras says to them."""

    def __init__(self, model, x):
        self.model = model
        self.x = x
        self.expected = in_batches(inference_function(model), x)


class TrainedCase(Case):
    """A trained network, and real pictures with labels."""

    def __init__(self, model, data, calibration, evaluation, count, data_dir):
        self.calibration = tfds_source(data, calibration, data_dir=data_dir)
        source = tfds_source(data, evaluation, data_dir=data_dir)
        x, self.y = batches(source, picture_preprocessing(model), count)
        super().__init__(model, x)


def drawn_pictures(model, count=50):
    """Which show whether two forms of the network agree, not who is right."""
    rng = np.random.default_rng(3)
    pictures = np.stack([drawn(i % KINDS, rng) for i in range(count)])
    return picture_preprocessing(model).normalise(pictures)


@pytest.fixture(scope="module")
def mixnet(trained):
    return Case(trained, drawn_pictures(trained))


@pytest.fixture(scope="module")
def named():
    """A few layers that have names of classes, preprocessing and the name of their weights."""
    model = tiny_classifier(3)
    model.info = replace(
        model.info, labels="cifar10", preprocessing=RECORD, checkpoint="someone/tiny_cifar10"
    )
    case = Case(model, drawn_pictures(model))
    assert np.ptp(case.expected, axis=0).max() > 0.3  # it tells pictures apart
    return case


@pytest.fixture(scope="module")
def mixnet_on_cifar(trained, shared):
    return TrainedCase(trained, "cifar10", "train[:150]", "test", 1000, shared / "tfds")


@pytest.fixture(scope="module")
def trained():
    return kerazoo.MixNetS(weights="cifar10")


def small(id=None, **arguments):
    """A network of a few layers, or that of the id."""
    settings = {"weights": None, "input_shape": (32, 32, 3), "classes": 4} | arguments
    with registered() as tiny:
        return kerazoo.create_model(id or tiny, **settings)


@pytest.fixture(scope="module")
def tiny():
    keras.utils.set_random_seed(1)
    return small()


RECORD = kerazoo.Preprocessing(size=(32, 32), crop_fraction=1.0, rounding="round")


class TestRealNetworks:
    @pytest.mark.parametrize("network", ["named", "mixnet"])
    @pytest.mark.parametrize("name", FORMATS)
    def test_float_equals_keras(self, name, network, request, tmp_path):
        kind, case = FORMATS[name], request.getfixturevalue(network)
        path = export(case.model, tmp_path / f"net{kind.suffix}", name)
        found = Runner(path)(case.x[:50])
        np.testing.assert_allclose(found, case.expected[:50], atol=1e-4)
        record = read_record(path)
        assert record.labels[:2] == ("airplane", "automobile")
        assert record.preprocessing == picture_preprocessing(case.model)
        info = case.model.info
        assert (record.architecture, record.checkpoint) == (info.architecture, info.checkpoint)
        assert record.target == kind.target
        assert not list(tmp_path.glob(".*"))

    def test_the_record_keeps_folders_of_this_machine_out(self, tiny, tmp_path):
        tiny.save_weights(tmp_path / "mine.weights.h5")
        model = small(weights=str(tmp_path / "mine.weights.h5"))
        record = read_record(export(model, tmp_path / "net.onnx", "onnx"))
        assert record.checkpoint == "mine.weights.h5"

    @pytest.mark.parametrize(("precision", "size"), [("float16", 2), ("dynamic", 1)])
    def test_smaller_numbers(self, precision, size, tmp_path):
        keras.utils.set_random_seed(1)
        model = small("mobilenet_v1_025")  # most of the file are weights
        path = export(model, tmp_path / "a.tflite", "litert", precision=precision)
        x = np.random.default_rng(0).normal(size=(20, 32, 32, 3)).astype("float32")
        found, expected = Runner(path)(x), model(x, training=False).numpy()
        assert 1e-7 < np.abs(found - expected).max() < 0.02
        assert path.stat().st_size < size * model.count_params() * 1.6

    @pytest.mark.parametrize("precision", ["float16", "dynamic"])
    def test_smaller_litert(self, precision, mixnet_on_cifar, tmp_path):
        mixnet = mixnet_on_cifar
        path = export(mixnet.model, tmp_path / "a.tflite", "litert", precision=precision)
        scores = in_batches(Runner(path), mixnet.x)
        assert abs(top1(scores, mixnet.y) - top1(mixnet.expected, mixnet.y)) <= 1
        parameters = mixnet.model.count_params()
        assert path.stat().st_size < {"float16": 3, "dynamic": 1.5}[precision] * parameters * 1.2

    @pytest.mark.parametrize("name", ["litert", "openvino"])
    def test_int8_mixnet_on_cifar(self, name, mixnet_on_cifar, tmp_path):
        mixnet = mixnet_on_cifar
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

    @pytest.mark.parametrize(("precision", "kept"), [("float32", True), ("int8", False)])
    def test_litert_is_spared_what_it_is_slow_at(self, precision, kept, tmp_path):
        from ai_edge_litert.interpreter import Interpreter

        inputs = keras.Input((32, 32, 3))
        x = keras.layers.Conv2D(4, 3, strides=2)(inputs)
        x = keras.layers.DepthwiseConv2D(3, dilation_rate=2, padding="same")(x)
        x = keras.layers.PReLU("random_uniform", shared_axes=[1, 2])(x)
        model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))
        noise = np.random.default_rng(0).normal(size=(20, 32, 32, 3)).astype("float32")
        path = export(
            *(model, tmp_path / "a.tflite", "litert"),
            precision=precision,
            preprocessing=RECORD,
            representative=noise if precision == "int8" else None,
        )
        expected = model(noise, training=False).numpy()
        step = 0 if kept else np.ptp(expected) / 50
        np.testing.assert_allclose(Runner(path)(noise), expected, atol=1e-5 + step)
        kinds = {each["op_name"] for each in Interpreter(str(path))._get_ops_details()}
        assert ("PRELU" in kinds) is kept  # slow in int8
        assert "SPACE_TO_BATCH_ND" not in kinds  # the dilation is the convolution's own

    def test_openvino_pads_within_convolutions(self, tmp_path):
        import openvino

        inputs = keras.Input((15, 16, 3))
        padded = keras.layers.ZeroPadding2D(1)(inputs)
        again = keras.layers.ZeroPadding2D(1)(inputs)  # OpenVINO finds out that it is the same
        parts = [
            keras.layers.Conv2D(6, 3, strides=2)(padded),
            keras.layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2)(again),
            keras.layers.MaxPooling2D(3, 2)(padded),  # of zeros too: that one keeps them
        ]
        x = keras.layers.GlobalAveragePooling2D()(keras.layers.Concatenate()(parts))
        model = keras.Model(inputs, x)
        path = export(model, tmp_path / "a.xml", "openvino", preprocessing=RECORD)
        noise = np.random.default_rng(0).normal(size=(3, 15, 16, 3)).astype("float32") - 2
        np.testing.assert_allclose(Runner(path)(noise), model(noise), atol=1e-5)
        network = openvino.Core().read_model(path)
        (pad,) = [op for op in network.get_ops() if op.get_type_name() == "Pad"]
        users = [user.get_node() for user in pad.output(0).get_target_inputs()]
        assert [node.get_type_name() for node in users] == ["MaxPool"]

    @pytest.mark.parametrize("opset", [13, 18])
    def test_onnx_is_of_the_opset_asked_for(self, opset, tiny, tmp_path):
        import onnx

        path = export(tiny, tmp_path / "a.onnx", "onnx", opset=opset)
        network = onnx.load(path)
        assert [each.version for each in network.opset_import if not each.domain] == [opset]
        assert [value.name for value in network.graph.input] == ["image"]
        assert [value.name for value in network.graph.output] == ["scores"]
        x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
        np.testing.assert_allclose(Runner(path)(x), tiny(x, training=False), atol=1e-5)

    def test_unfused_is_as_built(self, tiny, tmp_path):
        path = export(tiny, tmp_path / "a.keras", "keras", fused=False)
        assert len(keras.saving.load_model(path).layers) == len(tiny.layers)
        assert read_record(path).target is None


@pytest.fixture(scope="module")
def mobilenet(shared):
    weights = shared / "weights/mobilenet_v2_1.0_224_imagenet_dequant.weights.h5"
    model = kerazoo.MobileNetV2(weights=str(weights))
    split = "validation[100:300]"
    return TrainedCase(model, "imagenet2012", "validation[:60]", split, 200, shared / "tfds")


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


@pytest.mark.parametrize(("name", "format"), [("a", "savedmodel"), ("a.tflite", "litert")])
def test_tensorflow_says_nothing(tiny, tmp_path, caplog, name, format):
    """In a notebook its loggers print; an export that succeeds has nothing to tell."""
    caplog.set_level("INFO", "tensorflow")
    export(tiny, tmp_path / name, format, preprocessing=RECORD)
    assert not [each for each in caplog.records if each.name.startswith(("tensorflow", "absl"))]


@pytest.fixture(scope="module")
def served(named, tmp_path_factory):
    """What a process answers that cannot import Keras, for real photographs."""
    folder = tmp_path_factory.mktemp("served")
    path = export(named.model, folder / "named", "savedmodel", top=3)
    files = [folder / f"{i}.jpg" for i in range(3)]
    for file, picture in zip(files, photographs(3), strict=True):
        picture.resize((310, 220)).save(file, quality=92)
    images = [tf.io.decode_jpeg(f.read_bytes(), 3, dct_method="INTEGER_ACCURATE") for f in files]
    pictures = np.stack([image.numpy()[:200, :300] for image in images])
    np.save(folder / "pictures.npy", pictures)
    arguments = ("named/1", "pictures.npy", ",".join(map(str, files)), "answers.npz")
    done = subprocess.run(
        [sys.executable, "-c", SERVE, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with np.load(folder / "answers.npz", allow_pickle=True) as answers:
        return path, pictures, files, dict(answers)


class TestSavedModel:
    def test_pictures_and_bytes_as_preprocessing_says(self, served, named):
        _, pictures, files, answers = served
        prepare, run = picture_preprocessing(named.model), inference_function(named.model)
        expected = run(np.stack([prepare.tf_image(tf.constant(p)) for p in pictures]))
        np.testing.assert_allclose(answers["pictures_probabilities"], expected, atol=1e-4)
        expected = run(np.stack([prepare.tf_decode(f.read_bytes()) for f in files]))
        np.testing.assert_allclose(answers["encoded_probabilities"], expected, atol=1e-4)

    def test_best_classes_with_names(self, served, named):
        *_, answers = served
        wanted = kerazoo.decode_predictions(
            answers["encoded_probabilities"], top=3, model=named.model
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

    def test_documented_client(self, served):
        """The gRPC client of docs/serving.md, against a service that answers as a server does."""
        grpc = pytest.importorskip("grpc")
        pytest.importorskip("tensorflow_serving.apis.predict_pb2")
        from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

        path, _, files, answers = served
        network = tf.saved_model.load(str(path))

        class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
            def Predict(self, request, context):
                given = {k: tf.constant(tf.make_ndarray(v)) for k, v in request.inputs.items()}
                answer = network.signatures[request.model_spec.signature_name](**given)
                response = predict_pb2.PredictResponse()
                for name, value in answer.items():
                    response.outputs[name].CopyFrom(tf.make_tensor_proto(value.numpy()))
                return response

        server = grpc.server(futures.ThreadPoolExecutor(1))
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
        port = server.add_insecure_port("localhost:0")
        server.start()
        try:
            text = (ROOT / "docs/serving.md").read_text()
            client = text.split("## gRPC")[1].split("```python")[1].split("```")[0]
            client = client.replace("localhost:8500", f"localhost:{port}")
            found = {}
            exec(client.replace('"cat.jpg"', repr(str(files[0]))), found)
        finally:
            server.stop(None)
        scores = tf.make_ndarray(found["answer"].outputs["scores"])[0]
        np.testing.assert_allclose(scores, answers["encoded_scores"][0], atol=1e-6)
        names = tf.make_ndarray(found["answer"].outputs["names"])[0]
        assert names.tolist() == answers["encoded_names"][0].tolist()
