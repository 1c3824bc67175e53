"""All or nothing: weights fit a model exactly, or it stays as it was and the error says why."""

import logging

import keras
import numpy as np
import pytest

import kerazoo

ID = "mobilenet_v1_025"
SMALL = {"weights": None, "input_shape": (32, 32, 3), "classes": 10}


@pytest.fixture
def model():
    keras.backend.clear_session(free_memory=False)
    return kerazoo.create_model(ID, **SMALL)


@pytest.fixture
def tensors(model) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        v.path: rng.uniform(0.5, 1.5, v.shape).astype("float32")
        for v in model.weights
        if "seed_generator" not in v.path
    }


def refused(model, tensors, message):
    """The load fails with `message` and changes nothing."""
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        kerazoo.load_weights(model, tensors)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_own_names(model, tensors):
    kerazoo.load_weights(model, tensors)
    for path, array in tensors.items():
        variable = next(v for v in model.weights if v.path == path)
        np.testing.assert_array_equal(variable.numpy(), array)


def test_missing_tensor(model, tensors):
    del tensors["stem_bn/gamma"], tensors["predictions/bias"]
    refused(model, tensors, "2 missing from the source: stem_bn/gamma, predictions/bias")


def test_extra_tensor(model, tensors):
    refused(model, {**tensors, "stem_conv/bias": np.zeros(8)}, "1 unexpected .*: stem_conv/bias")


def test_transposed_kernel(model, tensors):
    tensors["predictions/kernel"] = tensors["predictions/kernel"].T
    message = r"1 of another shape: predictions/kernel: \(10, 256\) in the source, \(256, 10\)"
    refused(model, tensors, message)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan(model, tensors, value):
    tensors["stage1_block1_depthwise_conv/kernel"][0, 0, 0, 0] = value
    refused(model, tensors, "1 not finite .*: stage1_block1_depthwise_conv/kernel")


def test_values_that_the_model_cannot_hold(model, tensors):
    """Finite in the source, infinite in float32, or in float16."""
    kernel = tensors["predictions/kernel"].astype("float64")
    kernel[0, 0] = 1e200
    refused(model, {**tensors, "predictions/kernel": kernel}, "1 not finite .*: predictions/kernel")
    half = kerazoo.create_model(ID, **SMALL)
    for layer in half.layers:
        for variable in layer.weights:
            if variable.path == "predictions/bias":
                variable._dtype = "float16"
    tensors["predictions/bias"][3] = 1e5
    kerazoo.load_weights(model, tensors)
    refused(half, tensors, "1 not finite .*: predictions/bias")


@pytest.mark.parametrize(
    "dtype", ["bool", "int64", "uint8", "complex64", "datetime64[s]", "timedelta64[s]", "S3", "O"]
)
@pytest.mark.parametrize("channels", [3, 4])
def test_what_is_no_float(tensors, dtype, channels):
    kinds = {**SMALL, "input_shape": (32, 32, channels)}
    model = kerazoo.create_model(ID, **kinds)
    tensors["stem_conv/kernel"] = np.ones((3, 3, 3, 8)).astype("int64").astype(dtype)
    refused(model, tensors, "1 of another kind of number: stem_conv/kernel")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_floats_of_every_width(model, tensors, dtype):
    import ml_dtypes

    wide = np.dtype(getattr(ml_dtypes, dtype, dtype))
    kerazoo.load_weights(model, {path: array.astype(wide) for path, array in tensors.items()})
    for variable in model.weights:
        if variable.path in tensors:
            rounded = tensors[variable.path].astype(wide).astype("float32")
            np.testing.assert_array_equal(variable.numpy(), rounded)


def test_wrong_network_lists_both_sides(model):
    other = kerazoo.create_model("mixnet_s", **SMALL)
    tensors = {v.path: v.numpy() for v in other.weights}
    refused(model, tensors, r"missing from the source: .*, …; \d+ unexpected in the source: .*, …")


def test_wrong_classes_with_a_full_checkpoint(model, tensors):
    tensors["predictions/kernel"] = np.zeros((256, 1000), "float32")
    tensors["predictions/bias"] = np.zeros(1000, "float32")
    refused(model, tensors, "2 of another shape: predictions/kernel")


def test_classifier_as_a_1x1_convolution(model, tensors):
    kernel = tensors["predictions/kernel"]
    kerazoo.load_weights(model, {**tensors, "predictions/kernel": kernel[None, None]})
    np.testing.assert_array_equal(model.get_layer("predictions").kernel.numpy(), kernel)
    refused(model, {**tensors, "predictions/kernel": kernel.T[None, None]}, "1 of another shape")


