"""Weights files of every other kind: right names and values, clear words when broken."""

import h5py
import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from kerazoo.checkpoints.read.tensors import read_tensors

NAMES = ["mobilenet_0.25_128", "mobilenet_0.5_160", "mobilenet_v2_1.0_224"]


@pytest.mark.parametrize("name", NAMES)
def test_trained_keras_files_agree_with_their_npz(shared, name):
    h5 = read_tensors(shared / f"weights/{name}_imagenet_dequant.weights.h5")
    npz = read_tensors(shared / f"weights/{name}_imagenet_dequant_f16.npz")
    assert len(npz) > 50
    for path, half in npz.items():
        layer, variable = path.split("/")
        # Keras 3 files number the variables: kernel and bias, or gamma, beta, mean, variance.
        index = {"kernel": 0, "bias": 1, "beta": 1}[variable]
        full = h5[f"{layer}/{index}"]
        assert full.dtype == "float32"
        np.testing.assert_array_equal(full.astype("float16").reshape(half.shape), half)


def small_model():
    inner = keras.Sequential(
        [keras.Input((6, 6, 4)), keras.layers.Dense(2, name="d")], name="inner"
    )
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.SeparableConv2D(4, 3, name="first"),
            keras.layers.BatchNormalization(name="second"),
            inner,
        ]
    )
    model.compile("adam", "mse", metrics=["mae"], jit_compile=False)
    model.fit(np.ones((2, 8, 8, 3)), np.ones((2, 6, 6, 2)), verbose=0)  # optimizer variables
    return model


@pytest.mark.parametrize("ending", [".weights.h5", ".keras"])
def test_keras_3_names_are_layer_and_index(tmp_path, ending):
    model = small_model()
    path = tmp_path / f"m{ending}"
    (model.save_weights if ending == ".weights.h5" else model.save)(path)
    found = read_tensors(path)
    first, second, inner = model.layers
    expected = {f"first/{i}": w for i, w in enumerate(first.get_weights())}
    expected |= {f"second/{i}": w for i, w in enumerate(second.get_weights())}
    expected |= {f"inner/d/{i}": w for i, w in enumerate(inner.get_weights())}
    assert set(found) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("weights_only", [True, False])
def test_legacy_h5_names_are_layer_and_variable(tmp_path, weights_only):
    model = keras.applications.MobileNet(
        (32, 32, 3), 0.25, weights=None, classes=5, classifier_activation=None
    )
    path = tmp_path / "m.h5"
    if weights_only:
        from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

        with h5py.File(path, "w") as file:
            save_weights_to_hdf5_group(file, model)
    else:
        model.save(path)
    found = read_tensors(path)
    assert len(found) == len(model.weights)
    for weight in model.weights:
        np.testing.assert_array_equal(found[weight.path], weight.numpy())


