"""Quantisation-aware training: everything in int8, and the file computes what was trained."""

import json
from collections import Counter

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.deploy import Runner
from kerazoo.deploy.exporting import read_record
from kerazoo.optimize import fine_tune, quantize_aware, to_tf_keras
from kerazoo.optimize._places import places
from tests.optimize.test_bridge import network, pictures


def short(id: str, last: str, **arguments):
    """The beginning of a network under a classifier of its own."""
    model = network(id, **arguments)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(model.get_layer(last).output)
    x = keras.layers.Dense(7, name="scores")(x)
    return keras.Model(model.input, x, name=id)


# The first stages, which have every kind of layer: rounding adds up in random networks.
NETWORKS = {
    "mobilenet_v1": lambda: short("mobilenet_v1_025", "stage3_block2_pointwise_act"),
    "mobilenet_v2": lambda: short("mobilenet_v2_035", "stage3_block2_add"),
    "mixnet": lambda: short("mixnet_s", "stage3_block2_add"),
    "resnet": lambda: network("resnet10"),
    "mnasnet": lambda: short("mnasnet_a1_075", "stage3_block2_add"),
    "espnetv2": lambda: short("espnetv2_s_0_5", "stage2_block1_act"),
    "mobilenet_v3": lambda: short("mobilenet_v3_small_050", "stage4_block1_depthwise_act"),
}


def varied(count: int = 16) -> np.ndarray:
    """Pictures of different colours and contrast, on which even random networks differ."""
    rng = np.random.default_rng(3)
    contrast = np.linspace(0.2, 2, count, dtype="float32")[:, None, None, None]
    return pictures(count) * contrast + rng.normal(size=(count, 1, 1, 3)).astype("float32")


def difference(ours, theirs) -> float:
    """Mean difference as a share of how much the scores vary."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    return float(np.abs(ours - theirs).mean() / np.abs(theirs - theirs.mean(0)).mean())


@pytest.mark.parametrize("id", NETWORKS)
def test_all_of_the_file_is_in_int8(id, tmp_path):
    model, x = NETWORKS[id](), varied()
    made = quantize_aware(model, x)
    path = tmp_path / "model.tflite"
    report = made.to_litert(path)
    assert report["float_layers"] == {}
    assert report["operations"] >= 12
    runner = Runner(path)
    expected = keras.ops.convert_to_numpy(model(x))
    found = runner(x)
    assert found.shape == expected.shape

    assert difference(found, expected) < 0.3
    record = read_record(path)
    assert (record.precision, record.calibration) == ("int8", 16)


def test_training_makes_up_for_the_rounding(tmp_path):
    """A network learns in int8, and its file gives what the trained model gives."""
    import tensorflow as tf

    x, y = pictures(32), np.eye(7, dtype="float32")[np.arange(32) % 7]
    made = quantize_aware(NETWORKS["mobilenet_v1"](), x)
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
    first = fine_tune(made.model, data, 2, learning_rate=1e-3)
    last = fine_tune(made.model, data, 20, learning_rate=1e-3)
    assert last["loss"] < first["loss"]
    made.to_litert(tmp_path / "model.tflite")
    trained = made.model(x, training=False)
    assert difference(Runner(tmp_path / "model.tflite")(x), trained) < 0.3


def test_kernels_are_on_the_grid_of_their_channel():
    from kerazoo.optimize._grids import KernelGrid

    kernel = np.random.default_rng(0).normal(size=(3, 3, 4, 1)).astype("float32")
    kernel *= np.array([1, 10, 100, 0], "float32")[:, None]
    found = np.asarray(KernelGrid((0, 1))(kernel, True, {}))
    for channel in range(4):
        peak = np.abs(kernel[:, :, channel]).max()
        steps = found[:, :, channel] / max(peak / 127, 1e-9)
        np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
        assert np.abs(found - kernel)[:, :, channel].max() <= peak / 254 * 1.001


def test_one_strange_picture_does_not_set_the_range():
    from kerazoo.optimize._grids import range_of_most

    highs = np.r_[np.linspace(0.9, 1, 63), 700].astype("float32")
    low, high = range_of_most(-highs, highs)
    assert 0.98 < float(high) <= 1
    assert -1 <= float(low) < -0.98


def test_what_a_relu_follows_has_no_grid_of_its_own():
    plain = to_tf_keras(kerazoo.deploy.fuse(network("resnet10"), "litert")).model
    grids = places(plain)
    outputs = Counter(
        (type(plain.get_layer(name)).__name__, grid["output"]) for name, grid in grids.items()
    )
    # All additions and all convolutions but those that an addition takes are followed by a ReLU.
    assert outputs[("Add", "moving")] == 0
    assert outputs[("Conv2D", "moving")] == 7
    assert outputs[("MaxPooling2D", "moving")] == 0
    assert outputs[("ReLU", "moving")] == 9


def test_layers_without_an_int8_operation_are_named(tmp_path):
    x = keras.Input((16, 16, 3))
    y = keras.layers.Conv2D(4, 3, name="conv")(x)
    y = keras.layers.Activation("elu", name="odd")(y)
    y = keras.layers.GlobalAveragePooling2D()(y)
    model = keras.Model(x, keras.layers.Dense(3)(y))
    made = quantize_aware(model, pictures(4, 16))
    report = made.to_litert(tmp_path / "odd.tflite")
    assert report["float_layers"] == {"odd": ["ELU"]}
    assert Runner(tmp_path / "odd.tflite")(pictures(4, 16)).shape == (4, 3)


def test_refusals(tmp_path):
    model = network("mobilenet_v1_025")
    with pytest.raises(ValueError, match="`representative`"):
        quantize_aware(model, None)
    with pytest.raises(ValueError, match="pictures of shape"):
        quantize_aware(model, pictures(2, 32))
    x = keras.Input((16, 16, 3))
    lstm = keras.layers.LSTM(3, name="memory")(keras.layers.Reshape((16, 48))(x))
    with pytest.raises(ValueError, match=r"memory \(LSTM\)"):
        quantize_aware(keras.Model(x, lstm), pictures(2, 16))


def test_a_real_network_on_real_pictures(shared, tmp_path):
    """MixNet-S as trained on CIFAR-10: int8 says what the float network says."""
    from kerazoo.data.pipeline import evaluation_batches
    from kerazoo.data.tfds import tfds_source
    from kerazoo.inference import inference_function
    from kerazoo.labels import label_names

    model = kerazoo.MixNetS(weights="cifar10")
    load = lambda split: tfds_source("cifar10", split, data_dir=shared / "tfds")  # noqa: E731
    made = quantize_aware(model, load("train[:64]"))
    path = tmp_path / "mixnet_s.tflite"
    assert made.to_litert(path)["float_layers"] == {}
    source = load("test[:200]")
    (x, y), *_ = evaluation_batches(source, model.info.preprocessing, 200)
    expected, found, y = inference_function(model)(x), Runner(path)(x), y.numpy()
    assert (expected.argmax(1) == found.argmax(1)).mean() > 0.93
    assert abs((found.argmax(1) == y).mean() - (expected.argmax(1) == y).mean()) <= 0.03
    record = json.loads((tmp_path / "mixnet_s.tflite.json").read_text())
    assert record["labels"] == list(label_names("cifar10"))
    assert record["checkpoint"] == model.info.checkpoint
