"""Pruning and clustering, and the command that does everything."""

import json

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.cli import main
from kerazoo.deploy import Runner
from kerazoo.optimize import cluster, fine_tune, optimize, prune
from tests.optimize.test_bridge import network, pictures
from tests.tiny import DEEP, NAME

pytestmark = pytest.mark.usefixtures("tiny_net")

CIFAR_WEIGHTS = "kerazoo/mixnet_s_cifar10"  # for its preprocessing


def batches():
    import tensorflow as tf

    labels = np.eye(7, dtype="float32")[np.arange(8) % 7]
    return tf.data.Dataset.from_tensor_slices((pictures(8), labels)).batch(4)


def kernels_of(model) -> dict[str, np.ndarray]:
    """Of ordinary convolutions and dense layers."""
    kinds = (keras.layers.Conv2D, keras.layers.Dense)
    return {
        layer.name: keras.ops.convert_to_numpy(layer.kernel)
        for layer in model._flatten_layers(include_self=False)
        if type(layer) in kinds
    }


@pytest.fixture
def untraced():
    """Two or four steps are made faster than they are traced; `test_the_command` traces."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.usefixtures("untraced")
def test_half_of_the_weights_are_zero():
    model = network(NAME)
    before = kernels_of(model)
    made = prune(model, 0.5, steps=4)
    x = pictures()
    np.testing.assert_allclose(made.model(x), model(x), rtol=1e-4, atol=1e-4)  # not yet
    fine_tune(made.model, batches(), 4, learning_rate=1e-5, callbacks=made.callbacks)
    pruned, report = made.finish()
    kernels = kernels_of(pruned)
    assert set(report) == set(kernels) == set(before)
    for name, kernel in kernels.items():
        assert np.mean(kernel == 0) == pytest.approx(0.5, abs=0.01)
        assert report[name] == pytest.approx(np.mean(kernel == 0))
        # The smallest went, the others are nearly what they were.
        kept = kernel != 0
        assert np.abs(before[name][kept]).min() >= np.abs(before[name][~kept]).max() - 1e-3
        np.testing.assert_allclose(kernel[kept], before[name][kept], atol=1e-3)
    np.testing.assert_allclose(made.model(x), pruned(x), rtol=1e-4, atol=1e-4)
    for name, kernel in kernels_of(model).items():
        np.testing.assert_array_equal(kernel, before[name])
    # With pictures: statistics of the pruned kernels, not those of before.
    settled, _ = made.finish(batches())
    first = next(x for x in settled.layers if isinstance(x, keras.layers.BatchNormalization))
    taken = np.asarray(keras.Model(settled.input, first.input)(pictures(8)))
    np.testing.assert_allclose(first.moving_mean, taken.mean((0, 1, 2)), rtol=1e-3, atol=1e-5)


@pytest.mark.usefixtures("untraced")
def test_kernels_have_sixteen_values():
    model = network(NAME)
    made = cluster(model, 16)
    fine_tune(made.model, batches(), 2, learning_rate=1e-5)
    clustered, report = made.finish()
    kernels = kernels_of(clustered)
    assert set(report) == set(kernels)
    for name, kernel in kernels.items():
        assert 2 <= len(np.unique(kernel)) <= 16
        assert report[name] == len(np.unique(kernel))
    x = pictures()
    np.testing.assert_allclose(made.model(x), clustered(x), rtol=1e-4, atol=1e-4)
    assert not any("BatchNorm" in type(layer).__name__ for layer in clustered.layers)
    assert clustered.info == model.info


def test_refusals():
    model = network(NAME)
    for sparsity in (0.0, 1.0, 50, "half", True):
        with pytest.raises(ValueError, match="`sparsity`"):
            prune(model, sparsity, steps=4)
    with pytest.raises(ValueError, match="`steps`"):
        prune(model, 0.5, steps=1)
    for clusters in (1, 2.5, True):
        with pytest.raises(ValueError, match="`clusters`"):
            cluster(model, clusters)
    x = keras.Input((8, 8, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(x)
    with pytest.raises(ValueError, match="convolutions or dense"):
        prune(keras.Model(x, pooled), 0.5, steps=4)
    with pytest.raises(ValueError, match="`learning_rate`"):
        fine_tune(None, None, 4, learning_rate=0.0)
    with pytest.raises(ValueError, match="`steps`"):
        fine_tune(None, None, -1)


@pytest.fixture(scope="module")
def small(tiny_net, tmp_path_factory):
    """A `.keras` file of a small network for CIFAR-10, not trained."""
    keras.utils.set_random_seed(0)
    model = kerazoo.create_model(NAME, weights=None, input_shape=(32, 32, 3), classes=10)
    path = tmp_path_factory.mktemp("small") / "small.keras"
    model.save(path)
    return path


@pytest.mark.parametrize("method", ["qat", "cluster"])
def test_the_command(method, small, data_dir, tmp_path, capsys):
    output = tmp_path / "out"
    words = ["optimize", str(small), "--method", method, "--data", "cifar10", "--steps", "2"]
    words += ["--data-dir", str(data_dir), "--train", "train[:200]", "--limit", "40"]
    words += ["--like", CIFAR_WEIGHTS, "--batch-size", "16", "--output", str(output)]
    assert main(words) == 0, capsys.readouterr().err
    assert "40 pictures" in capsys.readouterr().out
    result = json.loads((output / "result.json").read_text())
    assert (result["method"], result["steps"], result["pictures"]) == (method, 2, 40)
    assert 0 <= result["top1"] <= 100
    assert result["file_size"] == (output / "model.tflite").stat().st_size
    assert result["data"]["train"]["count"] == 200
    report = json.loads((output / "report.json").read_text())
    if method == "qat":
        assert report["float_layers"] == {}
    else:
        stored = kernels_of(keras.saving.load_model(output / "model.keras", compile=False))
        assert report["kernels"] == {name: len(np.unique(k)) for name, k in stored.items()}
    picture = np.zeros((32, 32, 3), "uint8")
    assert len(Runner(output / "model.tflite").predict([picture], top=3)[0]) == 3
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    # Nothing is overwritten that nobody asked for.
    assert main(words) == 2
    assert "--force" in capsys.readouterr().err
    (output / "mine.txt").touch()
    assert main([*words, "--force"]) == 2
    assert "it holds mine.txt" in capsys.readouterr().err


def test_arguments_are_checked_first(tmp_path):
    model = kerazoo.create_model(NAME, weights=None, classes=10)
    with pytest.raises(ValueError, match=r"Unknown `method`.*'qat'"):
        optimize(model, "cifar10", tmp_path / "out", "int8")
    with pytest.raises(ValueError, match="`learning_rate`"):
        optimize(model, "cifar10", tmp_path / "out", "qat", learning_rate=-1)
    with pytest.raises(ValueError, match="carries its preprocessing"):
        optimize(model, "cifar10", tmp_path / "out", "qat")
    detector = kerazoo.SSDLite(backbone=DEEP, classes=2, input_shape=(64, 64, 3))
    known = {"preprocessing": kerazoo.Preprocessing((64, 64))}
    with pytest.raises(ValueError, match=r"a score for each class of a picture\..*for detection"):
        optimize(detector, "cifar10", tmp_path / "out", "qat", **known)
    assert not any(tmp_path.iterdir())