def test_source_of_a_wrong_type(model):
    refused(model, 3, "`source` must be a registered id")
    with pytest.raises(FileNotFoundError, match=r"no file `nowhere\.safetensors`"):
        kerazoo.load_weights(model, "nowhere.safetensors")
    refused(model, "timm/mixnet_q.in1k", "Did you mean")


def save(path, tensors):
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, path)
    return str(path)


def test_constructor_starts_a_fresh_head(model, tensors, tmp_path, caplog):
    file = save(tmp_path / "w.safetensors", tensors)
    with caplog.at_level(logging.INFO, "kerazoo"):
        other = kerazoo.create_model(ID, **{**SMALL, "weights": file, "classes": 5})
    assert [r.message for r in caplog.records] == [
        f"The head starts fresh: {file} has 10 classes, the model 5.",
        # Names of our own, with no run.json or config.json beside them.
        "`w.safetensors` does not say how its pictures are prepared: they are taken as for "
        "keras/mobilenet_v1_0.25_224; `like` (--like WEIGHTS_ID) says it.",
    ]
    np.testing.assert_array_equal(
        other.get_layer("stem_conv").kernel.numpy(), tensors["stem_conv/kernel"]
    )
    assert other.output_shape == (None, 5)


def test_constructor_without_explicit_classes_refuses_another_head(tensors, tmp_path):
    file = save(tmp_path / "w.safetensors", tensors)
    with pytest.raises(ValueError, match="2 of another shape: predictions/"):
        kerazoo.create_model(ID, weights=file, input_shape=(32, 32, 3))


def test_headless_network_takes_a_full_checkpoint(tensors, tmp_path):
    file = save(tmp_path / "w.safetensors", tensors)
    for arguments in ({"include_top": False}, {"features_only": True}):
        headless = kerazoo.create_model(ID, weights=file, **arguments)
        np.testing.assert_array_equal(
            headless.get_layer("stem_bn").gamma.numpy(), tensors["stem_bn/gamma"]
        )


@pytest.mark.parametrize("channels", [1, 4, 6])
def test_stem_is_adapted_to_other_channels(tensors, tmp_path, channels):
    file = save(tmp_path / "w.safetensors", tensors)
    arguments = {**SMALL, "weights": file, "input_shape": (32, 32, channels)}
    stem = kerazoo.create_model(ID, **arguments).get_layer("stem_conv").kernel.numpy()
    rgb = tensors["stem_conv/kernel"]
    if channels == 1:  # a grey picture gives what the same picture as RGB gave
        np.testing.assert_allclose(stem[:, :, 0], rgb.sum(2), rtol=1e-6)
    else:
        order = [i % 3 for i in range(channels)]
        np.testing.assert_allclose(stem, rgb[:, :, order] * 3 / channels, rtol=1e-6)


def test_weights_of_another_model_are_refused():
    with pytest.raises(ValueError, match=r"'timm/mixnet_m\.ft_in1k'"):
        kerazoo.MixNetM(weights="timm/mixnet_s.ft_in1k")


def test_checkpoint_conventions_yield_to_the_caller(tensors, tmp_path):
    file = save(tmp_path / "w.safetensors", tensors)
    model = kerazoo.create_model(
        ID, **{**SMALL, "weights": file}, padding="symmetric", batch_norm_epsilon=2e-5
    )
    assert model.get_layer("stem_bn").epsilon == 2e-5
    assert any(layer.name == "stem_pad" for layer in model.layers)


def test_every_convolution_that_reads_the_picture_is_adapted(tmp_path):
    # ESPNetv2 adds the pooled picture in its reducing units.
    small = {"input_shape": (64, 64, 3), "classes": 5}
    rgb = kerazoo.create_model("espnetv2_s_0_5", weights=None, **small)
    file = str(tmp_path / "w.weights.h5")
    rgb.save_weights(file)
    grey = kerazoo.create_model(
        "espnetv2_s_0_5", weights=file, **{**small, "input_shape": (64, 64, 1)}
    )
    x = np.random.default_rng(0).normal(size=(1, 64, 64, 1)).astype("float32")
    same = np.asarray(rgb(np.repeat(x, 3, -1)))
    np.testing.assert_allclose(np.asarray(grey(x)), same, atol=1e-5)