def legacy(path, layers):
    """A file as keras.applications publishes them, from `{layer: {weight name: array}}`."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.encode() for layer in layers]
        for layer, weights in layers.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = [name.encode() for name in weights]
            for name, array in weights.items():
                group[name] = array


def test_legacy_names_of_old_keras(tmp_path):
    one, two = np.ones(3, "f4"), np.full(3, 2, "f4")
    legacy(
        tmp_path / "m.h5",
        {
            "conv1": {"conv1_7/kernel:0": one, "conv1_7/bias:0": two},
            "bn": {"bn/bn/gamma:0": two},
            "attention": {"attention/query/kernel:0": one, "attention/key/kernel:0": two},
            "stack": {"a/kernel:0": one, "b/kernel:0": two},
            "relu": {},
        },
    )
    names = ["conv1/kernel", "conv1/bias", "bn/gamma", "attention/query/kernel"]
    names += ["attention/key/kernel", "stack/a/kernel", "stack/b/kernel"]
    found = read_tensors(tmp_path / "m.h5")
    assert list(found) == names
    assert found["stack/b/kernel"][0] == 2


def test_long_attribute_lists_are_joined(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["layer_names0"], file.attrs["layer_names1"] = [b"a"], [b"b"]
        for layer in "ab":
            group = file.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}/kernel:0".encode()]
            group[f"{layer}/kernel:0"] = np.ones(2)
    assert list(read_tensors(tmp_path / "m.h5")) == ["a/kernel", "b/kernel"]


def test_links_out_of_the_file_are_refused(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["x"] = np.ones(3)
    with h5py.File(tmp_path / "m.weights.h5", "w") as file:
        variables = file.create_group("layers/conv/vars")
        variables["0"] = h5py.ExternalLink("secret.h5", "/x")
    with pytest.raises(ValueError, match="a link to somewhere else"):
        read_tensors(tmp_path / "m.weights.h5")


def test_external_storage_is_refused(tmp_path):
    (tmp_path / "raw").write_bytes(b"\0" * 12)
    with h5py.File(tmp_path / "m.weights.h5", "w") as file:
        external = [(str(tmp_path / "raw"), 0, 12)]
        file.create_group("layers/conv/vars").create_dataset("0", (3,), "f4", external=external)
    with pytest.raises(ValueError, match="not an array stored in this file"):
        read_tensors(tmp_path / "m.weights.h5")


@pytest.mark.parametrize("dtype", ["float16", "float32", "bfloat16"])
def test_safetensors(tmp_path, dtype):
    import ml_dtypes

    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    array = np.linspace(-1, 1, 12).reshape(3, 4).astype(kind)
    save_file({"a.weight": array}, tmp_path / "m.safetensors")
    found = read_tensors(tmp_path / "m.safetensors")["a.weight"]
    assert found.dtype == ("float32" if dtype == "bfloat16" else dtype)
    np.testing.assert_array_equal(found.astype("f4"), array.astype("f4"))


def test_bfloat16_variables_of_keras(tmp_path):
    dense = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, dtype="bfloat16", name="d")])
    dense.save_weights(tmp_path / "m.weights.h5")
    found = read_tensors(tmp_path / "m.weights.h5")["d/0"]
    assert found.dtype == "float32"
    np.testing.assert_array_equal(found, np.asarray(dense.layers[0].kernel, "float32"))


def test_npz_with_objects_is_refused(tmp_path):
    np.savez(tmp_path / "m.npz", x=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match=r"m\.npz` is not a readable npz"):
        read_tensors(tmp_path / "m.npz")


SUFFIXES = [".safetensors", ".pth", ".pt", ".bin", ".npz", ".h5", ".weights.h5", ".keras"]


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html><p>Not found", b"\0" * 4000])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_is_something_else(tmp_path, suffix, content):
    path = tmp_path / f"odd{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"odd{suffix}` is not a readable"):
        read_tensors(path)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".weights.h5", ".keras"])
def test_truncated(tmp_path, suffix, share):
    path = tmp_path / f"cut{suffix}"
    arrays = {"x": np.random.default_rng(0).normal(size=5000)}
    if suffix == ".safetensors":
        save_file(arrays, path)
    elif suffix == ".npz":
        np.savez(path, **arrays)
    else:
        model = keras.Sequential([keras.Input((50,)), keras.layers.Dense(100)])
        (model.save if suffix == ".keras" else model.save_weights)(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=rf"cut{suffix}` is not a readable"):
        read_tensors(path)


def test_h5_without_layers(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w"):
        pass
    with pytest.raises(ValueError, match="no layers in it"):
        read_tensors(tmp_path / "m.h5")


def test_unknown_ending_lists_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match=r"`path` must be a file ending in one of \.safetensors"):
        read_tensors(tmp_path / "weights.ckpt")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_missing_file(tmp_path, suffix):
    with pytest.raises(FileNotFoundError, match="There is no weights file"):
        read_tensors(tmp_path / f"absent{suffix}")
